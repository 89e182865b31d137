package cluster

import (
	"context"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"kubarium/cluster/addons"
	"kubarium/cluster/component"
	"kubarium/cluster/node"
	"kubarium/cluster/pki"
)

// nodePurpose is what a node is for, in one sentence.
const nodePurpose = "a machine that runs pods: containerd, kubelet and kube-proxy"

// firstNodeAddress is the last byte of node-0's address; node-1 has the next.
const firstNodeAddress = 10

// newNodeState describes the node of the given number, as if just installed.
func newNodeState(index int) (nodeState, error) {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return nodeState{}, fmt.Errorf("draw machine ID: %w", err)
	}
	return nodeState{Name: nodeName(index), Index: index, MachineID: hex.EncodeToString(id)}, nil
}

func nodeName(index int) string { return fmt.Sprintf("node-%d", index) }

func (c *Cluster) nodeAddress(index int) netip.Addr {
	base := c.network.Config().Subnet.Masked().Addr().As4()
	base[3] = byte(firstNodeAddress + index)
	return netip.AddrFrom4(base)
}

// nodeSpec says what the node's process needs, certificates included: they are
// issued at each start.
func (c *Cluster) nodeSpec(n nodeState) (node.Spec, error) {
	address := c.nodeAddress(n.Index)
	user := "system:node:" + n.Name
	kubelet, err := c.pki.Client(user, "system:nodes")
	if err != nil {
		return node.Spec{}, err
	}
	serving, err := c.pki.Server(pkix.Name{CommonName: user, Organization: []string{"system:nodes"}}, []string{n.Name}, []net.IP{address.AsSlice()})
	if err != nil {
		return node.Spec{}, err
	}
	proxy, err := c.pki.Client("system:kube-proxy")
	if err != nil {
		return node.Spec{}, err
	}
	policy, err := c.policyClient(n.Name)
	if err != nil {
		return node.Spec{}, err
	}
	self, err := os.Executable()
	if err != nil {
		return node.Spec{}, fmt.Errorf("find own program: %w", err)
	}
	net := c.network.Config()
	return node.Spec{
		Name: n.Name, IP: address, Gateway: net.Gateway,
		Dir: c.layout.Node(n.Name), RunDir: c.layout.Run(), LogDir: filepath.Join(c.layout.Logs(), n.Name), BinDir: c.layout.Bin(), Self: self,
		APIServer: fmt.Sprintf("https://%s:%d", net.Router, c.state.Port), CA: c.pki.CA.PEM(),
		KubeletCert: kubelet.Cert, KubeletKey: kubelet.Key,
		ServingCert: serving.Cert, ServingKey: serving.Key,
		ProxyCert: proxy.Cert, ProxyKey: proxy.Key,
		PolicyCert: policy.Cert, PolicyKey: policy.Key,
		ClusterDNS: clusterDNS(net.ServiceCIDR), ClusterDomain: clusterDomain,
		ServiceCIDR: net.ServiceCIDR, PodCIDR: net.PodCIDR,
		Registry: c.registryAddress(),
		Reserved: reservedFor(n.Index), MachineID: n.MachineID,
		CgroupParent: c.layout.cgroup() + "/" + n.Name,
		Tap:          !c.options.NoTrace,
		Timers:       c.nodeTimers(),
	}, nil
}

// policyClient is the identity of what enforces NetworkPolicies on the node; empty if
// nothing is to.
func (c *Cluster) policyClient(name string) (pki.KeyPair, error) {
	if !c.options.has(addons.NetworkPolicy) {
		return pki.KeyPair{}, nil
	}
	return c.pki.Client("kubarium:network-policy:"+name, "kubarium:network-policy")
}

func clusterDNS(services netip.Prefix) netip.Addr {
	base := services.Masked().Addr().As4()
	base[3] = 10
	return netip.AddrFrom4(base)
}

// bootNode starts a node's process and its container runtime. The kubelet is held
// until the API server serves.
func (c *Cluster) bootNode(ctx context.Context, n nodeState) error {
	c.tracker.set(n.Name, component.Starting, "")
	if err := checkInotify(1); err != nil {
		return c.nodeFailed(n.Name, err)
	}
	spec, err := c.nodeSpec(n)
	if err != nil {
		return c.nodeFailed(n.Name, err)
	}
	running, err := node.Start(ctx, spec, func(pid int) error { return c.network.AttachNode(pid, n.Name, spec.IP) })
	if err != nil {
		return c.nodeFailed(n.Name, err)
	}
	gone := make(chan struct{})
	c.mu.Lock()
	c.nodes[n.Name], c.gone[n.Name] = running, gone
	c.mu.Unlock()
	go func() {
		defer close(gone)
		c.superviseNode(n.Name, running)
	}()
	if spec.Tap {
		go c.followNode(n.Name, running)
	}
	return nil
}

func (c *Cluster) nodeFailed(name string, err error) error {
	c.tracker.set(name, component.Failed, err.Error())
	return fmt.Errorf("start %s: %w", name, err)
}

// superviseNode waits for a node's end, takes its cable out, and tells of it. Only then
// is the node forgotten: whoever starts it anew finds nothing of the old one.
func (c *Cluster) superviseNode(name string, running *node.Node) {
	<-running.Done()
	if err := c.network.DetachNode(name); err != nil {
		c.log.Error("detach node", "node", name, "error", err)
	}
	if info, _ := c.tracker.get(name); info.State == component.Stopping {
		c.tracker.set(name, component.Stopped, "")
	} else {
		c.tracker.set(name, component.Failed, "the machine went off; start it again with: kubarium node start "+name)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.nodes, name)
	delete(c.gone, name)
}

// awaitGone waits until nothing of a node that has ended, or is about to, is left.
func (c *Cluster) awaitGone(name string) {
	c.mu.Lock()
	gone := c.gone[name]
	c.mu.Unlock()
	if gone != nil {
		<-gone
	}
}

// Nodes returns the names of all nodes, running or not.
func (c *Cluster) Nodes() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := make([]string, 0, len(c.state.Nodes))
	for _, n := range c.state.Nodes {
		names = append(names, n.Name)
	}
	return names
}

// AddNode adds a machine to the cluster and starts it.
func (c *Cluster) AddNode(ctx context.Context) (string, error) {
	if c.isFrozen() {
		return "", errFrozen
	}
	c.mu.Lock()
	if len(c.state.Nodes) >= MaxNodes || c.state.NextNode > MaxNodes {
		c.mu.Unlock()
		return "", fmt.Errorf("the nodes' subnet has no address left: a cluster has at most %d nodes in its life", MaxNodes)
	}
	n, err := newNodeState(c.state.NextNode)
	if err == nil {
		c.state.NextNode++
		c.state.Nodes = append(c.state.Nodes, n)
		err = c.state.write(c.layout.state())
	}
	c.mu.Unlock()
	if err != nil {
		return "", err
	}
	c.tracker.add(n.Name, nodePurpose)
	return n.Name, c.runNode(ctx, n)
}

// StartNode turns a node on that was stopped or killed.
func (c *Cluster) StartNode(ctx context.Context, name string) error {
	if c.isFrozen() {
		return errFrozen
	}
	n, running, err := c.findNode(name)
	if err != nil {
		return err
	}
	if running != nil {
		select {
		case <-running.Done():
			c.awaitGone(name)
		default:
			return fmt.Errorf("%s runs already", name)
		}
	}
	if err := c.rememberStopped(name, false); err != nil {
		return err
	}
	return c.runNode(ctx, n)
}

func (c *Cluster) runNode(ctx context.Context, n nodeState) error {
	if err := c.bootNode(ctx, n); err != nil {
		return err
	}
	return c.startKubelet(ctx, n.Name)
}

func (c *Cluster) startKubelet(ctx context.Context, name string) error {
	_, running, err := c.findNode(name)
	if err != nil {
		return err
	}
	if running == nil {
		return fmt.Errorf("%s is off", name)
	}
	if err := running.StartKubelet(ctx); err != nil {
		return c.nodeFailed(name, err)
	}
	return nil
}

// StopNode shuts a node down: its processes are asked to end.
func (c *Cluster) StopNode(ctx context.Context, name string) error {
	return c.endNode(name, true, func(n *node.Node) error { return n.Stop(ctx) })
}

// KillNode is a power cut: all of the node is gone in the same instant.
func (c *Cluster) KillNode(_ context.Context, name string) error {
	return c.endNode(name, true, func(n *node.Node) error { return n.Kill() })
}

// endNode turns a node off; a remembered one stays off at the next start.
func (c *Cluster) endNode(name string, remember bool, end func(*node.Node) error) error {
	_, running, err := c.findNode(name)
	if err != nil {
		return err
	}
	switch {
	case c.isFrozen():
		return errFrozen
	case running == nil:
		return fmt.Errorf("%s is off already", name)
	}
	if remember {
		if err := c.rememberStopped(name, true); err != nil {
			return err
		}
	}
	c.tracker.set(name, component.Stopping, "")
	if err := end(running); err != nil {
		return fmt.Errorf("stop %s: %w", name, err)
	}
	c.awaitGone(name)
	return nil
}

// RemoveNode takes a node out of the cluster for good: machine, disk and Node object.
func (c *Cluster) RemoveNode(ctx context.Context, name string) error {
	_, running, err := c.findNode(name)
	if err != nil {
		return err
	}
	if running != nil {
		if err := c.KillNode(ctx, name); err != nil {
			return err
		}
	}
	c.mu.Lock()
	kept := c.state.Nodes[:0:0]
	for _, n := range c.state.Nodes {
		if n.Name != name {
			kept = append(kept, n)
		}
	}
	c.state.Nodes = kept
	err = c.state.write(c.layout.state())
	c.mu.Unlock()
	if err != nil {
		return err
	}
	c.tracker.remove(name)
	if err := os.RemoveAll(c.layout.Node(name)); err != nil {
		return fmt.Errorf("remove disk of %s: %w", name, err)
	}
	client, err := kubernetes.NewForConfig(c.restConfig)
	if err != nil {
		return err
	}
	if err := client.CoreV1().Nodes().Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete node object: %w", err)
	}
	return c.giveBackNumber()
}

// giveBackNumber lets the next node have the number of the last one, if that is removed:
// nothing of it is left, and the subnet has only so many addresses.
func (c *Cluster) giveBackNumber() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := 0
	for _, n := range c.state.Nodes {
		last = max(last, n.Index)
	}
	if c.state.NextNode == last+1 {
		return nil
	}
	c.state.NextNode = last + 1
	return c.state.write(c.layout.state())
}

func (c *Cluster) findNode(name string) (nodeState, *node.Node, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.state.Nodes {
		if n.Name == name {
			return n, c.nodes[name], nil
		}
	}
	names := make([]string, 0, len(c.state.Nodes))
	for _, n := range c.state.Nodes {
		names = append(names, n.Name)
	}
	return nodeState{}, nil, fmt.Errorf("there is no node %q; there are %s", name, strings.Join(names, ", "))
}

// rememberStopped keeps a node that was turned off, off at the next start.
func (c *Cluster) rememberStopped(name string, stopped bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.state.Nodes {
		if c.state.Nodes[i].Name == name {
			c.state.Nodes[i].Stopped = stopped
		}
	}
	return c.state.write(c.layout.state())
}

// stopNodes turns all nodes off at once.
func (c *Cluster) stopNodes(ctx context.Context) error {
	c.mu.Lock()
	running := make(map[string]*node.Node, len(c.nodes))
	for name, n := range c.nodes {
		running[name] = n
	}
	c.mu.Unlock()
	results := make(chan error, len(running))
	for name, n := range running {
		c.tracker.set(name, component.Stopping, "")
		go func() {
			err := n.Stop(ctx)
			if err != nil {
				err = errors.Join(fmt.Errorf("stop %s: %w", name, err), n.Kill())
			}
			c.awaitGone(name)
			results <- err
		}()
	}
	var errs []error
	for range running {
		errs = append(errs, <-results)
	}
	return errors.Join(errs...)
}
