package fault

import "time"

// How long faults last by default, and at most.
const (
	usual   = 2 * time.Minute
	longest = time.Hour
)

// kubeletConfig is what two faults change.
const kubeletConfig = "the configuration of the kubelet"

// Catalogue returns all faults, in the order in which they are shown.
func Catalogue() []Fault {
	var all []Fault
	for _, family := range [][]Fault{containerFaults(), nodeFaults(), componentFaults(), serviceFaults()} {
		all = append(all, family...)
	}
	return all
}

func containerFaults() []Fault {
	return []Fault{
		{
			Name: "container-kill", Target: containerTarget, inject: killContainer,
			Summary: "kill the main process of a container",
			Expect:  "The container ends with exit code 137; its kubelet starts it again at once, and with growing back-off if it happens often.",
		},
		{
			Name: "container-oom", Target: containerTarget, inject: exhaustContainer,
			Summary: "use up the memory of a container, until the kernel kills its process",
			Expect:  "The container ends as OOMKilled, exit code 137; its kubelet starts it again, with the memory limit that its pod asks for.",
		},
		{
			Name: "image-pull-failure", Target: "IMAGE|all", inject: refuseImage, Default: usual, Max: longest,
			Summary: "the cluster's registry refuses an image",
			Expect:  "New pods that have to pull the image go to ErrImagePull and ImagePullBackOff; nodes that have it already start pods as before. Once healed, the next attempt of the back-off pulls it.",
		},
	}
}

func nodeFaults() []Fault {
	return []Fault{
		{
			Name: "node-kill", Target: nodeTarget, inject: endNode(true), Default: 5 * time.Minute, Max: longest,
			Summary: "cut the power of a node",
			Expect:  "After the grace period of 50 s the node is NotReady and its pods leave the endpoints of services; 5 minutes later they are replaced elsewhere. When the node is on again it is Ready and runs what is still meant for it.",
		},
		{
			Name: "node-stop", Target: nodeTarget, inject: endNode(false), Default: 5 * time.Minute, Max: longest,
			Summary: "shut a node down: its processes are asked to end",
			Expect:  "As node-kill, but containers may end in order.",
		},
		{
			Name: "node-partition", Target: nodeTarget, inject: partitionNode, Default: usual, Max: longest,
			Params:  []Param{{Name: "from", Default: "all", Meaning: "whom it does not reach, and who does not reach it: all, control-plane or a node"}},
			Summary: "drop all packets between a node and the others",
			Expect:  "The node's pods go on, and do not reach those of other nodes. Without the control plane the node is NotReady after the grace period of 50 s, and its pods are replaced after 5 minutes more; when it is back it ends those that were replaced.",
		},
		{
			Name: "node-slow", Target: nodeTarget, inject: slowNode, Default: usual, Max: longest,
			Params: []Param{
				{Name: "cpu", Default: "20", Meaning: "how much processor time the node has, in hundredths of one processor; none is no limit"},
				{Name: "rate", Default: "none", Meaning: "how much the node may send, in kbit a second; none is no limit"},
			},
			Summary: "give a node little processor time, or a slow link",
			Expect:  "All of the node takes longer, kubelet and containers alike: pods start late, answers and probes run into their time-outs. If its lease comes late, the node is NotReady for a while.",
		},
		{
			Name: "packet-drop", Target: betweenTarget, inject: dropPackets, Default: usual, Max: longest,
			Params:  []Param{{Name: "percent", Default: "100", Meaning: "how many of a hundred packets are dropped"}},
			Summary: "drop packets between two pods or nodes, both ways",
			Expect:  "With all packets dropped, connections hang until their time-outs; with some, they are slow, since TCP sends again and slows down. A node stands for its pods as well.",
		},
		{
			Name: "packet-delay", Target: betweenTarget, inject: delayPackets, Default: usual, Max: longest,
			Params:  []Param{{Name: "ms", Default: "200", Meaning: "by how many milliseconds each packet comes later"}},
			Summary: "delay packets between two pods or nodes, both ways",
			Expect:  "Nothing is lost, but an answer comes twice the delay later, and a new connection needs as much again before the first byte: probes and clients with short time-outs fail. A node stands for its pods as well.",
		},
		{
			Name: "disk-pressure", Target: nodeTarget, inject: pressDisk, alone: kubeletConfig, Default: 5 * time.Minute, Max: longest,
			Summary: "fill the disk of a node",
			Expect:  "Within 10 s the node has the condition DiskPressure and the taint node.kubernetes.io/disk-pressure: it gets no new pods, and its kubelet evicts those that there are, the least important first. Evicted pods stay, ended, with an event Evicted; their controllers make others elsewhere. On a node with a disk of its own (kubarium node add --disk 2Gi, or up --node-disk 2Gi) nobody can write any more, pods and image pulls included: No space left on device. The disk of any other node is this machine's, and is not filled: its kubelet is told to call it full, and pods can still write.",
		},
		{
			Name: "kubelet-config-corrupt", Target: nodeTarget, inject: corruptConfig, alone: kubeletConfig, Default: usual, Max: longest,
			Summary: "the configuration file of a node's kubelet can't be read",
			Expect:  "The kubelet fails at each start, and with it the daemons that share its process; after 50 s the node is NotReady. Containers go on. Once healed the kubelet starts at its next attempt, within 10 s.",
		},
		{
			Name: "certificate-expired", Target: nodeTarget, inject: expireCertificate, Default: usual, Max: longest,
			Summary: "the client certificate of a node's kubelet is over",
			Expect:  "The kubelet's requests are answered 401 Unauthorized; after 50 s the node is NotReady, while its containers go on. With a good certificate it is Ready within seconds.",
		},
	}
}

func componentFaults() []Fault {
	return []Fault{
		{
			Name: "component-stop", Target: componentTarget, inject: stopComponent, Default: usual, Max: longest,
			Summary: "stop a component of the control plane, or a daemon of a node",
			Expect:  "Nobody does the component's work; what is there stays as it is. Once it is started again it catches up.",
		},
		{
			Name: "component-crash", Target: componentTarget, inject: crashComponent, Default: 10 * time.Second, Max: longest,
			Summary: "end a component as if it had failed",
			Expect:  "Connections to it break at once. A component of the control plane is started again when the fault ends; a daemon of a node at once, by the node, and with it the others that share its process.",
		},
		{
			Name: "etcd-quorum-loss", Target: etcdTarget, inject: loseQuorum, Default: time.Minute, Max: longest,
			Summary: "stop two of the three members of etcd (of a cluster that was made with --etcd-members 3)",
			Expect:  "The member that is left may not decide alone: etcd refuses writes and consistent reads, and the API server answers with time-outs. What runs goes on; nothing new is scheduled, and no node can renew its lease. Once two members are there again they elect a leader, within some seconds, and nothing that was acknowledged is lost.",
		},
	}
}

func serviceFaults() []Fault {
	return []Fault{
		{
			Name: FastClock, Target: WholeCluster, inject: speedUp, Default: 30 * time.Minute, Max: 8 * time.Hour,
			Summary: "shorten the timers that make one wait for minutes (breaks nothing; the same as 'kubarium clock fast')",
			Expect:  "The API server, the controllers and the kubelets start anew within seconds; containers go on. From then on a node that is off is NotReady after some 12 s instead of 50 s, and new pods leave it 10 s later instead of 5 minutes; containers that crash wait 5 s at most instead of 5 minutes; autoscalers look every 5 s and scale down after 20 s instead of 5 minutes. 'kubarium clock' tells each value beside production's.",
		},
		{
			Name: "dns-skew", Target: "NAME", inject: skewDNS, Default: usual, Max: longest, lasting: true,
			Params:  []Param{{Name: "answer", Default: "192.0.2.1", Meaning: "what CoreDNS answers: an IPv4 address, nxdomain or servfail"}},
			Summary: "CoreDNS answers wrong for a name, and those below it",
			Expect:  "The ConfigMap coredns in kube-system has a rule for the name, and pods that ask for it get the wrong answer; what knows the address already goes on. Once healed, caches may keep the answer for 5 s.",
		},
	}
}
