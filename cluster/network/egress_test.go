package network

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/net/dns/dnsmessage"
)

func TestEgressTCP(t *testing.T) {
	lab := openLab(t)
	node := attachNode(t, lab, "node-1", "10.89.0.11")
	outside := listenHost(t, outsideAddr+":0")
	serveEcho(t, outside)
	c, err := node.dial("tcp", outside.Addr().String())
	mustReach(t, c, err)

	big := strings.Repeat("0123456789abcdef", 1<<18)
	if c, err = node.dial("tcp", outside.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if answer := ask(t, c, big); answer != "echo "+big {
		t.Errorf("4 MiB came back as %d bytes", len(answer))
	}
}

func TestEgressRefuses(t *testing.T) {
	lab := openLab(t)
	node := attachNode(t, lab, "node-1", "10.89.0.11")
	loopback := listenHost(t, "127.0.0.1:0")
	_, port, _ := net.SplitHostPort(loopback.Addr().String())
	metadata := listenHost(t, "169.254.169.254:0")
	for what, address := range map[string]string{
		"a port nobody listens on":          outsideAddr + ":" + port,
		"the host's loopback by gateway":    "10.89.0.2:" + port,
		"the host's loopback by router":     "10.89.0.1:" + port,
		"a link-local address of the host":  metadata.Addr().String(),
		"an address of no node":             "10.96.0.77:80",
		"the host's loopback, as loopback ": "127.0.0.1:" + port,
	} {
		c, err := node.dial("tcp", address)
		if err == nil {
			c.Close()
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial %s (%s): %v", what, address, err)
		}
	}
}

func TestEgressUDP(t *testing.T) {
	lab := openLab(t)
	node := attachNode(t, lab, "node-1", "10.89.0.11")
	server, err := net.ListenPacket("udp", outsideAddr+":0")
	if err != nil {
		t.Fatal(err)
	}
	servePackets(t, server, func(q []byte) []byte { return append([]byte("echo "), q...) })
	c, err := node.dial("udp", server.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, question := range []string{"hello", strings.Repeat("x", 4000)} {
		if answer := askPacket(t, c, []byte(question)); string(answer) != "echo "+question {
			t.Errorf("answer of %d bytes to %d", len(answer), len(question))
		}
	}
}

func TestEgressDNS(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "resolv.conf")
	lab := openLab(t, func(c *Config) { c.ResolvConf = conf })
	node := attachNode(t, lab, "node-1", "10.89.0.11")

	// 203.0.113.9 is nobody's; the second server has to be asked.
	writeFile(t, conf, "search example.test\nnameserver 127.9.9.9\nnameserver "+outsideAddr+"\n")
	packets, err := net.ListenPacket("udp", outsideAddr+":53")
	if err != nil {
		t.Fatal(err)
	}
	servePackets(t, packets, answerDNS)
	r := nodeResolver(node)
	addrs, err := r.LookupHost(t.Context(), "known.example.")
	if err != nil || len(addrs) != 1 || addrs[0] != "192.0.2.7" {
		t.Errorf("lookup: %v, %v", addrs, err)
	}
	var failure *net.DNSError
	if _, err := r.LookupHost(t.Context(), "unknown.example."); !errors.As(err, &failure) || !failure.IsNotFound {
		t.Errorf("lookup of what is not there: %v", err)
	}

	// Nobody can be asked now, which is another thing than "no such name".
	writeFile(t, conf, "nameserver 127.9.9.9\n")
	if _, err := r.LookupHost(t.Context(), "known.example."); !errors.As(err, &failure) || failure.IsNotFound {
		t.Errorf("lookup without name servers: %v", err)
	}
}

func TestEgressDNSOverTCP(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "resolv.conf")
	writeFile(t, conf, "nameserver "+outsideAddr+"\n")
	lab := openLab(t, func(c *Config) { c.ResolvConf = conf })
	node := attachNode(t, lab, "node-1", "10.89.0.11")
	serveDNSOverTCP(t, listenHost(t, outsideAddr+":53"), answerDNS)
	c, err := node.dial("tcp", "10.89.0.2:53")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// A resolver keeps its connection.
	for id := range uint16(3) {
		answer := askDNS(t, c, dnsmessage.Message{
			Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
			Questions: []dnsmessage.Question{question("known.example.", dnsmessage.TypeA)},
		})
		if answer.ID != id || len(answer.Answers) != 1 {
			t.Errorf("question %d over TCP: %+v", id, answer)
		}
	}

	// Nobody can be asked now, which is another thing than "no such name".
	writeFile(t, conf, "nameserver 127.9.9.9\n")
	answer := askDNS(t, c, dnsmessage.Message{Questions: []dnsmessage.Question{question("known.example.", dnsmessage.TypeA)}})
	if answer.RCode != dnsmessage.RCodeServerFailure {
		t.Errorf("question over TCP without name servers: %+v", answer)
	}
}

// To the host's name server, pods are the host itself: they may ask it for names only.
func TestEgressDNSPassesQuestionsOnly(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "resolv.conf")
	writeFile(t, conf, "nameserver "+outsideAddr+"\n")
	lab := openLab(t, func(c *Config) { c.ResolvConf = conf })
	node := attachNode(t, lab, "node-1", "10.89.0.11")
	packets, err := net.ListenPacket("udp", outsideAddr+":53")
	if err != nil {
		t.Fatal(err)
	}
	passed := func(m []byte) []byte {
		t.Errorf("the host's name server is told %x", m)
		return nil
	}
	servePackets(t, packets, passed)
	serveDNSOverTCP(t, listenHost(t, outsideAddr+":53"), passed)
	const ixfr = 251
	for _, network := range []string{"udp", "tcp"} {
		c, err := node.dial(network, "10.89.0.2:53")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for _, m := range []struct {
			op        dnsmessage.OpCode
			questions []dnsmessage.Question
			want      dnsmessage.RCode
		}{
			{0, []dnsmessage.Question{question("example.", dnsmessage.TypeAXFR)}, dnsmessage.RCodeRefused},
			{0, []dnsmessage.Question{question("example.", ixfr)}, dnsmessage.RCodeRefused},
			{0, []dnsmessage.Question{question("a.example.", dnsmessage.TypeA), question("example.", dnsmessage.TypeAXFR)}, dnsmessage.RCodeRefused},
			{1, []dnsmessage.Question{question("a.example.", dnsmessage.TypeA)}, dnsmessage.RCodeNotImplemented},
			{4, []dnsmessage.Question{question("example.", dnsmessage.TypeSOA)}, dnsmessage.RCodeNotImplemented},
			{5, []dnsmessage.Question{question("example.", dnsmessage.TypeSOA)}, dnsmessage.RCodeNotImplemented},
			{6, nil, dnsmessage.RCodeNotImplemented},
		} {
			answer := askDNS(t, c, dnsmessage.Message{Header: dnsmessage.Header{ID: 7, OpCode: m.op}, Questions: m.questions})
			if answer.ID != 7 || !answer.Response || answer.OpCode != m.op || answer.RCode != m.want {
				t.Errorf("operation %d with %v over %s is answered %+v", m.op, m.questions, network, answer.Header)
			}
		}
	}
}

func TestPingAnswersOnlyForTheGateway(t *testing.T) {
	lab := openLab(t)
	node := attachNode(t, lab, "node-1", "10.89.0.11")
	if err := ping(node, "10.89.0.2"); err != nil {
		t.Errorf("ping the gateway: %v", err)
	}
	if err := ping(node, "198.51.100.1"); err == nil {
		t.Error("a host that isn't there answers")
	}
}

// The gateway must not claim the addresses of nodes that are not there now.
func TestGatewayHasOneAddress(t *testing.T) {
	lab := openLab(t)
	node := attachNode(t, lab, "node-1", "10.89.0.11")
	if c, err := node.dial("tcp", "10.89.0.99:80"); !errors.Is(err, syscall.EHOSTUNREACH) {
		t.Errorf("dial an address no node has: %v, %v", c, err)
	}
}

// Hosts outside that are silent must not keep others from being reached.
func TestEgressSurvivesSilence(t *testing.T) {
	lab := openLab(t)
	node := attachNode(t, lab, "node-1", "10.89.0.11")
	const silent = 32
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{}, silent)
	for i := range silent {
		go func() {
			defer func() { ended <- struct{}{} }()
			_ = enter(node.ns, func() error {
				c, err := (&net.Dialer{}).DialContext(ctx, "tcp", fmt.Sprintf("203.0.113.%d:80", 100+i))
				if err == nil {
					c.Close()
				}
				return err
			})
		}()
	}
	awaitNeighbours(t, silent)
	outside := listenHost(t, outsideAddr+":0")
	serveEcho(t, outside)
	c, err := node.dial("tcp", outside.Addr().String())
	mustReach(t, c, err)
	cancel()
	for range silent {
		<-ended
	}
}

// awaitNeighbours waits until the host looks for so many neighbours at a time.
func awaitNeighbours(t *testing.T, want int) {
	t.Helper()
	for range 2000 {
		list, err := netlink.NeighList(0, netlink.FAMILY_V4)
		if err != nil {
			t.Fatal(err)
		}
		looking := 0
		for _, n := range list {
			if n.State == netlink.NUD_INCOMPLETE {
				looking++
			}
		}
		if looking >= want {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("the gateway does not dial so many hosts at a time")
}

// What pods have open outside takes from the process that the API server is in.
func TestEgressIsBounded(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "resolv.conf")
	writeFile(t, conf, "nameserver "+outsideAddr+"\n")
	var told strings.Builder
	lab := openLab(t, func(c *Config) {
		c.MaxConnections, c.ResolvConf, c.Log = 2, conf, slog.New(slog.NewTextHandler(&told, nil))
	})
	node := attachNode(t, lab, "node-1", "10.89.0.11")
	outside := listenHost(t, outsideAddr+":0")
	serveEcho(t, outside)
	var open []net.Conn
	for range 2 {
		c, err := node.dial("tcp", outside.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		open = append(open, c)
	}
	for range 3 {
		if c, err := node.dial("tcp", outside.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("one connection more than there may be: %v, %v", c, err)
		}
	}
	serveEcho(t, listenHost(t, outsideAddr+":53"))
	c, err := node.dial("tcp", "10.89.0.2:53")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a question over TCP beyond the bound: %d bytes, %v", n, err)
	}
	for _, c := range open {
		if answer := ask(t, c, "hello"); answer != "echo hello" {
			t.Errorf("what was open already answers %q", answer)
		}
	}
	mustReachAgain(t, node, outside.Addr().String())
	if err := lab.Close(); err != nil {
		t.Fatal(err)
	}
	if text := told.String(); strings.Count(text, "limit=2 refused=1") != 1 || strings.Count(text, "\n") != 1 {
		t.Errorf("the log says %q", text)
	}
}

// mustReachAgain asks a server of serveEcho to which the way is refused for some moments more.
func mustReachAgain(t *testing.T, node *fakeNode, address string) {
	t.Helper()
	for range 2000 {
		c, err := node.dial("tcp", address)
		if !errors.Is(err, syscall.ECONNREFUSED) {
			mustReach(t, c, err)
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("the place of a connection that was closed is not given back")
}

// What is sent to somebody outside who does not read is kept by the program, too.
func TestEgressKeepsLittleThatNobodyReads(t *testing.T) {
	lab := openLab(t)
	node := attachNode(t, lab, "node-1", "10.89.0.11")
	// What the kernel keeps is of no interest here.
	const kernels = 16 << 10
	limitBuffers(t, kernels)
	if err := enter(node.ns, func() error { limitBuffers(t, kernels); return nil }); err != nil {
		t.Fatal(err)
	}
	outside := listenHost(t, outsideAddr+":0")
	c, err := node.dial("tcp", outside.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	silent, err := outside.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	c.SetDeadline(time.Now().Add(2 * time.Second))
	taken, err := io.Copy(c, zeros{})
	if !errors.Is(err, os.ErrDeadlineExceeded) || taken > 400<<10 {
		t.Errorf("%d KiB are kept of what nobody reads: %v", taken>>10, err)
	}
}

// zeros has no end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// limitBuffers bounds what the kernel keeps of a connection, until the test has ended, in the
// network in which it is called.
func limitBuffers(t *testing.T, size int) {
	t.Helper()
	for _, setting := range []string{"tcp_rmem", "tcp_wmem"} {
		file, err := os.OpenFile("/proc/sys/net/ipv4/"+setting, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		before, err := io.ReadAll(file)
		if err == nil {
			_, err = file.WriteAt(fmt.Appendf(nil, "4096 %d %d", size, size), 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_, err := file.WriteAt(before, 0)
			if err := errors.Join(err, file.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLabOpensWithoutTunDevice(t *testing.T) {
	lab := openLab(t, func(c *Config) { c.TunDevice = filepath.Join(t.TempDir(), "tun") })
	if err := lab.Egress(); err == nil || !strings.Contains(err.Error(), "modprobe tun") {
		t.Errorf("the reason does not say what helps: %v", err)
	}
	one := attachNode(t, lab, "node-1", "10.89.0.11")
	two := attachNode(t, lab, "node-2", "10.89.0.12")
	serveEcho(t, one.listen(t, "10.89.0.11:80"))
	c, err := two.dial("tcp", "10.89.0.11:80")
	mustReach(t, c, err)
}

func listenHost(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func servePackets(t *testing.T, c net.PacketConn, answer func([]byte) []byte) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 65535)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = c.WriteTo(answer(buf[:n]), from)
		}
	}()
	t.Cleanup(func() { c.Close(); <-done })
}

func askPacket(t *testing.T, c net.Conn, question []byte) []byte {
	t.Helper()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Write(question); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 65535)
	n, err := c.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}

// serveDNSOverTCP answers a question a connection.
func serveDNSOverTCP(t *testing.T, l net.Listener, answer func([]byte) []byte) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 65535)
			if n, err := c.Read(buf); err == nil && n > 2 {
				said := answer(buf[2:n])
				_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(said))), said...))
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
}

func question(name string, kind dnsmessage.Type) dnsmessage.Question {
	return dnsmessage.Question{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}
}

// askDNS says a message, and returns the next one, over packets or a stream.
func askDNS(t *testing.T, c net.Conn, m dnsmessage.Message) (answer dnsmessage.Message) {
	t.Helper()
	said, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	_, stream := c.(*net.TCPConn)
	if stream {
		said = append(binary.BigEndian.AppendUint16(nil, uint16(len(said))), said...)
	}
	heard := askPacket(t, c, said)
	if stream {
		// A message that is this short comes in one piece.
		heard = heard[2:]
	}
	if err := answer.Unpack(heard); err != nil {
		t.Fatalf("answer %x: %v", heard, err)
	}
	return answer
}

// answerDNS knows one name, and one address of it.
func answerDNS(query []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) == 0 {
		return nil
	}
	q := m.Questions[0]
	m.Header.Response = true
	m.Additionals = nil
	switch {
	case q.Name.String() != "known.example.":
		m.Header.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 5},
			Body:   &dnsmessage.AResource{A: netip.MustParseAddr("192.0.2.7").As4()},
		}}
	}
	answer, err := m.Pack()
	if err != nil {
		return nil
	}
	return answer
}

func nodeResolver(n *fakeNode) *net.Resolver {
	return &net.Resolver{PreferGo: true, StrictErrors: true, Dial: func(_ context.Context, network, _ string) (net.Conn, error) {
		return n.dial(network, "10.89.0.2:53")
	}}
}

// ping sends one echo request and waits for the answer.
func ping(n *fakeNode, address string) error {
	c, err := n.dial("ip4:icmp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(500 * time.Millisecond))
	// Type 8 (echo request), code 0, its checksum, no identifier, number 1.
	if _, err := c.Write([]byte{8, 0, 0xf7, 0xfe, 0, 0, 0, 1}); err != nil {
		return err
	}
	buf := make([]byte, 128)
	for {
		size, _, err := c.(*net.IPConn).ReadFromIP(buf) // without the IP header
		if err != nil {
			return err
		}
		if size > 0 && buf[0] == 0 { // echo reply
			return nil
		}
	}
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
