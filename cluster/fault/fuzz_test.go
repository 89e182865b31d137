package fault

import (
	"testing"
	"time"
)

// FuzzOrder looks for orders that no fault's check should let through.
func FuzzOrder(f *testing.F) {
	for _, known := range Catalogue() {
		param := ""
		if len(known.Params) > 0 {
			param = known.Params[0].Name
		}
		f.Add(known.Name, "node-1", int64(time.Minute), param, "1")
	}
	f.Add("nonsense", "", int64(-1), "", "")
	f.Fuzz(func(t *testing.T, name, target string, lasts int64, param, value string) {
		found, err := Find(name)
		if err != nil {
			return
		}
		o := Order{Name: name, Target: target, For: time.Duration(lasts)}
		if param != "" {
			o.Params = map[string]string{param: value}
		}
		complete, err := found.complete(o)
		if err != nil {
			return
		}
		if complete.Target == "" || complete.For < 0 || complete.For > found.Max || found.Once() != (complete.For == 0) {
			t.Errorf("%+v was made %+v", o, complete)
		}
		if len(complete.Params) != len(found.Params) {
			t.Errorf("%s has %d parameters, not %v", name, len(found.Params), complete.Params)
		}
	})
}
