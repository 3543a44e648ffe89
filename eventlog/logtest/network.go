package logtest

import "github.com/hashicorp/raft"

// Network connects Raft transports in memory. It is used by one goroutine.
type Network struct {
	transports map[raft.ServerAddress]*raft.InmemTransport
	cut        map[raft.ServerAddress]bool
}

// NewNetwork returns a network of nobody.
func NewNetwork() *Network {
	return &Network{map[raft.ServerAddress]*raft.InmemTransport{}, map[raft.ServerAddress]bool{}}
}

// Transport returns a new transport for the server at addr, in place of the one that it had.
func (n *Network) Transport(addr string) raft.Transport {
	_, t := raft.NewInmemTransport(raft.ServerAddress(addr))
	n.transports[raft.ServerAddress(addr)] = t
	n.wire()
	return t
}

// Cut takes a server off the network; Heal connects it again.
func (n *Network) Cut(addr string) {
	n.cut[raft.ServerAddress(addr)] = true
	n.wire()
}

// Heal connects a server again.
func (n *Network) Heal(addr string) {
	delete(n.cut, raft.ServerAddress(addr))
	n.wire()
}

func (n *Network) wire() {
	for a, from := range n.transports {
		for b, to := range n.transports {
			switch {
			case a == b:
			case n.cut[a] || n.cut[b]:
				from.Disconnect(b)
			default:
				from.Connect(b, to)
			}
		}
	}
}
