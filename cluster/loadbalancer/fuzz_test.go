package loadbalancer

import "testing"

// FuzzParseHosts looks for annotations, which anybody may write, that crash their reader.
func FuzzParseHosts(f *testing.F) {
	f.Add("127.0.0.1:80, 127.0.0.1:53/udp")
	f.Add(",,/udp,[::1]:0")
	f.Fuzz(func(t *testing.T, text string) {
		for _, on := range parseHosts(text) {
			if !on.IsValid() {
				t.Errorf("%q has %v", text, on)
			}
		}
	})
}
