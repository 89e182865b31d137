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

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/rest"
)

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
	data, err := get(ctx, client, "/apis/metrics.k8s.io/v1beta1/"+what)
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
	return rates, nil
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
		case requests && bytes.HasPrefix(line, []byte("apiserver_request_total{")):
			v.line(Requests, "verb", strings.ToLower(string(line)))
		}
	}
	return v
}

func (v Values) line(g Group, label, line string) {
	_, rest, ok := strings.Cut(line, label+`="`)
	name, _, closed := strings.Cut(rest, `"`)
	number := line[strings.LastIndexByte(line, ' ')+1:]
	// NaN and infinity are numbers to the format, and no rate comes of them.
	if n, err := strconv.ParseFloat(number, 64); ok && closed && err == nil && n >= 0 && n <= math.MaxFloat64 {
		v.add(g, name, n)
	}
}
