package httpbus

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"meridian/region/trace"
	"meridian/replication"
)

// How a node is asked.
const (
	dialTimeout   = 3 * time.Second // with the handshake
	answerTimeout = 4 * time.Second // of one node
	idleTimeout   = 30 * time.Second
	maxIdle       = 8
)

// Node is a node of another Region.
type Node struct {
	Name string // "eu-west-1/2"
	Addr string
}

// Peer is another Region.
type Peer struct {
	SigningKey []byte // Ed25519 public key
	Nodes      []Node
}

// Config is what a Bus is made of.
type Config struct {
	ClusterID string
	Region    string
	Sign      func(domain string, message []byte) []byte // with the Region's signing key
	Peers     map[string]Peer                            // by Region; not this one
	// Dial opens a connection to another Region's node; nil: the network itself.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Fate says what becomes of a message to that node; nil: nothing.
	Fate   func(node string) (drop, duplicate bool)
	Logger *slog.Logger // nil: none
}

// Bus is one node's end of the bus.
type Bus struct {
	config      Config
	log         *slog.Logger
	certificate tls.Certificate
	ctx         context.Context // ends with Close
	cancel      context.CancelFunc
	routes      map[string]*route
	running     sync.WaitGroup // servers

	mu      sync.Mutex
	servers []*http.Server
	serving *serving // nil: this node does not lead
}

var _ replication.Bus = (*Bus)(nil)

// New returns a Bus that is not asked by anybody yet: see Listen.
func New(c Config) (*Bus, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	if c.Fate == nil {
		c.Fate = func(string) (bool, bool) { return false, false }
	}
	b := &Bus{config: c, log: c.Logger, routes: make(map[string]*route)}
	var err error
	if b.certificate, err = newCertificate(&c); err != nil {
		return nil, fmt.Errorf("certificate for other Regions: %w", err)
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	for region, peer := range c.Peers {
		b.routes[region] = b.newRoute(region, peer)
	}
	return b, nil
}

// SetNodes says which nodes another Region has from now on. Regions neither come nor go.
func (b *Bus) SetNodes(region string, nodes []Node) {
	if r, ok := b.routes[region]; ok {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.nodes = nodes
	}
}

// Close ends every connection. Requests that run fail.
func (b *Bus) Close() {
	b.cancel()
	b.mu.Lock()
	servers := b.servers
	b.servers = nil
	b.mu.Unlock()
	for _, s := range servers {
		s.Close()
	}
	b.running.Wait()
	for _, r := range b.routes {
		r.client.CloseIdleConnections()
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
	return r.request(ctx, kind, envelope)
}

// route is the way to another Region: its nodes, and the one that answered last.
type route struct {
	fate   func(node string) (drop, duplicate bool)
	client *http.Client

	mu    sync.Mutex
	nodes []Node // replaced, never changed
	first int    // index of the node to ask first
}

func (b *Bus) newRoute(region string, peer Peer) *route {
	trusting := b.tlsConfig(region)
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		defer context.AfterFunc(b.ctx, cancel)()
		raw, err := b.config.Dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		conn := tls.Client(raw, trusting)
		if err := conn.HandshakeContext(ctx); err != nil {
			raw.Close()
			return nil, &net.OpError{Op: opDial, Net: network, Err: err}
		}
		return conn, nil
	}
	return &route{fate: b.config.Fate, nodes: peer.Nodes, client: &http.Client{
		Transport:     &http.Transport{DialTLSContext: dial, MaxIdleConnsPerHost: maxIdle, IdleConnTimeout: idleTimeout, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// errNotLeading is a node's word that it does not lead; errSilent that its leader gives no answer.
var (
	errNotLeading = errors.New("does not lead its Region")
	errSilent     = errors.New("took the request and gives no answer")
)

// request asks the nodes in turn until one answers.
func (r *route) request(ctx context.Context, kind replication.Kind, envelope []byte) ([]byte, error) {
	nodes, start := r.start()
	var failures error
	sent := false
	for i := range nodes {
		at := (start + i) % len(nodes)
		answer, err := r.ask(ctx, nodes[at], kind, envelope)
		if err == nil {
			r.prefer(start, at)
			return answer, nil
		}
		if ctx.Err() != nil {
			r.prefer(start, (at+1)%len(nodes)) // this one kept us waiting
			return nil, fmt.Errorf("%w: %w", replication.ErrNoAnswer, ctx.Err())
		}
		sent = sent || !errors.Is(err, errNotLeading) && !isDial(err)
		failures = errors.Join(failures, fmt.Errorf("%s: %w", nodes[at].Name, err))
	}
	if sent {
		return nil, fmt.Errorf("%w: %w", replication.ErrNoAnswer, failures)
	}
	return nil, fmt.Errorf("%w: %w", replication.ErrUnreachable, failures)
}

// opDial is the operation in the errors of net's dialers.
const opDial = "dial"

// isDial reports whether no connection came about.
func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == opDial
}

func (r *route) start() (nodes []Node, first int) {
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

// ask asks one node.
func (r *route) ask(ctx context.Context, n Node, kind replication.Kind, envelope []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	drop, duplicate := r.fate(n.Name)
	if drop {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if duplicate {
		_, _ = r.post(ctx, n, kind, envelope) // the repetition's answer counts
	}
	return r.post(ctx, n, kind, envelope)
}

func (r *route) post(ctx context.Context, n Node, kind replication.Kind, envelope []byte) ([]byte, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+n.Addr+path+string(kind), bytes.NewReader(envelope))
	if err != nil {
		return nil, err
	}
	trace.Depart(ctx, q.Header)
	resp, err := r.client.Do(q)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, replication.MaxEnvelope+1))
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode == http.StatusServiceUnavailable:
		return nil, errNotLeading
	case resp.StatusCode == http.StatusNoContent:
		return nil, errSilent
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("answered %s", resp.Status)
	case len(answer) > replication.MaxEnvelope:
		return nil, fmt.Errorf("answer of more than %d bytes: too large", replication.MaxEnvelope)
	}
	return answer, nil
}
