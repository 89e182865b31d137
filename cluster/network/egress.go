package network

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"kubarium/cluster/network/gateway"
)

// openGateway plugs the user-space gateway into the bridge.
func (n *Network) openGateway() error {
	var tap *os.File
	err := n.Do(func() (err error) {
		tap, err = openTap(n.config.TunDevice, tapName)
		return err
	})
	if err != nil {
		return err
	}
	if err := n.plugTap(); err != nil {
		return errors.Join(err, tap.Close())
	}
	c := n.config
	n.gateway, err = gateway.Start(gateway.Config{
		Tap:          tap,
		HardwareAddr: hardwareAddr(c.Gateway),
		Address:      netip.PrefixFrom(c.Gateway, c.Subnet.Bits()),
		Inside:       []netip.Prefix{c.Subnet, c.PodCIDR, c.ServiceCIDR, c.LoadBalancerCIDR},
		ResolvConf:   c.ResolvConf,
		Log:          n.log,
	})
	return err
}

func (n *Network) plugTap() error {
	bridge, err := n.links.LinkByName(bridgeName)
	if err != nil {
		return fmt.Errorf("find bridge: %w", err)
	}
	tap, err := n.links.LinkByName(tapName)
	if err != nil {
		return fmt.Errorf("find tap device: %w", err)
	}
	if err := n.links.LinkSetMaster(tap, bridge); err != nil {
		return fmt.Errorf("plug tap device into bridge: %w", err)
	}
	if err := n.links.LinkSetUp(tap); err != nil {
		return fmt.Errorf("bring up tap device: %w", err)
	}
	return nil
}

// openTap makes a tap device in the namespace of the calling thread; the device
// lives as long as the descriptor.
func openTap(path, name string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) {
		return nil, fmt.Errorf("open %s: %w (load it: modprobe tun)", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make tap device: %w", err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), path), nil
}
