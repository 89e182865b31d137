package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// patience is how long the answer may take. Upstream's default of several times five
// seconds makes a learner think that the terminal hangs.
const patience = 2 * time.Second

// nslookup answers as the command of that name does, and follows the search path of
// /etc/resolv.conf, which busybox's own does not for names with a dot in them.
func nslookup(ctx context.Context, args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return fmt.Errorf("usage: nslookup NAME [SERVER]")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	server := nameServer()
	if len(args) == 2 {
		server = args[1]
	}
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(server, "53"))
	}}
	fmt.Printf("Server:\t\t%s\nAddress:\t%s\n\n", server, net.JoinHostPort(server, "53"))
	if net.ParseIP(args[0]) != nil {
		names, err := resolver.LookupAddr(ctx, args[0])
		if err != nil {
			return fmt.Errorf("can't find %s: %w", args[0], err)
		}
		for _, name := range names {
			fmt.Printf("%s\tname = %s\n", args[0], name)
		}
		return nil
	}
	addresses, err := resolver.LookupHost(ctx, args[0])
	if err != nil {
		return fmt.Errorf("can't find %s: %w", args[0], err)
	}
	name := args[0]
	if canonical, err := resolver.LookupCNAME(ctx, args[0]); err == nil {
		name = strings.TrimSuffix(canonical, ".")
	}
	for _, address := range addresses {
		fmt.Printf("Name:\t%s\nAddress: %s\n", name, address)
	}
	return nil
}

// nameServer is the first one that the container is told to ask.
func nameServer() string {
	data, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return "127.0.0.1"
	}
	for _, line := range strings.Split(string(data), "\n") {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "nameserver" {
			return fields[1]
		}
	}
	return "127.0.0.1"
}
