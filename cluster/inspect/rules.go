package inspect

import (
	"bufio"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Service is how the packet rules of one node treat a Service.
type Service struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Node      string `json:"node"`
	// Doors are the addresses and ports under which the node knows the Service.
	Doors []Door `json:"doors"`
	// Accounting is whether the kernel counts the packets of connections.
	Accounting bool `json:"accounting"`
	// MeteredSince is from when on packets are counted that go to the Service.
	MeteredSince time.Time `json:"meteredSince,omitzero"`
}

// Door is an entry of one of kube-proxy's maps: what a packet is compared with, and where it
// goes then.
type Door struct {
	Map     string `json:"map"`
	Match   string `json:"match"`
	Verdict string `json:"verdict"`
	Chain   *Chain `json:"chain,omitempty"`
	// Metered are the packets to it, if they are counted.
	Metered *Counter `json:"metered,omitempty"`
}

// Chain is a list of rules.
type Chain struct {
	Name  string `json:"name"`
	Rules []Rule `json:"rules"`
}

// Rule is one rule, in nft's words.
type Rule struct {
	Handle int    `json:"handle"`
	Text   string `json:"text"`
	// Counter is what the rule itself counts; kube-proxy's seldom do.
	Counter *Counter `json:"counter,omitempty"`
	// Chains are where the rule may send a packet, Endpoints what it may make its
	// destination.
	Chains    []*Chain   `json:"chains,omitempty"`
	Endpoints []Endpoint `json:"endpoints,omitempty"`
}

// Counter counts packets and bytes.
type Counter struct {
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// Endpoint is a destination that packets to the Service get, with the connections that have
// it now, by the node's connection tracking.
type Endpoint struct {
	Address     string `json:"address"`
	Connections int    `json:"connections"`
	// There and Back are the packets of these connections, if the kernel counts them.
	There Counter `json:"there"`
	Back  Counter `json:"back"`
	// Metered are the packets to it that came by the door, if they are counted.
	Metered *Counter `json:"metered,omitempty"`
}

// Ruleset is a table of rules, as nft lists it with handles (nft -a list table).
type Ruleset struct {
	chains map[string][]Rule
	doors  []Door
	words  words
}

// words finds parts of what nft writes.
type words struct {
	element, rule, counter, chain, address *regexp.Regexp
}

func newWords() words {
	return words{
		element: regexp.MustCompile(`^(.*?)(?: comment "([^"]*)")? : (.+)$`),
		rule:    regexp.MustCompile(`^(.*) # handle (\d+)$`),
		counter: regexp.MustCompile(`counter packets (\d+) bytes (\d+)`),
		chain:   regexp.MustCompile(`(?:goto|jump) (\S+?)[,}]?(?:\s|$)`),
		address: regexp.MustCompile(`(\d+\.\d+\.\d+\.\d+)(?::| \. )(\d+)`),
	}
}

// ParseRuleset reads a listing.
func ParseRuleset(listing string) Ruleset {
	r := Ruleset{chains: map[string][]Rule{}, words: newWords()}
	var kind, name, elements string
	lines := bufio.NewScanner(strings.NewReader(listing))
	lines.Buffer(nil, len(listing)+1)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		fields := strings.Fields(line)
		switch {
		case len(fields) >= 3 && fields[2] == "{" && (fields[0] == "chain" || fields[0] == "map" || fields[0] == "set"):
			kind, name, elements = fields[0], fields[1], ""
			if kind == "chain" {
				r.chains[name] = nil
			}
		case line == "}":
			if kind == "map" {
				r.addDoors(name, elements)
			}
			kind = ""
		case kind == "chain":
			r.addRule(name, line)
		case kind == "map" && (elements != "" || strings.HasPrefix(line, "elements = {")):
			elements += " " + line
		}
	}
	return r
}

func (r *Ruleset) addRule(chain, line string) {
	match := r.words.rule.FindStringSubmatch(line)
	if match == nil {
		// The chain's own hook, policy or comment.
		return
	}
	rule := Rule{Text: match[1]}
	rule.Handle, _ = strconv.Atoi(match[2])
	if count := r.words.counter.FindStringSubmatch(match[1]); count != nil {
		rule.Counter = &Counter{Packets: number(count[1]), Bytes: number(count[2])}
	}
	r.chains[chain] = append(r.chains[chain], rule)
}

func number(text string) uint64 {
	n, _ := strconv.ParseUint(text, 10, 64)
	return n
}

// addDoors reads the elements of a map of verdicts.
func (r *Ruleset) addDoors(name, elements string) {
	elements = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(elements), "elements = {"), "}")
	for _, element := range strings.Split(elements, ",") {
		match := r.words.element.FindStringSubmatch(strings.TrimSpace(element))
		if match == nil {
			continue
		}
		door := Door{Map: name, Match: match[1], Verdict: match[3]}
		if match[2] != "" {
			door.Match += " (" + match[2] + ")"
		}
		r.doors = append(r.doors, door)
	}
}

// Service finds the rules of a Service. kube-proxy names its chains, and comments on what
// leads to none, with the Service.
func (r Ruleset) Service(namespace, name string) []Door {
	var found []Door
	for _, door := range r.doors {
		chain := r.target(door.Verdict)
		of, ok := ServiceOf(chain)
		ofChain := ok && of == namespace+"/"+name
		ofComment := strings.Contains(door.Match, "("+namespace+"/"+name+":") || strings.Contains(door.Match, "("+namespace+"/"+name+")")
		if !ofChain && !ofComment {
			continue
		}
		if chain != "" {
			door.Chain = r.tree(chain)
		}
		found = append(found, door)
	}
	return found
}

// ServiceOf is the Service, as namespace/name, that a chain of kube-proxy's is named after:
// KIND-HASH-NAMESPACE/NAME/PROTOCOL/PORT.
func ServiceOf(chain string) (string, bool) {
	parts := strings.SplitN(chain, "-", 3)
	if len(parts) < 3 {
		return "", false
	}
	words := strings.Split(parts[2], "/")
	if len(words) < 4 {
		return "", false
	}
	return words[0] + "/" + words[1], true
}

// target is the chain that a verdict leads to; "" is none.
func (r Ruleset) target(verdict string) string {
	if match := r.words.chain.FindStringSubmatch(verdict); match != nil {
		return match[1]
	}
	return ""
}

// tree follows a chain to where it leads.
func (r Ruleset) tree(name string) *Chain {
	// An endpoint's chain may be led to by some rules. Rules of others, that lead on and on
	// to each other, are not to take forever.
	const ways = 16
	f := follower{Ruleset: r, above: map[string]bool{}, left: ways * (len(r.chains) + 1)}
	return f.follow(name)
}

// follower is on its way through chains: above are those that it came by, and left is how
// many it may still follow.
type follower struct {
	Ruleset
	above map[string]bool
	left  int
}

// follow reads a chain and those below. One that leads to itself is not followed again.
func (f *follower) follow(name string) *Chain {
	chain := &Chain{Name: name}
	if f.above[name] || f.left == 0 {
		return chain
	}
	f.left--
	f.above[name] = true
	defer delete(f.above, name)
	for _, rule := range f.chains[name] {
		for _, match := range f.words.chain.FindAllStringSubmatch(rule.Text, -1) {
			rule.Chains = append(rule.Chains, f.follow(match[1]))
		}
		if _, destination, ok := strings.Cut(rule.Text, "dnat "); ok {
			for _, match := range f.words.address.FindAllStringSubmatch(destination, -1) {
				rule.Endpoints = append(rule.Endpoints, Endpoint{Address: fmt.Sprintf("%s:%s", match[1], match[2])})
			}
		}
		chain.Rules = append(chain.Rules, rule)
	}
	return chain
}
