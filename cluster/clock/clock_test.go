package clock

import (
	"slices"
	"testing"
)

func TestFlagsSayBothValues(t *testing.T) {
	for fast, want := range map[bool]string{true: "--default-not-ready-toleration-seconds=10", false: "--default-not-ready-toleration-seconds=300"} {
		if flags := Flags(APIServer, fast); !slices.Contains(flags, want) || len(flags) != 2 {
			t.Errorf("fast %t: %v, want %s in it", fast, flags, want)
		}
	}
	if flags := Flags(ControllerManager, true); !slices.Contains(flags, "--node-monitor-grace-period=12s") {
		t.Errorf("of the controllers: %v", flags)
	}
	for _, timer := range Timers() {
		if timer.Fast >= timer.Production {
			t.Errorf("%s is not shortened: %s, and %s in production", timer.Name, timer.Fast, timer.Production)
		}
	}
}
