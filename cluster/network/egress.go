package network

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"kubarium/cluster/network/gateway"
	"kubarium/cluster/network/tun"
)

// openGateway plugs the user-space gateway into the bridge.
func (n *Network) openGateway() error {
	var tap *os.File
	err := n.Do(func() (err error) {
		tap, err = tun.Open(n.config.TunDevice, tapName, tun.Frames)
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
		Tap:            tap,
		HardwareAddr:   hardwareAddr(c.Gateway),
		Address:        netip.PrefixFrom(c.Gateway, c.Subnet.Bits()),
		Inside:         c.inside(),
		ResolvConf:     c.ResolvConf,
		MaxConnections: c.MaxConnections,
		Log:            n.log,
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
