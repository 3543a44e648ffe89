package fault

import (
	"context"
	"net"
	"time"
)

// Dialer wraps base: cuts and delays act on what it dials. For NATS, whose messages ask Fate.
func (l *Layer) Dialer(base Dial) Dial { return l.dialer(base, false) }

// CallDialer is Dialer for connections that carry calls (Raft, forwarding): loss and duplication
// reset the connection at a write with their probability, so the call's outcome is unknown to its
// caller.
func (l *Layer) CallDialer(base Dial) Dial { return l.dialer(base, true) }

func (l *Layer) dialer(base Dial, calls bool) Dial {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		dst := (*l.names.Load())(addr)
		if dst == "" || dst == l.self {
			return base(ctx, network, addr)
		}
		if err := l.handshake(ctx, dst); err != nil {
			return nil, dialError(network, addr, err)
		}
		c, err := base(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		// A cut that came during the dial holds its last step.
		if _, err := l.passable(ctx, dst); err != nil {
			c.Close()
			return nil, dialError(network, addr, err)
		}
		return newConn(l, c, dst, calls), nil
	}
}

// handshake waits as long as opening a connection takes on the link: there and back once.
func (l *Layer) handshake(ctx context.Context, dst string) error {
	k, err := l.passable(ctx, dst)
	if err != nil || k.clear() {
		return err
	}
	t := time.NewTimer(l.lateness(k.out) + l.lateness(k.in))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	_, err = l.passable(ctx, dst)
	return err
}

// passable waits until the link is not cut.
func (l *Layer) passable(ctx context.Context, dst string) (link, error) {
	for {
		s := l.state.Load()
		k := s.link(l.self, dst)
		if !k.cut {
			return k, nil
		}
		select {
		case <-s.over:
		case <-ctx.Done():
			return k, ctx.Err()
		}
	}
}

// addr is an address that could not be dialed.
type addr struct{ network, s string }

func (a addr) Network() string { return a.network }
func (a addr) String() string  { return a.s }

func dialError(network, s string, err error) error {
	return &net.OpError{Op: "dial", Net: network, Addr: addr{network, s}, Err: err}
}
