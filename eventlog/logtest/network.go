package logtest

import (
	"errors"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Network connects Raft transports in memory. Its methods may be called from any goroutine.
type Network struct {
	latency    func() time.Duration
	mu         sync.Mutex
	transports map[raft.ServerAddress]*transport
}

// NewNetwork returns a network of nobody, in which each message takes latency() to arrive; nil: none.
// Latency is what lets a test in a bubble stop the world between a message and its answer.
func NewNetwork(latency func() time.Duration) *Network {
	return &Network{latency: latency, transports: map[raft.ServerAddress]*transport{}}
}

// Transport returns a new transport for the server at addr, in place of the one that it had.
func (n *Network) Transport(addr string) raft.Transport {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, inner := raft.NewInmemTransport(raft.ServerAddress(addr))
	t := &transport{InmemTransport: inner, net: n}
	n.transports[raft.ServerAddress(addr)] = t
	for a, other := range n.transports {
		if a != raft.ServerAddress(addr) {
			other.Connect(raft.ServerAddress(addr), inner)
			inner.Connect(a, other.InmemTransport)
		}
	}
	return t
}

// Cut takes a server off the network, with the messages that are under way from and to it.
func (n *Network) Cut(addr string) { n.set(addr, true) }

// Heal connects a server again.
func (n *Network) Heal(addr string) { n.set(addr, false) }

func (n *Network) set(addr string, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.transports[raft.ServerAddress(addr)].cut = cut
}

// transport is one server's; a new one after a restart.
type transport struct {
	*raft.InmemTransport
	net *Network
	cut bool // under net.mu
}

var _ raft.WithPreVote = (*transport)(nil)

var errCut = errors.New("cut off")

// call carries a request and its answer. An answer that is lost looks to the caller like a request
// that is.
func (t *transport) call(to raft.ServerAddress, f func() error) error {
	peer, err := t.travel(to, nil)
	if err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	_, err = t.travel(to, peer)
	return err
}

// travel is the way to a peer or back. The peer must be the one that it was: no answer survives the
// restart of who gave it.
func (t *transport) travel(to raft.ServerAddress, was *transport) (*transport, error) {
	if t.net.latency != nil {
		time.Sleep(t.net.latency())
	}
	t.net.mu.Lock()
	defer t.net.mu.Unlock()
	peer := t.net.transports[to]
	switch {
	case t.cut || peer == nil || peer.cut:
		return nil, errCut
	case t.net.transports[t.LocalAddr()] != t || was != nil && was != peer:
		return nil, errCut
	}
	return peer, nil
}

// AppendEntriesPipeline implements raft.Transport: without a pipeline each message passes call.
func (t *transport) AppendEntriesPipeline(raft.ServerID, raft.ServerAddress) (raft.AppendPipeline, error) {
	return nil, raft.ErrPipelineReplicationNotSupported
}

// AppendEntries implements raft.Transport.
func (t *transport) AppendEntries(id raft.ServerID, to raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	return t.call(to, func() error { return t.InmemTransport.AppendEntries(id, to, args, resp) })
}

// RequestVote implements raft.Transport.
func (t *transport) RequestVote(id raft.ServerID, to raft.ServerAddress, args *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	return t.call(to, func() error { return t.InmemTransport.RequestVote(id, to, args, resp) })
}

// RequestPreVote implements raft.WithPreVote.
func (t *transport) RequestPreVote(id raft.ServerID, to raft.ServerAddress, args *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	return t.call(to, func() error { return t.InmemTransport.RequestPreVote(id, to, args, resp) })
}

// InstallSnapshot implements raft.Transport.
func (t *transport) InstallSnapshot(id raft.ServerID, to raft.ServerAddress, args *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	return t.call(to, func() error { return t.InmemTransport.InstallSnapshot(id, to, args, resp, data) })
}

// TimeoutNow implements raft.Transport.
func (t *transport) TimeoutNow(id raft.ServerID, to raft.ServerAddress, args *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse) error {
	return t.call(to, func() error { return t.InmemTransport.TimeoutNow(id, to, args, resp) })
}

// InstallSnapshot sends a server a snapshot from nowhere: a hostile or broken leader.
func (n *Network) InstallSnapshot(addr string, req *raft.InstallSnapshotRequest, body io.Reader) error {
	n.mu.Lock()
	peer := n.transports[raft.ServerAddress(addr)]
	n.mu.Unlock()
	_, from := raft.NewInmemTransport("nowhere")
	from.Connect(raft.ServerAddress(addr), peer.InmemTransport)
	var resp raft.InstallSnapshotResponse
	err := from.InstallSnapshot("", raft.ServerAddress(addr), req, &resp, body)
	if err == nil && !resp.Success {
		err = errors.New("refused")
	}
	return err
}
