package resource

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// FuzzParseQuery looks for what people type after a kind's name that crashes its reader, or
// becomes a query that cannot be shown.
func FuzzParseQuery(f *testing.F) {
	for _, line := range []string{"", "shop", "-A", "-n", "-l a=b,c!=d", "--field-selector status.phase=Running", "-l a in (b", "a b", "--", "-nall"} {
		f.Add(line, "default")
	}
	f.Fuzz(func(t *testing.T, line, namespace string) {
		q, err := ParseQuery(strings.Fields(line), namespace)
		if err == nil && (q.Labels != "" || q.Fields != "") && q.String() == "" {
			t.Errorf("%q selects, and shows nothing of it", line)
		}
	})
}

// FuzzReadRow looks for rows of a server's table that crash their reader, or that no other
// can be told from.
func FuzzReadRow(f *testing.F) {
	f.Add([]byte(`{"metadata":{"name":"a","namespace":"b","uid":"c"}}`), "x")
	f.Add([]byte(`{"metadata":{"creationTimestamp":"never"}}`), "")
	f.Add([]byte("null"), "\x1b[31m")
	f.Fuzz(func(t *testing.T, raw []byte, cell string) {
		row, err := readRow(&metav1.TableRow{Object: runtime.RawExtension{Raw: raw}, Cells: []any{cell, 1.5, nil, map[string]any{}}})
		if err == nil && (row.UID == "" || len(row.Cells) != 4) {
			t.Errorf("%q is read as %+v", raw, row)
		}
	})
}

// FuzzCompareCells looks for three cells that have no order among them: the table would change
// its order by itself.
func FuzzCompareCells(f *testing.F) {
	f.Add("10", "9", "1a")
	f.Add("NaN", "3/4", "<none>")
	f.Add("512Mi", "5 (10m ago)", "1e999")
	f.Add("30s", "5m", "3m5s")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		for _, column := range []string{"Last Seen", "CPU"} {
			if compareCells(column, a, b) != -compareCells(column, b, a) {
				t.Errorf("%s: %q and %q are before each other", column, a, b)
			}
			if compareCells(column, a, b) <= 0 && compareCells(column, b, c) <= 0 && compareCells(column, a, c) > 0 {
				t.Errorf("%s: %q is not after %q, that not after %q, and the first after the last", column, a, b, c)
			}
		}
	})
}
