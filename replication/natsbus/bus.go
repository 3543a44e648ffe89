package natsbus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"meridian/region/trace"
	"meridian/replication"
)

// Limits of a bus.
const (
	maxHandling   = 64 // requests that are handled at a time
	answerTimeout = 4 * time.Second
)

// Node is a node of another Region.
type Node struct {
	Name string // "eu-west-1/2"
	Addr string // of its NATS server
}

// Config is what a Bus is made of.
type Config struct {
	Region string
	NKey   string                             // the Region's public user key
	Sign   func(nonce []byte) ([]byte, error) // with the Region's user key
	Server *Server                            // of this node
	Peers  map[string][]Node                  // by Region
	// Dial dials another Region's node; nil: the network itself.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Fate says what becomes of a message to that node; nil: nothing.
	Fate   func(node string) (drop, duplicate bool)
	Logger *slog.Logger // nil: none
}

// Bus is one node's end of the bus.
type Bus struct {
	config Config
	log    *slog.Logger
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	routes map[string]*route
}

var _ replication.Bus = (*Bus)(nil)

// New returns a Bus. It connects when it is used.
func New(c Config) *Bus {
	b := &Bus{config: c, log: c.Logger, routes: make(map[string]*route)}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	if b.config.Dial == nil {
		b.config.Dial = new(net.Dialer).DialContext
	}
	if b.config.Fate == nil {
		b.config.Fate = func(string) (bool, bool) { return false, false }
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	for region, nodes := range c.Peers {
		b.routes[region] = newRoute(b, nodes)
	}
	return b
}

// SetNodes says which nodes another Region has from now on. Regions neither come nor go.
func (b *Bus) SetNodes(region string, nodes []Node) {
	if r, ok := b.routes[region]; ok {
		r.set(nodes)
	}
}

// Close ends the connections to other Regions. Requests that run fail. What serves is stopped by its
// own stop function.
func (b *Bus) Close() {
	b.cancel()
	for _, r := range b.routes {
		r.close()
	}
}

// Request implements replication.Bus.
func (b *Bus) Request(ctx context.Context, dst string, kind replication.Kind, envelope []byte) ([]byte, error) {
	r, ok := b.routes[dst]
	if !ok {
		return nil, fmt.Errorf("%w: %s is not in the cluster", replication.ErrUnreachable, dst)
	}
	if len(envelope) > replication.MaxEnvelope {
		return nil, fmt.Errorf("envelope of %d bytes: too large", len(envelope))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(b.ctx, cancel)()
	return r.request(ctx, subject(dst, kind, b.config.Region), envelope)
}

// Serve implements replication.Bus.
func (b *Bus) Serve(h replication.Handler) (stop func(), err error) {
	closed := make(chan struct{})
	conn, err := nats.Connect("nats://in-process", nats.InProcessServer(b.config.Server),
		nats.UserInfo(localUser, b.config.Server.local), nats.Name("leader"), nats.NoReconnect(),
		nats.ClosedHandler(func(*nats.Conn) { close(closed) }), nats.ErrorHandler(b.logError))
	if err != nil {
		return nil, fmt.Errorf("serve: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &serving{bus: b, handler: h, ctx: ctx, slots: make(chan struct{}, maxHandling)}
	sub, err := conn.Subscribe(questions(b.config.Region), s.receive)
	if err == nil {
		err = conn.Flush()
	}
	if err != nil {
		cancel()
		conn.Close()
		<-closed
		return nil, fmt.Errorf("serve: %w", err)
	}
	return sync.OnceFunc(func() {
		_ = sub.Unsubscribe()
		_ = conn.FlushTimeout(time.Second) // from here on the server says "no responders"
		cancel()
		s.end()
		conn.Close()
		<-closed
	}), nil
}

func (b *Bus) logError(_ *nats.Conn, _ *nats.Subscription, err error) {
	b.log.Warn("nats", "err", err)
}

// serving is a Serve in force.
type serving struct {
	bus     *Bus
	handler replication.Handler
	ctx     context.Context
	slots   chan struct{}

	mu      sync.Mutex
	ended   bool
	running sync.WaitGroup
}

// receive hands a message to a goroutine of its own. Where too many run it waits, and so do the
// messages behind it.
func (s *serving) receive(m *nats.Msg) {
	src, kind, ok := parse(m.Subject)
	if !ok || len(m.Data) > replication.MaxEnvelope {
		return
	}
	select {
	case s.slots <- struct{}{}:
	case <-s.ctx.Done():
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.running.Go(func() {
		defer func() { <-s.slots }()
		answer := s.handler(trace.Arrived(s.ctx, m.Header.Get(trace.Header)), src, kind, m.Data)
		if answer == nil || m.Reply == "" {
			return
		}
		if err := m.Respond(answer); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
			s.bus.log.Warn("answer", "to", src, "kind", kind, "err", err)
		}
	})
}

// end waits for the handlers that run.
func (s *serving) end() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.running.Wait()
}

// parse reads mr.v1.<dst>.<kind>.<src>.
func parse(subject string) (src string, kind replication.Kind, ok bool) {
	parts := strings.Split(subject, ".")
	if len(parts) != 5 {
		return "", "", false
	}
	return parts[4], replication.Kind(parts[3]), true
}
