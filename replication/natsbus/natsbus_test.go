package natsbus_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"go.uber.org/goleak"

	"meridian/replication"
	"meridian/replication/bustest"
	"meridian/replication/natsbus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	east = "us-east-1"
	west = "eu-west-1"
)

// region is a Region's nodes: a server and a bus each.
type region struct {
	name    string
	key     nkeys.KeyPair
	nkey    string
	servers []*natsbus.Server
	buses   []*natsbus.Bus
}

func newRegion(t *testing.T, name string) *region {
	t.Helper()
	key, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return &region{name: name, key: key, nkey: public}
}

func (r *region) nodes() (nodes []natsbus.Node) {
	for i, s := range r.servers {
		nodes = append(nodes, natsbus.Node{Name: fmt.Sprintf("%s/%d", r.name, i+1), Addr: s.Addr()})
	}
	return nodes
}

// start starts the servers of the Regions, then a bus for each; tune changes a bus's configuration.
func start(t *testing.T, count int, tune func(*natsbus.Config), regions ...*region) {
	t.Helper()
	var users []natsbus.User
	for _, r := range regions {
		users = append(users, natsbus.User{Region: r.name, NKey: r.nkey})
	}
	for _, r := range regions {
		for i := range count {
			s, err := natsbus.StartServer(natsbus.ServerConfig{
				Node: fmt.Sprintf("%s/%d", r.name, i+1), Region: r.name, Addr: "127.0.0.1:0", Users: users,
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Close)
			r.servers = append(r.servers, s)
		}
	}
	for _, r := range regions {
		peers := make(map[string][]natsbus.Node)
		for _, other := range regions {
			if other != r {
				peers[other.name] = other.nodes()
			}
		}
		for _, s := range r.servers {
			c := natsbus.Config{Region: r.name, NKey: r.nkey, Sign: r.key.Sign, Server: s, Peers: peers}
			if tune != nil {
				tune(&c)
			}
			b := natsbus.New(c)
			t.Cleanup(b.Close)
			r.buses = append(r.buses, b)
		}
	}
}

func pair(t *testing.T, count int, tune func(*natsbus.Config)) (a, b *region) {
	t.Helper()
	a, b = newRegion(t, east), newRegion(t, west)
	start(t, count, tune, a, b)
	return a, b
}

func TestConformance(t *testing.T) {
	bustest.Run(t, func(t *testing.T, a, b string) bustest.Fixture {
		var cut atomic.Bool
		ra, rb := newRegion(t, a), newRegion(t, b)
		start(t, 2, func(c *natsbus.Config) {
			if c.Region == a {
				c.Dial = cuttable(&cut)
			}
		}, ra, rb)
		// the leaders are at different places in the lists of nodes
		return bustest.Fixture{A: ra.buses[0], B: rb.buses[1], Cut: cut.Store}
	})
}

// cuttable dials connections that break, and cannot be made, while cut.
func cuttable(cut *atomic.Bool) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if cut.Load() {
			return nil, errors.New("cut")
		}
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		return &cutConn{Conn: conn, cut: cut}, err
	}
}

type cutConn struct {
	net.Conn
	cut *atomic.Bool
}

func (c *cutConn) Write(p []byte) (int, error) {
	if c.cut.Load() {
		_ = c.Close()
		return 0, errors.New("cut")
	}
	return c.Conn.Write(p)
}

func answer(text string) replication.Handler {
	return func(context.Context, string, replication.Kind, []byte) []byte { return []byte(text) }
}

func ask(t *testing.T, b *natsbus.Bus, dst string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	got, err := b.Request(ctx, dst, replication.KindStatus, []byte("x"))
	return string(got), err
}

func TestFindsTheLeaderAmongNodes(t *testing.T) {
	a, b := pair(t, 3, nil)
	for i, leader := range []int{2, 0, 1} {
		text := fmt.Sprintf("from node %d", leader+1)
		stop, err := b.buses[leader].Serve(answer(text))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ask(t, a.buses[0], west); err != nil || got != text {
			t.Errorf("term %d: %q, %v", i, got, err)
		}
		stop()
	}
	if _, err := ask(t, a.buses[0], west); !errors.Is(err, replication.ErrUnreachable) {
		t.Errorf("without a leader: %v", err)
	}
}

func TestGoesOnWhenNodesAreDown(t *testing.T) {
	a, b := pair(t, 3, nil)
	stop, err := b.buses[2].Serve(answer("here"))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for down := range 2 {
		if got, err := ask(t, a.buses[0], west); err != nil || got != "here" {
			t.Fatalf("with %d nodes down: %q, %v", down, got, err)
		}
		b.servers[down].Close()
	}
	if got, err := ask(t, a.buses[0], west); err != nil || got != "here" {
		t.Fatalf("with two nodes down: %q, %v", got, err)
	}
}

// TestNodesComeAndGo: the leader is found at a node that came later, and one that went is not asked any more.
func TestNodesComeAndGo(t *testing.T) {
	a, b := pair(t, 3, nil)
	all := b.nodes()
	asking := a.buses[0]
	asking.SetNodes(west, all[:1])
	stop, err := b.buses[2].Serve(answer("from the third"))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if got, err := ask(t, asking, west); !errors.Is(err, replication.ErrUnreachable) {
		t.Errorf("before the third came: %q, %v", got, err)
	}
	asking.SetNodes(west, all)
	if got, err := ask(t, asking, west); err != nil || got != "from the third" {
		t.Errorf("when it came: %q, %v", got, err)
	}
	asking.SetNodes(west, all[:2])
	if got, err := ask(t, asking, west); !errors.Is(err, replication.ErrUnreachable) {
		t.Errorf("when it went: %q, %v", got, err)
	}
	asking.SetNodes("ap-southeast-2", all) // of which it never heard
	if _, err := ask(t, asking, "ap-southeast-2"); !errors.Is(err, replication.ErrUnreachable) {
		t.Errorf("a Region that is not in the cluster: %v", err)
	}
}

func TestSilentNodeDoesNotHideTheLeader(t *testing.T) {
	// The first node's address accepts connections and never says a word.
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	a, b := newRegion(t, east), newRegion(t, west)
	start(t, 1, func(c *natsbus.Config) {
		if c.Region == east {
			nodes := append([]natsbus.Node{{Name: "eu-west-1/9", Addr: silent.Addr().String()}}, b.nodes()...)
			c.Peers = map[string][]natsbus.Node{west: nodes}
		}
	}, a, b)
	stop, err := b.buses[0].Serve(answer("here"))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for range 2 {
		if got, err := ask(t, a.buses[0], west); err != nil || got != "here" {
			t.Fatalf("%q, %v", got, err)
		}
	}
}

func TestFateDropsAndDuplicates(t *testing.T) {
	var drop, duplicate atomic.Bool
	var nodes sync.Map
	a, b := pair(t, 1, func(c *natsbus.Config) {
		c.Fate = func(node string) (bool, bool) {
			nodes.Store(node, true)
			return drop.Load(), duplicate.Load()
		}
	})
	arrived := make(chan struct{}, 10)
	stop, err := b.buses[0].Serve(func(context.Context, string, replication.Kind, []byte) []byte {
		arrived <- struct{}{}
		return []byte("ok")
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()

	duplicate.Store(true)
	if got, err := ask(t, a.buses[0], west); err != nil || got != "ok" {
		t.Fatalf("duplicated: %q, %v", got, err)
	}
	<-arrived
	<-arrived
	duplicate.Store(false)
	drop.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := a.buses[0].Request(ctx, west, replication.KindStatus, []byte("x")); !errors.Is(err, replication.ErrNoAnswer) {
		t.Errorf("dropped: %v", err)
	}
	if len(arrived) != 0 {
		t.Error("a dropped message arrived")
	}
	if _, ok := nodes.Load("eu-west-1/1"); !ok {
		t.Error("the fate was not asked by the node's name")
	}
}

func TestStrangersAreRefused(t *testing.T) {
	a, b := pair(t, 1, nil)
	stranger := newRegion(t, east) // the right name, another key
	own := natsbus.New(natsbus.Config{Region: east, NKey: stranger.nkey, Sign: stranger.key.Sign, Peers: map[string][]natsbus.Node{west: b.nodes()}})
	defer own.Close()
	stop, err := b.buses[0].Serve(answer("secret"))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if got, err := ask(t, own, west); !errors.Is(err, replication.ErrUnreachable) {
		t.Errorf("another key: %q, %v", got, err)
	}
	forger := natsbus.New(natsbus.Config{Region: east, NKey: a.nkey, Sign: stranger.key.Sign, Peers: map[string][]natsbus.Node{west: b.nodes()}})
	defer forger.Close()
	if got, err := ask(t, forger, west); !errors.Is(err, replication.ErrUnreachable) {
		t.Errorf("a signature by another key: %q, %v", got, err)
	}
}

// TestPermissions logs in as a Region and tries what it may not do.
func TestPermissions(t *testing.T) {
	a, b := pair(t, 1, nil)
	violations := make(chan error, 10)
	closed := make(chan struct{})
	conn, err := nats.Connect("nats://"+b.servers[0].Addr(), nats.Nkey(a.nkey, a.key.Sign), nats.NoReconnect(),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { violations <- err }),
		nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { conn.Close(); <-closed }()
	for _, subject := range []string{">", "mr.v1.>", "mr.v1.eu-west-1.rec.*", "_INBOX.eu-west-1.>", "_INBOX.>"} {
		if _, err := conn.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		if err := <-violations; !strings.Contains(strings.ToLower(err.Error()), "permissions violation for subscription") {
			t.Errorf("subscribe %s: %v", subject, err)
		}
	}
	for _, subject := range []string{"mr.v1.eu-west-1.rec.eu-west-1", "mr.v1.eu-west-1.rec.ap-southeast-2", "_INBOX.eu-west-1.1", "anything"} {
		if err := conn.Publish(subject, nil); err != nil {
			t.Fatal(err)
		}
		if err := <-violations; !strings.Contains(strings.ToLower(err.Error()), "permissions violation for publish") {
			t.Errorf("publish %s: %v", subject, err)
		}
	}
}

func TestLocalUserIsForTheProcessAlone(t *testing.T) {
	a, _ := pair(t, 1, nil)
	for _, password := range []string{"", "leader", "x"} {
		if conn, err := nats.Connect("nats://"+a.servers[0].Addr(), nats.UserInfo("leader", password)); err == nil {
			conn.Close()
			t.Errorf("password %q logs in over the network", password)
		}
	}
	if conn, err := nats.Connect("nats://" + a.servers[0].Addr()); err == nil {
		conn.Close()
		t.Error("nobody logs in over the network")
	}
}

func TestPortTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	r := newRegion(t, east)
	_, err = natsbus.StartServer(natsbus.ServerConfig{
		Node: "us-east-1/1", Region: east, Addr: taken.Addr().String(), Users: []natsbus.User{{Region: east, NKey: r.nkey}},
	})
	if err == nil || !strings.Contains(err.Error(), taken.Addr().String()) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("error %v does not say which port is taken", err)
	}
}

func TestServerOutlivesGarbage(t *testing.T) {
	a, b := pair(t, 1, nil)
	stop, err := b.buses[0].Serve(answer("here"))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for _, garbage := range []string{"", "GET / HTTP/1.1\r\n\r\n", strings.Repeat("A", 1<<16), "CONNECT {\r\n", "PUB mr.v1.eu-west-1.rec.us-east-1 3\r\nabc\r\n"} {
		conn, err := net.Dial("tcp", b.servers[0].Addr())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write([]byte(garbage))
		_ = conn.Close()
	}
	if got, err := ask(t, a.buses[0], west); err != nil || got != "here" {
		t.Errorf("%q, %v", got, err)
	}
}
