package natsbus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"meridian/region/trace"
	"meridian/replication"
)

// How a node is dialed.
const (
	dialTimeout  = time.Second
	helloTimeout = 3 * time.Second // of NATS, after the dial: one and a half round trips
	redialFirst  = 100 * time.Millisecond
	redialAtMost = time.Second
	// patience is how long a node is waited for at least before another is asked first the next time: who asks for less
	// time may get no answer on a link that is slow and whole, and another node has to be dialed on it.
	patience = 2 * time.Second
)

// route is the way to another Region: its nodes, and the one that answered last.
type route struct {
	bus *Bus

	mu    sync.Mutex
	nodes []*node // replaced, never changed
	first int     // index of the node to ask first
}

func newRoute(b *Bus, nodes []Node) *route {
	r := &route{bus: b}
	r.set(nodes)
	return r
}

// set replaces the nodes. Connections to those that stay are kept, those to others are closed.
func (r *route) set(nodes []Node) {
	r.mu.Lock()
	var next, gone []*node
	for _, n := range nodes {
		i := slices.IndexFunc(r.nodes, func(old *node) bool { return old.Node == n })
		if i < 0 {
			next = append(next, &node{bus: r.bus, Node: n})
		} else {
			next = append(next, r.nodes[i])
		}
	}
	for _, old := range r.nodes {
		if !slices.Contains(next, old) {
			gone = append(gone, old)
		}
	}
	r.nodes = next
	r.mu.Unlock()
	for _, n := range gone {
		n.close()
	}
}

// request asks the nodes in turn until one answers. The whole is bounded by ctx and by one answer
// time-out for each node.
func (r *route) request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	nodes, start := r.start()
	var failures error
	silent := false
	for i := range nodes {
		at, begun := (start+i)%len(nodes), time.Now()
		answer, err := nodes[at].request(ctx, subject, data)
		if err == nil {
			r.prefer(start, at)
			return answer, nil
		}
		if ctx.Err() != nil {
			if time.Since(begun) >= patience {
				r.prefer(start, (at+1)%len(nodes)) // this one kept us waiting
			}
			return nil, fmt.Errorf("%w: %w", replication.ErrNoAnswer, ctx.Err())
		}
		silent = silent || errors.Is(err, nats.ErrTimeout) || errors.Is(err, context.DeadlineExceeded)
		failures = errors.Join(failures, fmt.Errorf("%s: %w", nodes[at].Name, err))
	}
	if silent {
		return nil, fmt.Errorf("%w: %w", replication.ErrNoAnswer, failures)
	}
	return nil, fmt.Errorf("%w: %w", replication.ErrUnreachable, failures)
}

func (r *route) start() (nodes []*node, first int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.nodes, r.first
}

// prefer makes the node at the place the first to ask, unless another request has chosen meanwhile.
func (r *route) prefer(was, at int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.first == was {
		r.first = at
	}
}

func (r *route) close() { r.set(nil) }

// errGone is why a node is not asked that was removed from its Region.
var errGone = errors.New("it was removed from its Region")

// node is one node of another Region and the connection to it.
type node struct {
	Node
	bus *Bus

	mu      sync.Mutex
	gone    bool // nothing is dialed any more
	conn    *nats.Conn
	closed  <-chan struct{} // of conn
	dialing chan struct{}   // closed when the dial that runs has ended
	delay   time.Duration   // after a dial that failed
	retryAt time.Time
	err     error
}

// request sends data and waits for the answer.
func (n *node) request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	conn, err := n.connect(ctx)
	if err != nil {
		return nil, err
	}
	drop, duplicate := n.bus.config.Fate(n.Name)
	if drop {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if duplicate {
		_ = conn.PublishRequest(subject, inbox(n.bus.config.Region)+".duplicate", data)
	}
	m, err := conn.RequestMsgWithContext(ctx, message(ctx, subject, data))
	if err != nil {
		return nil, err
	}
	if len(m.Data) > replication.MaxEnvelope {
		return nil, fmt.Errorf("answer of %d bytes: too large", len(m.Data))
	}
	return m.Data, nil
}

// message is a request, with the trace that it belongs to beside the envelope.
func message(ctx context.Context, subject string, data []byte) *nats.Msg {
	m := &nats.Msg{Subject: subject, Data: data}
	if parent := trace.Parent(ctx); parent != "" {
		m.Header = nats.Header{trace.Header: {parent}}
	}
	return m
}

// connect returns the connection, dialing if there is none. One dial runs at a time, in a goroutine
// of its own, so that a caller that gives up does not end it for the others.
func (n *node) connect(ctx context.Context) (*nats.Conn, error) {
	n.mu.Lock()
	if n.conn != nil && !n.conn.IsClosed() {
		defer n.mu.Unlock()
		return n.conn, nil
	}
	if n.dialing == nil {
		if n.err != nil && time.Now().Before(n.retryAt) {
			defer n.mu.Unlock()
			return nil, n.err
		}
		if err := n.bus.ctx.Err(); err != nil {
			defer n.mu.Unlock()
			return nil, err
		}
		if n.gone {
			defer n.mu.Unlock()
			return nil, errGone
		}
		n.dialing = make(chan struct{})
		go n.dial(n.dialing)
	}
	dialing := n.dialing
	n.mu.Unlock()

	select {
	case <-dialing:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conn == nil {
		return nil, n.err
	}
	return n.conn, nil
}

// dial makes a connection and publishes the outcome by closing done.
func (n *node) dial(done chan struct{}) {
	c := n.bus.config
	closed := make(chan struct{})
	conn, err := nats.Connect("nats://"+n.Addr,
		nats.Name(c.Region), nats.Nkey(c.NKey, c.Sign), nats.SetCustomDialer(dialer{n.bus}),
		nats.SkipHostLookup(), nats.CustomInboxPrefix(inbox(c.Region)), nats.NoReconnect(), nats.NoEcho(),
		nats.IgnoreDiscoveredServers(), nats.Timeout(helloTimeout),
		nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(maxPings),
		nats.ClosedHandler(func(*nats.Conn) { close(closed) }), nats.ErrorHandler(n.bus.logError))

	n.mu.Lock()
	defer n.mu.Unlock()
	defer close(done)
	n.dialing, n.conn = nil, nil
	if err != nil {
		n.delay = min(max(2*n.delay, redialFirst), redialAtMost)
		n.retryAt, n.err = time.Now().Add(n.delay), fmt.Errorf("connect: %w", err)
		return
	}
	n.conn, n.closed, n.delay, n.err = conn, closed, 0, nil
}

// close ends the connection and waits until it has. The bus's context has ended before.
func (n *node) close() {
	n.mu.Lock()
	n.gone = true
	dialing := n.dialing
	n.mu.Unlock()
	if dialing != nil {
		<-dialing
	}
	n.mu.Lock()
	conn, closed := n.conn, n.closed
	n.mu.Unlock()
	if conn != nil {
		conn.Close()
		<-closed
	}
}

// dialer gives nats.go the bus's dialer, bounded in time and by the bus's life.
type dialer struct{ bus *Bus }

// Dial implements nats.CustomDialer.
func (d dialer) Dial(network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(d.bus.ctx, dialTimeout)
	defer cancel()
	return d.bus.config.Dial(ctx, network, addr)
}
