package gauge

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/rest"
)

// metricsAPI is where the resource metrics API is.
const metricsAPI = "/apis/metrics.k8s.io/v1beta1/"

// askTime is how long an answer may take.
const askTime = 10 * time.Second

// use is what the resource metrics API says of a node, or of a container.
type use struct {
	CPU    resource.Quantity `json:"cpu"`
	Memory resource.Quantity `json:"memory"`
}

// used is a list of the resource metrics API, of nodes or of pods.
type used struct {
	Items []struct {
		Metadata struct {
			Name      string `json:"name"`
			Namespace string `json:"namespace"`
		} `json:"metadata"`
		Usage      use `json:"usage"`
		Containers []struct {
			Usage use `json:"usage"`
		} `json:"containers"`
	} `json:"items"`
}

func askUse(ctx context.Context, client rest.Interface, what string) (*used, error) {
	data, err := get(ctx, client, metricsAPI+what)
	if err != nil {
		return nil, err
	}
	list := &used{}
	if err := json.Unmarshal(data, list); err != nil {
		return nil, fmt.Errorf("read metrics of %s: %w", what, err)
	}
	return list, nil
}

func get(ctx context.Context, client rest.Interface, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	data, err := client.Get().AbsPath(path).DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask for %s: %w", path, err)
	}
	return data, nil
}

// Why says in a sentence why there is no word of something.
func Why(err error, what string) string {
	switch {
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return "You have no right to read " + what + " of this cluster."
	case apierrors.IsNotFound(err) && strings.Contains(err.Error(), metricsAPI):
		return "This cluster has no " + what + ": metrics-server is not installed."
	case apierrors.IsServiceUnavailable(err) && strings.Contains(err.Error(), metricsAPI):
		return "The metrics server does not answer just now."
	}
	return "There is no word of " + what + ": " + err.Error()
}

func (v Values) nodes(list *used) {
	for _, n := range list.Items {
		v.add(NodeCPU, n.Metadata.Name, n.Usage.CPU.AsApproximateFloat64())
		v.add(NodeMemory, n.Metadata.Name, n.Usage.Memory.AsApproximateFloat64())
	}
}

func (v Values) pods(list *used) {
	for _, p := range list.Items {
		name := p.Metadata.Namespace + "/" + p.Metadata.Name
		for _, c := range p.Containers {
			v.add(PodCPU, name, c.Usage.CPU.AsApproximateFloat64())
			v.add(PodMemory, name, c.Usage.Memory.AsApproximateFloat64())
		}
	}
}

// counters are the counters of the API server's own metrics that are shown.
type counters struct {
	last map[Group]map[string]float64
	at   time.Time
}

// measure asks for the counters and gives their rates since the last time. requests
// says whether those to the API server are wanted too.
func (c *counters) measure(ctx context.Context, client rest.Interface, requests bool) (Values, error) {
	data, err := get(ctx, client, "/metrics")
	if err != nil {
		return nil, err
	}
	now, at := readCounters(data, requests), time.Now()
	rates := Values{}
	if passed := at.Sub(c.at).Seconds(); c.last != nil && passed > 0 {
		for g, names := range now {
			for name, n := range names {
				if before, known := c.last[g][name]; known && n >= before {
					rates.add(g, name, (n-before)/passed)
				}
			}
		}
	}
	c.last, c.at = now, at
	rates.mean()
	return rates, nil
}

// The groups of what a mean is made of: seconds in a second, and answers in a second.
const (
	answerTime Group = "answer time"
	answered   Group = "answered"
)

// mean makes the mean time of an answer: the counters know of no worst one.
func (v Values) mean() {
	for name, n := range v[answered] {
		if n > 0 {
			v.add(Latency, name, v[answerTime][name]/n)
		}
	}
	delete(v, answerTime)
	delete(v, answered)
}

// readCounters reads only the lines that are wanted, of many thousands.
func readCounters(data []byte, requests bool) Values {
	v := Values{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Bytes()
		switch {
		case bytes.HasPrefix(line, []byte("workqueue_adds_total{")):
			v.line(Reconciles, "name", string(line))
		case requests:
			v.traffic(string(line))
		}
	}
	return v
}

// ServerMean is the name of the API server's mean answer.
const ServerMean = "API server mean"

// traffic reads what tells of requests. A watch lasts as long as somebody looks: it is
// counted, and its time is not.
func (v Values) traffic(line string) {
	name, _, _ := strings.Cut(line, "{")
	watches := strings.Contains(line, `verb="WATCH"`) || strings.Contains(line, `verb="CONNECT"`)
	switch name {
	case "apiserver_request_total":
		v.line(Requests, "verb", strings.ToLower(line))
	case "apiserver_request_duration_seconds_sum":
		if !watches {
			v.number(answerTime, ServerMean, line)
		}
	case "apiserver_request_duration_seconds_count":
		if !watches {
			v.number(answered, ServerMean, line)
		}
	case "etcd_requests_total":
		for _, writes := range []string{"create", "update", "delete"} {
			if strings.Contains(line, `operation="`+writes+`"`) {
				v.line(Writes, "resource", line)
			}
		}
	}
}

func (v Values) line(g Group, label, line string) {
	_, rest, ok := strings.Cut(line, label+`="`)
	if name, _, closed := strings.Cut(rest, `"`); ok && closed {
		v.number(g, name, line)
	}
}

// number adds what a line ends with.
func (v Values) number(g Group, name, line string) {
	number := line[strings.LastIndexByte(line, ' ')+1:]
	// NaN and infinity are numbers to the format, and no rate comes of them.
	if n, err := strconv.ParseFloat(number, 64); err == nil && n >= 0 && n <= math.MaxFloat64 {
		v.add(g, name, n)
	}
}
