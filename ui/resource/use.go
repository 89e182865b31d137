package resource

import (
	"fmt"
	"reflect"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubarium/ui/gauge"
)

// The columns that the server's own tables do not have.
const (
	cpuColumn    = "CPU"
	memoryColumn = "Memory"
)

// uses is what the objects of the view's kind use; nil if they are of another kind, or if
// nobody knows.
func (v *View) uses() map[string]gauge.Use {
	switch v.kind.Title() {
	case "pods":
		return v.ctx.PodUse
	case "nodes":
		return v.ctx.NodeUse
	}
	return nil
}

// measured takes over what pods or nodes use now, if it is something else.
func (v *View) measured() {
	if now := v.uses(); reflect.ValueOf(now).Pointer() != reflect.ValueOf(v.use).Pointer() {
		v.addUse()
		v.arrange()
	}
}

// addUse makes the state of what the feed has told and of what the objects use. The rows are
// the feed's: they are copied.
func (v *View) addUse() {
	v.state, v.use = v.told, v.uses()
	if v.use == nil || len(v.told.Columns) == 0 {
		return
	}
	v.state.Columns = append(slices.Clip(v.told.Columns),
		metav1.TableColumnDefinition{Name: cpuColumn}, metav1.TableColumnDefinition{Name: memoryColumn})
	v.state.Rows = slices.Clone(v.told.Rows)
	n := len(v.told.Columns)
	cells := make([]string, 0, len(v.state.Rows)*(n+2))
	for i, r := range v.state.Rows {
		if len(r.Cells) != n {
			continue // its last cells would be in the wrong columns
		}
		cpu, memory := v.useOf(r)
		begin := len(cells)
		cells = append(append(cells, r.Cells...), cpu, memory)
		v.state.Rows[i].Cells = cells[begin:len(cells):len(cells)]
	}
}

func (v *View) useOf(r Row) (cpu, memory string) {
	if r.Namespace != "" {
		return v.ctx.UseOf(r.Namespace, r.Name)
	}
	u, known := v.use[r.Name]
	if !known {
		return "-", "-"
	}
	cpu, memory = u.Cores(), u.Size()
	for _, node := range v.ctx.Snapshot.Nodes {
		if node.Object.Name == r.Name && node.CPU.Allocatable > 0 && node.Memory.Allocatable > 0 {
			cpu += fmt.Sprintf(" (%s)", gauge.Share(u.CPU*1000, float64(node.CPU.Allocatable)))
			memory += fmt.Sprintf(" (%s)", gauge.Share(u.Memory, float64(node.Memory.Allocatable)))
		}
	}
	return cpu, memory
}

// beforeAge puts the columns of what is used before the age, which comes last.
func beforeAge(columns []metav1.TableColumnDefinition, shown []int) []int {
	name := func(i int) string { return columns[i].Name }
	age := slices.IndexFunc(shown, func(i int) bool { return name(i) == ageColumn })
	n := len(shown) - 2
	if age < 0 || n < 0 || name(shown[n]) != cpuColumn || name(shown[n+1]) != memoryColumn {
		return shown
	}
	return slices.Insert(shown[:n:n], age, shown[n:]...)
}
