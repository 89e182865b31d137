package loadbalancer

import (
	"fmt"
	"net/netip"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// pool gives each load balancer an address of a range, and keeps it for it.
type pool struct {
	prefix netip.Prefix

	mu    sync.Mutex
	owner map[netip.Addr]types.UID
}

func newPool(prefix netip.Prefix) *pool {
	return &pool{prefix: prefix.Masked(), owner: map[netip.Addr]types.UID{}}
}

// adopt notes that the address belongs to a load balancer of an earlier run; false
// when it can't.
func (p *pool) adopt(address netip.Addr, uid types.UID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.take(address, uid) == nil
}

// assign returns the owner's address: the one it has, the one it wants, or the first
// that is free.
func (p *pool) assign(uid types.UID, wanted string) (netip.Addr, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	current := p.of(uid)
	if wanted != "" {
		address, err := netip.ParseAddr(wanted)
		if err != nil {
			return address, fmt.Errorf("loadBalancerIP %q is not an IP address", wanted)
		}
		if err := p.take(address, uid); err != nil {
			return address, err
		}
		if current != address {
			delete(p.owner, current)
		}
		return address, nil
	}
	if current.IsValid() {
		return current, nil
	}
	for address := p.prefix.Addr(); p.prefix.Contains(address); address = address.Next() {
		if p.take(address, uid) == nil {
			return address, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("no address is left: all %d of the pool %s are in use; delete a service of type LoadBalancer that is not needed", len(p.owner), p.prefix)
}

// take gives the address to the owner; p.mu is held.
func (p *pool) take(address netip.Addr, uid types.UID) error {
	network, broadcast := p.prefix.Addr(), !p.prefix.Contains(address.Next())
	if !p.prefix.Contains(address) || address == network || broadcast {
		return fmt.Errorf("the address %s is none of the pool %s", address, p.prefix)
	}
	if other, taken := p.owner[address]; taken && other != uid {
		return fmt.Errorf("the address %s belongs to another service", address)
	}
	p.owner[address] = uid
	return nil
}

// of returns the owner's address, or the zero address; p.mu is held.
func (p *pool) of(uid types.UID) netip.Addr {
	for address, owner := range p.owner {
		if owner == uid {
			return address
		}
	}
	return netip.Addr{}
}

// find is of for who does not hold the lock.
func (p *pool) find(uid types.UID) (netip.Addr, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	address := p.of(uid)
	return address, address.IsValid()
}

func (p *pool) release(uid types.UID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.owner, p.of(uid))
}
