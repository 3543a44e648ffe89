package cluster

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"meridian/cluster/layout"
)

// port is an address that a process of the cluster listens on.
type port struct {
	addr string
	what string // for people
	role string // the node's name; empty: the front door
}

// allPorts lists the ports of a cluster.
func allPorts(c *layout.Cluster) []port {
	ports := []port{{addr: c.Addr(c.Port), what: "front door"}}
	for _, r := range c.Regions {
		ports = append(ports, port{addr: c.Addr(r.Port), what: "endpoint of " + r.Name})
		for _, n := range r.Nodes {
			ports = append(ports, port{n.KMS, "node " + n.Name, n.Name},
				port{n.Internal, "node " + n.Name + ", internal", n.Name},
				port{n.NATS, "node " + n.Name + ", NATS", n.Name})
		}
	}
	return ports
}

// idlePorts lists the ports of those processes that do not live: they must be free.
func (c *Cluster) idlePorts() []port {
	live := make(map[string]bool)
	for _, name := range c.nodes() {
		_, live[name] = c.node(name).find()
	}
	_, live[""] = frontRole(c.Dir).find()
	var idle []port
	for _, p := range allPorts(c.File) {
		if !live[p.role] {
			idle = append(idle, p)
		}
	}
	return idle
}

// portsGrace is how long a taken port may take to become free: the kernel gives a killed process's back only when the
// last of its threads has ended, a moment after it no longer counts as running.
const portsGrace = time.Second

// checkPorts says which ports are taken, and how to find out by whom.
func (c *Cluster) checkPorts(ports []port) error {
	var held []port
	poll(portsGrace, func() bool {
		held = slices.DeleteFunc(slices.Clone(ports), port.free)
		return len(held) == 0
	})
	var taken []string
	first := ""
	for _, p := range held {
		if len(taken) == 0 {
			_, first, _ = net.SplitHostPort(p.addr)
		}
		taken = append(taken, fmt.Sprintf("%s (%s)", p.addr, p.what))
	}
	if len(taken) == 0 {
		return nil
	}
	rest := ""
	if n := len(taken) - 3; n > 0 {
		taken, rest = taken[:3], fmt.Sprintf(" and %d more", n)
	}
	return errors.New("taken by another program: " + strings.Join(taken, ", ") + rest +
		"; nothing was changed. See who with `ss -ltnp 'sport = :" + first + "'` (or `lsof -i :" + first + "`), or choose another --port")
}

// free says whether nobody listens on the port.
func (p port) free() bool {
	l, err := net.Listen("tcp", p.addr)
	if err != nil {
		return false
	}
	l.Close()
	return true
}
