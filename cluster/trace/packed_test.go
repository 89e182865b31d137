package trace

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestPackedEventIsWhole fills each text and number of an event with something else, however many
// there will be.
func TestPackedEventIsWhole(t *testing.T) {
	e := Event{Seq: 7, Time: time.Unix(1767323045, 6789), Fields: map[string]string{"a": "", "": "b", "long": strings.Repeat("x", 1000)}}
	n := 0
	var fill func(reflect.Value)
	fill = func(v reflect.Value) {
		for i := range v.NumField() {
			switch f := v.Field(i); f.Kind() {
			case reflect.String:
				n++
				f.SetString(strings.Repeat("s", n*20) + v.Type().Field(i).Name)
			case reflect.Struct:
				if f.Type() != reflect.TypeFor[time.Time]() {
					fill(f)
				}
			}
		}
	}
	fill(reflect.ValueOf(&e).Elem())
	if got := pack(e, nil).unpack(7, true); !reflect.DeepEqual(got, e) {
		t.Errorf("packed and unpacked, it is %+v, was %+v", got, e)
	}
	got := pack(Event{}, nil).unpack(0, true)
	if !got.Time.IsZero() || got.Fields != nil {
		t.Errorf("an event of nothing is %+v", got)
	}
}

// FuzzPacked packs and unpacks events of any words.
func FuzzPacked(f *testing.F) {
	f.Add(int64(0), int64(0), "etcd", "web", "key", "value", "more", "")
	f.Add(int64(-1), int64(999999999), "\x00\xff", strings.Repeat("n", 200), "", "", "", strings.Repeat("v", 20000))
	f.Fuzz(func(t *testing.T, seconds, nanoseconds int64, component, name, key, value, more, another string) {
		if key == more {
			return
		}
		e := Event{Seq: 1, Time: time.Unix(seconds, nanoseconds), Component: component, Object: Object{Name: name}, Fields: map[string]string{key: value}}
		got := pack(e, []Field{{more, another}}).unpack(1, true)
		e.Fields = map[string]string{key: value, more: another}
		if !got.Time.Equal(e.Time) {
			t.Errorf("at %s, was at %s", got.Time, e.Time)
		}
		if got.Time = e.Time; !reflect.DeepEqual(got, e) {
			t.Errorf("packed and unpacked, it is %+v, was %+v", got, e)
		}
	})
}
