package forward

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// helloTimeout bounds how long a connection may take to say who it is.
const helloTimeout = 5 * time.Second

// DialFunc opens a connection; in a node it is the fault layer's.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// Port is one node's internal port.
type Port struct {
	self     Hello
	dial     DialFunc
	listener net.Listener
	log      *slog.Logger
	raft     *lane
	calls    *lane
	bus      *lane

	mu      sync.Mutex
	closed  bool
	greeted map[net.Conn]struct{} // connections whose hello is awaited
	wg      sync.WaitGroup
}

// Listen serves the port on listener. Dial is used for every connection that this node opens.
func Listen(listener net.Listener, self Hello, dial DialFunc, log *slog.Logger) *Port {
	self.Version = Version
	p := &Port{
		self: self, dial: dial, listener: listener, log: log,
		raft:    newLane(listener.Addr()),
		calls:   newLane(listener.Addr()),
		bus:     newLane(listener.Addr()),
		greeted: map[net.Conn]struct{}{},
	}
	p.wg.Go(p.accept)
	return p
}

// Addr is the address that the port listens on.
func (p *Port) Addr() net.Addr { return p.listener.Addr() }

// Raft returns the stream layer for Raft's network transport.
func (p *Port) Raft() raft.StreamLayer { return &raftLayer{lane: p.raft, port: p} }

// Calls returns the listener of incoming calls, for an HTTP server.
func (p *Port) Calls() net.Listener { return p.calls }

// Bus returns the listener of connections from other Regions. Who dials has proved nothing yet.
func (p *Port) Bus() net.Listener { return p.bus }

// BusDialer opens connections to the internal ports of other Regions' nodes by way of dial. It fits
// http.Transport.DialContext.
func (p *Port) BusDialer(dial DialFunc) DialFunc {
	return func(ctx context.Context, _, addr string) (net.Conn, error) {
		return p.openBy(ctx, dial, laneBus, addr)
	}
}

// DialCall opens a call connection to the internal port at addr. It fits http.Transport.DialContext.
func (p *Port) DialCall(ctx context.Context, _, addr string) (net.Conn, error) {
	return p.open(ctx, laneCall, addr)
}

// Close stops the port. Connections that were handed out live on.
func (p *Port) Close() error {
	p.mu.Lock()
	p.closed = true
	for c := range p.greeted {
		c.Close()
	}
	p.mu.Unlock()
	err := p.listener.Close()
	p.raft.Close()
	p.calls.Close()
	p.bus.Close()
	p.wg.Wait()
	return err
}

func (p *Port) accept() {
	for {
		conn, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors, for one: give others time to close
			p.log.Warn("accept on the internal port", "err", err)
			time.Sleep(50 * time.Millisecond)
			continue
		}
		if !p.await(conn) {
			conn.Close()
			return
		}
		p.wg.Go(func() { p.greet(conn) })
	}
}

// await notes that conn has yet to say who it is; false once the port is closed.
func (p *Port) await(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.greeted[conn] = struct{}{}
	return true
}

// greet reads the hello of conn and hands it to its lane.
func (p *Port) greet(conn net.Conn) {
	conn.SetDeadline(time.Now().Add(helloTimeout))
	kind, hello, err := readHello(conn)
	p.mu.Lock()
	delete(p.greeted, conn)
	p.mu.Unlock()
	if err == nil {
		err = p.self.check(kind, hello)
	}
	if err != nil {
		p.log.Debug("connection to the internal port refused", "from", conn.RemoteAddr().String(), "err", err)
		conn.Close()
		return
	}
	conn.SetDeadline(time.Time{})
	switch kind {
	case laneRaft:
		p.raft.put(conn)
	case laneCall:
		p.calls.put(conn)
	case laneBus:
		p.bus.put(conn)
	default:
		conn.Close()
	}
}

func (p *Port) open(ctx context.Context, lane byte, addr string) (net.Conn, error) {
	return p.openBy(ctx, p.dial, lane, addr)
}

func (p *Port) openBy(ctx context.Context, dial DialFunc, lane byte, addr string) (net.Conn, error) {
	conn, err := dial(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetDeadline(deadline)
	}
	if err := writeHello(conn, lane, p.self); err != nil {
		conn.Close()
		return nil, err
	}
	conn.SetDeadline(time.Time{})
	return conn, nil
}

// lane is a net.Listener fed with connections of one kind.
type lane struct {
	addr  net.Addr
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newLane(addr net.Addr) *lane {
	return &lane{addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *lane) put(conn net.Conn) {
	select {
	case l.conns <- conn:
	case <-l.done:
		conn.Close()
	}
}

// Accept implements net.Listener.
func (l *lane) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *lane) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// Addr implements net.Listener.
func (l *lane) Addr() net.Addr { return l.addr }

// raftLayer is the Raft lane with the means to dial.
type raftLayer struct {
	*lane
	port *Port
}

// Dial implements raft.StreamLayer.
func (r *raftLayer) Dial(addr raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return r.port.open(ctx, laneRaft, string(addr))
}
