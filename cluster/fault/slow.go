package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
)

const (
	// period is the kernel's default, in microseconds, for which a quota of processor
	// time counts.
	period = 100_000
	// burst is how many bytes may pass at once: more than the largest packet.
	burst = 64 << 10
	// backlog is for how long packets wait in the queue of a slow link before they
	// are dropped, in seconds.
	backlog = 0.2
)

// slowNode limits the processor time of a node, and what it sends.
func slowNode(_ context.Context, w World, o Order) (func(context.Context) error, error) {
	cpu, err := number(o, "cpu", 1, 10_000)
	if err != nil {
		return nil, err
	}
	rate, err := number(o, "rate", 8, 10_000_000)
	if err != nil {
		return nil, err
	}
	if cpu == 0 && rate == 0 {
		return nil, errors.New("nothing is to be slow: give cpu, rate or both")
	}
	machine, err := w.Machine(o.Target)
	if err != nil {
		return nil, err
	}
	var heals []func() error
	heal := func(context.Context) error {
		var errs []error
		for _, f := range heals {
			errs = append(errs, f())
		}
		return errors.Join(errs...)
	}
	if cpu > 0 {
		restore, err := limitCPU(machine, cpu)
		if err != nil {
			return nil, err
		}
		heals = append(heals, restore)
	}
	if rate > 0 {
		restore, err := limitRate(machine, rate)
		if err != nil {
			return ifOn(machine, heal), err
		}
		heals = append(heals, restore)
	}
	return ifOn(machine, heal), nil
}

// number reads a parameter; "none" is 0.
func number(o Order, name string, least, most int) (int, error) {
	text := o.Params[name]
	if text == "none" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%s %q: write a number from %d to %d, or none", name, text, least, most)
	}
	return n, nil
}

// limitCPU gives the node so many hundredths of one processor.
func limitCPU(machine Machine, percent int) (restore func() error, err error) {
	group, err := machine.Cgroup("cpu")
	if err != nil {
		return nil, err
	}
	file, format := filepath.Join(group, "cpu.max"), "%d "+strconv.Itoa(period)
	if _, err := os.Stat(file); err != nil {
		file, format = filepath.Join(group, "cpu.cfs_quota_us"), "%d"
	}
	had, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read processor limit: %w", err)
	}
	write := func(value string) error {
		if err := os.WriteFile(file, []byte(value), 0); err != nil {
			return fmt.Errorf("limit processor time: %w", err)
		}
		return nil
	}
	if err := write(fmt.Sprintf(format, percent*period/100)); err != nil {
		// With cgroup v1 nothing may have a higher limit than what it is in.
		return nil, fmt.Errorf("%w (a pod of the node may have a higher limit: give more cpu, or none)", err)
	}
	return func() error { return write(strings.TrimSpace(string(had))) }, nil
}

// limitRate has the kernel send no more than so many kbit a second for the node.
func limitRate(machine Machine, kbit int) (restore func() error, err error) {
	bytes := uint64(kbit) * 1000 / 8
	err = machine.InNetwork(func() error {
		link, err := netlink.LinkByName(uplink)
		if err != nil {
			return fmt.Errorf("find %s: %w", uplink, err)
		}
		ticks := float64(burst) * float64(netlink.TIME_UNITS_PER_SEC) / float64(bytes) * netlink.TickInUsec()
		return netlink.QdiscReplace(&netlink.Tbf{
			QdiscAttrs: netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT},
			Rate:       bytes, Limit: uint32(float64(bytes)*backlog) + burst, Buffer: uint32(ticks),
		})
	})
	if err != nil {
		return nil, fmt.Errorf("slow down %s: %w", uplink, err)
	}
	return func() error {
		err := machine.InNetwork(func() error {
			link, err := netlink.LinkByName(uplink)
			if err != nil {
				return fmt.Errorf("find %s: %w", uplink, err)
			}
			return netlink.QdiscDel(&netlink.Tbf{QdiscAttrs: netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT}})
		})
		if err != nil {
			return fmt.Errorf("take the limit of %s away: %w", uplink, err)
		}
		return nil
	}, nil
}
