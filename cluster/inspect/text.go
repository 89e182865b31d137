package inspect

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"kubarium/cluster/printable"
)

// page writes sections of text for people; the first error ends it.
type page struct {
	out io.Writer
	err error
}

func (p *page) line(format string, values ...any) {
	if p.err == nil {
		_, p.err = io.WriteString(p.out, printable.Line(fmt.Sprintf(format, values...))+"\n")
	}
}

func (p *page) title(format string, values ...any) {
	p.line("")
	p.line(format, values...)
}

// table writes rows below a header.
func (p *page) table(header string, rows [][]string) {
	if p.err != nil {
		return
	}
	table := tabwriter.NewWriter(p.out, 0, 8, 3, ' ', 0)
	fmt.Fprintln(table, "  "+header)
	for _, row := range rows {
		for i := range row {
			row[i] = cmp.Or(printable.Line(row[i]), "-")
		}
		fmt.Fprintln(table, "  "+strings.Join(row, "\t"))
	}
	p.err = table.Flush()
}

func short(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	if len(id) > 12 && !strings.Contains(id, "/") {
		return id[:12]
	}
	return id
}

func bytesText(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1fMi", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1fKi", float64(n)/(1<<10))
	}
	return fmt.Sprint(n)
}

// WriteText writes what containerd has as tables.
func (n Node) WriteText(w io.Writer) error {
	p := &page{out: w}
	p.line("%s: containerd %s", n.Name, n.Version)
	tasks := map[string]Task{}
	for _, t := range n.Tasks {
		tasks[t.ID] = t
	}
	var rows [][]string
	for _, c := range n.Containers {
		t, runs := tasks[c.ID]
		pid := ""
		if runs {
			pid = fmt.Sprint(t.PID)
		}
		rows = append(rows, []string{short(c.ID), c.Kind, c.Namespace, c.Pod, c.Container, t.Status, pid, c.Image})
	}
	p.title("Containers and their tasks (PID as the node sees it)")
	p.table("ID\tKIND\tNAMESPACE\tPOD\tCONTAINER\tTASK\tPID\tIMAGE", rows)
	rows = nil
	for _, i := range n.Images {
		rows = append(rows, []string{i.Name, short(i.Digest), bytesText(i.Size)})
	}
	p.title("Images")
	p.table("NAME\tDIGEST\tSIZE", rows)
	rows = nil
	for _, s := range n.Snapshots {
		rows = append(rows, []string{short(s.Key), s.Kind, short(s.Parent), bytesText(s.Size)})
	}
	p.title("Snapshots: layers of images are Committed, what a container writes to is Active")
	p.table("KEY\tKIND\tPARENT\tSIZE", rows)
	rows = nil
	for _, l := range n.Leases {
		rows = append(rows, []string{l.ID, l.Created.Format(time.RFC3339), strings.Join(l.Resources, ", ")})
	}
	p.title("Leases keep from being collected what nothing refers to yet")
	p.table("ID\tCREATED\tHOLDS", rows)
	if len(n.Calls) > 0 {
		n.writeCalls(p)
	}
	return p.err
}

func (n Node) writeCalls(p *page) {
	var rows [][]string
	for _, c := range n.Calls {
		rows = append(rows, []string{
			c.Method, fmt.Sprint(c.Count), fmt.Sprint(c.Failed), c.Mean.Round(time.Microsecond).String(),
			c.Longest.Round(time.Microsecond).String(), c.Last.Format("15:04:05"),
		})
	}
	p.title("Calls of the kubelet since it started (kubarium trace --component kubelet has their payload)")
	p.table("METHOD\tCALLS\tFAILED\tMEAN\tLONGEST\tLAST", rows)
}

// WriteText writes the container's sides one below the other.
func (c Container) WriteText(w io.Writer) error {
	p := &page{out: w}
	l := c.Linux
	p.line("container %s of pod %s/%s on %s", c.Name, c.Namespace, c.Pod, c.Node)
	p.table("WHAT\tVALUE", [][]string{
		{"ID", c.ID},
		{"sandbox", c.Sandbox},
		{"image", c.Image},
		{"snapshot", c.Snapshot},
		{"runtime", c.Runtime},
		{"user", l.UID + ":" + l.GID},
		{"seccomp", fmt.Sprintf("%s, %d filters", l.Seccomp, l.Filters)},
		{"no new privileges", fmt.Sprint(l.NoNewPrivs)},
		{"oom_score_adj", fmt.Sprint(l.OOMScore)},
	})
	p.title("Processes, by their number in each PID namespace")
	var rows [][]string
	for _, q := range l.Processes {
		rows = append(rows, []string{fmt.Sprint(q.Inside), fmt.Sprint(q.Node), fmt.Sprint(q.Host), q.State, q.Command})
	}
	p.table("CONTAINER\tNODE\tTHIS MACHINE\tSTATE\tCOMMAND", rows)
	p.title("Namespaces")
	rows = nil
	for _, n := range l.Namespaces {
		rows = append(rows, []string{n.Kind, fmt.Sprint(n.Inode), strings.Join(n.Shared, ", ")})
	}
	p.table("KIND\tINODE\tSHARED WITH", rows)
	for _, g := range l.Cgroups {
		p.title("cgroup %s, %s: %s", l.CgroupMode, g.Controller, g.Path)
		rows = nil
		for _, f := range g.Files {
			rows = append(rows, []string{f.Name, f.Value})
		}
		p.table("FILE\tCONTENT", rows)
	}
	p.title("Capabilities")
	caps := l.Capabilities
	p.table("SET\tNAMES", [][]string{
		{"effective", strings.Join(caps.Effective, " ")},
		{"permitted", strings.Join(caps.Permitted, " ")},
		{"inheritable", strings.Join(caps.Inheritable, " ")},
		{"bounding", strings.Join(caps.Bounding, " ")},
		{"ambient", strings.Join(caps.Ambient, " ")},
	})
	l.writeFiles(p)
	return p.err
}

// writeFiles writes what the container's files are made of.
func (l Linux) writeFiles(p *page) {
	p.title("Root file system: %s; what is written goes to the upper layer", l.Layers.Type)
	var rows [][]string
	if l.Layers.Upper != "" {
		rows = append(rows, []string{"upper", l.Layers.Upper})
	}
	for _, layer := range l.Layers.Lower {
		rows = append(rows, []string{"lower", layer})
	}
	p.table("LAYER\tDIRECTORY", rows)
	p.title("Mounts")
	rows = nil
	for _, m := range l.Mounts {
		source := m.Source
		if m.Root != "/" {
			source += " " + m.Root
		}
		rows = append(rows, []string{m.Target, m.Type, source, m.Options})
	}
	p.table("TARGET\tTYPE\tSOURCE\tOPTIONS", rows)
}
