package controlplane

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// warm is the number of rounds after which nothing may grow any more: the first fill
// caches.
const warm = 4

// rounds is how often each component is stopped and started; RESTART_ROUNDS has more.
func rounds(t *testing.T) int {
	text := os.Getenv("RESTART_ROUNDS")
	if text == "" {
		return warm + 2
	}
	n, err := strconv.Atoi(text)
	if err != nil || n <= warm {
		t.Fatalf("RESTART_ROUNDS=%q: use a number above %d", text, warm)
	}
	return n
}

// held is what the process holds; of descriptors, the files are counted apart: these come
// and go with the components, and with nothing else.
type held struct {
	goroutines, descriptors, files int
	heap                           float64
}

// lowest is the least of each: what is on its way to its end is no growth.
func (h held) lowest(o held) held {
	return held{min(h.goroutines, o.goroutines), min(h.descriptors, o.descriptors), min(h.files, o.files), min(h.heap, o.heap)}
}

// most is more than anything that is held.
var most = held{1 << 30, 1 << 30, 1 << 30, 1 << 30}

// window is of how many rounds the least counts.
const window = 4

// grew is what the last rounds held more than the first after the caches were full, the least
// of each: the least of all rounds would be the first one's, however much comes later.
func grew(rounds []held) held {
	before, after := most, most
	for i := range window {
		before = before.lowest(rounds[warm+i])
		after = after.lowest(rounds[len(rounds)-window+i])
	}
	return held{after.goroutines - before.goroutines, after.descriptors - before.descriptors, after.files - before.files, after.heap - before.heap}
}

func measure(t *testing.T) held {
	t.Helper()
	// What has a finalizer goes with the second collection.
	runtime.GC()
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	kinds := descriptors(t)
	all := 0
	for _, n := range kinds {
		all += n
	}
	return held{runtime.NumGoroutine(), all, kinds["file"], float64(memory.HeapAlloc) / (1 << 20)}
}

// descriptors counts the process' descriptors of each kind.
func descriptors(t *testing.T) map[string]int {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil || len(links) == 0 {
		t.Fatalf("descriptors %v, %v", links, err)
	}
	count := map[string]int{}
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil {
			continue // It was closed meanwhile.
		}
		if kind, _, found := strings.Cut(target, ":["); found && kind == "socket" {
			target = kind
		} else if strings.HasPrefix(target, "/") {
			target = "file"
		}
		count[target]++
	}
	return count
}

// settled measures again until the heap is as small as it was, or too long has passed: what
// clients were told of as it ended is in memory until they ask anew.
func settled(t *testing.T, was held) held {
	t.Helper()
	now, limit := measure(t), time.Now().Add(time.Minute)
	for now.heap > was.heap+maxHeap && time.Now().Before(limit) {
		time.Sleep(time.Second)
		now = measure(t)
	}
	t.Logf("at the end: %d goroutines, %d descriptors, %d of them files, %.0f MiB", now.goroutines, now.descriptors, now.files, now.heap)
	return now
}

// maxHeap is how much the heap may grow, in MiB: an ended API server that is kept is 60 of
// them, and 2000 goroutines.
const maxHeap = 30

// TestRestartsLoseAndKeepNothing stops and starts all components again and again,
// while objects come and go: no acknowledged object may be lost, and nothing of an
// ended component may be kept.
func TestRestartsLoseAndKeepNothing(t *testing.T) {
	p := newPlane(t)
	p.start()
	working, cancel := context.WithCancel(t.Context())
	defer cancel()
	acknowledged := make(chan []string, 1)
	go func() { acknowledged <- p.work(working) }()
	first, last := held{}, most
	all := rounds(t)
	var taken []held
	for round := 1; round <= all; round++ {
		for _, c := range p.Components() {
			hangUp := func() {}
			if c.Name() == APIServerName {
				hangUp = p.stubbornWatch()
			}
			if err := c.Stop(bounded(t)); err != nil {
				t.Fatal(err)
			}
			hangUp()
			if err := c.Start(bounded(t)); err != nil {
				t.Fatal(err)
			}
			if err := c.Ready(bounded(t)); err != nil {
				t.Fatal(err)
			}
		}
		now := measure(t)
		t.Logf("round %d: %d goroutines, %d descriptors, %d of them files, %.0f MiB", round, now.goroutines, now.descriptors, now.files, now.heap)
		taken = append(taken, now)
		if round == 1 {
			first = now
		}
		if round <= warm {
			// The caches fill, but of the heap the first figure counts: it has no ended
			// API server in it.
			first = held{now.goroutines, now.descriptors, now.files, first.heap}
		} else {
			last = last.lowest(now)
		}
	}
	cancel()
	p.expectAll(<-acknowledged)
	last = last.lowest(settled(t, first))
	if more := last.heap - first.heap; more > maxHeap {
		t.Errorf("the heap grew by %.0f MiB", more)
	}
	if more := last.goroutines - first.goroutines; more > 300 {
		t.Errorf("%d goroutines more", more)
	}
	if more := last.descriptors - first.descriptors; more > 20 {
		t.Errorf("%d descriptors more: %v", more, descriptors(t))
	}
	if more := last.files - first.files; more > 2 {
		t.Errorf("%d open files more", more)
	}
	if all >= warm+2*window {
		more := grew(taken)
		t.Logf("from rounds %d to %d on to the last %d: %+v", warm+1, warm+window, window, more)
		if more.goroutines > 50 || more.descriptors > 5 || more.files > 1 || more.heap > 15 {
			t.Errorf("it grows steadily: %+v", more)
		}
	}
}

// TestSteadyGrowthIsSeen proves that a leak in each round is told, and a round that is late
// to end what it began is not.
func TestSteadyGrowthIsSeen(t *testing.T) {
	var steady, leaking []held
	for round := range 20 {
		h := held{1000, 100, 20, 150}
		if round%3 == 0 {
			h = held{3000, 150, 25, 300}
		}
		steady = append(steady, h)
		leaking = append(leaking, held{h.goroutines + 10*round, h.descriptors + round, h.files + round, h.heap + 2*float64(round)})
	}
	if more := grew(steady); more != (held{}) {
		t.Errorf("without a leak it grew by %+v", more)
	}
	if more := grew(leaking); more.goroutines < 100 || more.descriptors < 10 || more.files < 10 || more.heap < 20 {
		t.Errorf("with a leak it grew by %+v", more)
	}
}

// TestAnEndedAPIServerIsLetGo breaks the connections of clients that watch, as a crash does.
// What is left of the server must not wait for timers of these connections, of 90 seconds.
func TestAnEndedAPIServerIsLetGo(t *testing.T) {
	p := newPlane(t)
	p.start()
	w, err := p.client.CoreV1().ConfigMaps("default").Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	was := measure(t)
	if err := p.Plane.APIServer.Crash(bounded(t), errors.New("on purpose")); err != nil {
		t.Fatal(err)
	}
	if now := settled(t, held{heap: was.heap - 2*maxHeap}); now.heap > was.heap-maxHeap {
		t.Errorf("the heap had %.0f MiB, and without the API server %.0f", was.heap, now.heap)
	}
}

// work creates objects until ctx ends, and returns the names of those that the API
// server acknowledged.
func (p *plane) work(ctx context.Context) []string {
	var names []string
	for n := 0; ctx.Err() == nil; n++ {
		asking, cancel := context.WithTimeout(ctx, 2*time.Second)
		object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("load-%d", n)}}
		_, err := p.client.CoreV1().ConfigMaps("default").Create(asking, object, metav1.CreateOptions{})
		cancel()
		if err == nil {
			names = append(names, object.Name)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return names
}

func (p *plane) expectAll(names []string) {
	p.t.Helper()
	list, err := p.client.CoreV1().ConfigMaps("default").List(bounded(p.t), metav1.ListOptions{})
	if err != nil {
		p.t.Fatal(err)
	}
	found := map[string]bool{}
	for _, m := range list.Items {
		found[m.Name] = true
	}
	lost := 0
	for _, name := range names {
		if !found[name] {
			lost++
		}
	}
	p.t.Logf("%d objects were acknowledged", len(names))
	if lost > 0 || len(names) == 0 {
		p.t.Errorf("of %d acknowledged objects %d are lost", len(names), lost)
	}
}

// stubbornWatch begins a watch that is never read, and not closed before hangUp is called,
// as a suspended client's.
func (p *plane) stubbornWatch() (hangUp func()) {
	p.t.Helper()
	admin, err := p.config.PKI.Client("kubernetes-admin", "system:masters")
	if err != nil {
		p.t.Fatal(err)
	}
	certificate, err := tls.X509KeyPair(admin.Cert, admin.Key)
	if err != nil {
		p.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(p.config.PKI.CA.PEM())
	host := strings.TrimPrefix(p.config.Server, "https://")
	conn, err := tls.Dial("tcp4", host, &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}})
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "GET /api/v1/configmaps?watch=true HTTP/1.1\r\nHost: %s\r\n\r\n", host); err != nil {
		p.t.Fatal(err)
	}
	return func() { conn.Close() }
}
