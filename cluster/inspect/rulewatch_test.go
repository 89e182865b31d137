package inspect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// kernel tells of what a test says, one answer a call; then it waits until ctx ends.
type kernel struct {
	ctx     context.Context
	answers *[]any
}

// Receive implements receiver.
func (k kernel) Receive() ([]netlink.Message, error) {
	if len(*k.answers) == 0 {
		<-k.ctx.Done()
		return nil, errors.New("closed")
	}
	answer := (*k.answers)[0]
	*k.answers = (*k.answers)[1:]
	if err, failed := answer.(error); failed {
		return nil, err
	}
	return answer.([]netlink.Message), nil
}

// added is a transaction that adds a rule to a Service's chain.
func added(t *testing.T, service string) []netlink.Message {
	t.Helper()
	rule, err := netlink.MarshalAttributes([]netlink.Attribute{
		{Type: unix.NFTA_RULE_TABLE, Data: []byte(proxyTable + "\x00")},
		{Type: unix.NFTA_RULE_CHAIN, Data: []byte("service-AAAAAAAA-default/" + service + "/tcp/\x00")},
	})
	if err != nil {
		t.Fatal(err)
	}
	message := func(kind int, data []byte) netlink.Message {
		return netlink.Message{
			Header: netlink.Header{Type: netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | kind)},
			Data:   append([]byte{unix.AF_INET, 0, 0, 0}, data...),
		}
	}
	return []netlink.Message{message(unix.NFT_MSG_NEWRULE, rule), message(unix.NFT_MSG_NEWGEN, nil)}
}

// TestRulesAreFollowedAfterAnError has the kernel end what it tells, and not listen at all for
// a while.
func TestRulesAreFollowedAfterAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := []any{added(t, "one"), unix.ENOBUFS, added(t, "two"), unix.ENOMEM, added(t, "three"), unix.ENOMEM, added(t, "four")}
		// Whether each connection comes to be.
		connections := []bool{false, false, true, true, false, true}
		var seen []string
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			followRules(ctx, func(ctx context.Context) (receiver, error) {
				can := connections[0]
				connections = connections[1:]
				if !can {
					return nil, unix.ENOENT
				}
				return kernel{ctx, &answers}, nil
			}, func(c RuleChange) { seen = append(seen, fmt.Sprintf("%s +%d", c.Service, c.Added)) },
				func(err error) {
					for _, reason := range []unix.Errno{unix.ENOENT, unix.ENOBUFS, unix.ENOMEM} {
						if errors.Is(err, reason) {
							seen = append(seen, "lost by "+unix.ErrnoName(reason))
						}
					}
				})
		}()
		time.Sleep(time.Minute)
		want := []string{
			"lost by ENOENT", "default/one +1", "lost by ENOBUFS", "default/two +1", "lost by ENOMEM",
			"default/three +1", "lost by ENOMEM", "default/four +1",
		}
		if !slices.Equal(seen, want) {
			t.Errorf("seen %q, want %q", seen, want)
		}
		cancel()
		<-ended
	})
}
