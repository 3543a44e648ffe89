package httpbus_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"meridian/keyengine/keyring"
	"meridian/replication"
	"meridian/replication/bustest"
	"meridian/replication/httpbus"
)

const cluster = "5f2d7cc5-8d9f-4e2a-9c70-3b8f0d4a6f11"

func newRing(t *testing.T, clusterID, region string) *keyring.Ring {
	t.Helper()
	ring, err := keyring.New(clusterID, region, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// open makes the end of a bus of a ring's Region, with its peers.
func open(t *testing.T, ring *keyring.Ring, clusterID string, peers map[string]httpbus.Peer, dial func(context.Context, string, string) (net.Conn, error)) *httpbus.Bus {
	t.Helper()
	bus, err := httpbus.New(httpbus.Config{ClusterID: clusterID, Region: ring.Region(), Sign: ring.Sign, Peers: peers, Dial: dial})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bus.Close)
	return bus
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func node(name string, l net.Listener) httpbus.Node {
	return httpbus.Node{Name: name, Addr: l.Addr().String()}
}

// pair is two Regions: the second has two nodes, and the second of them leads.
func pair(t *testing.T, a, b string) bustest.Fixture {
	ringA, ringB := newRing(t, cluster, a), newRing(t, cluster, b)
	atA, follows, leads := listen(t), listen(t), listen(t)
	var cut atomic.Bool
	network := new(net.Dialer)
	dial := func(ctx context.Context, n, addr string) (net.Conn, error) {
		if cut.Load() {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		c, err := network.DialContext(ctx, n, addr)
		return cuttable{c, &cut}, err
	}
	peersOfA := map[string]httpbus.Peer{b: {SigningKey: ringB.Public().Signing, Nodes: []httpbus.Node{node(b+"/1", follows), node(b+"/2", leads)}}}
	peersOfB := map[string]httpbus.Peer{a: {SigningKey: ringA.Public().Signing, Nodes: []httpbus.Node{node(a+"/1", atA)}}}
	busA, busB := open(t, ringA, cluster, peersOfA, dial), open(t, ringB, cluster, peersOfB, nil)
	busA.Listen(atA)
	busB.Listen(leads)
	open(t, ringB, cluster, peersOfB, nil).Listen(follows)
	return bustest.Fixture{A: busA, B: busB, Cut: cut.Store}
}

// cuttable is a connection that fails while the way is cut.
type cuttable struct {
	net.Conn
	cut *atomic.Bool
}

func (c cuttable) Write(b []byte) (int, error) {
	if c.cut.Load() {
		return 0, errors.New("cut")
	}
	return c.Conn.Write(b)
}

func TestBus(t *testing.T) { bustest.Run(t, pair) }

// TestStrangersAreNotHeard: who cannot show that a Region of the cluster vouches for it reaches no handler.
func TestStrangersAreNotHeard(t *testing.T) {
	east, west, other := newRing(t, cluster, "us-east-1"), newRing(t, cluster, "eu-west-1"), newRing(t, cluster, "ap-southeast-2")
	l := listen(t)
	there := map[string]httpbus.Peer{"us-east-1": {SigningKey: east.Public().Signing, Nodes: []httpbus.Node{node("us-east-1/1", l)}}}
	bus := open(t, east, cluster, map[string]httpbus.Peer{
		"eu-west-1":      {SigningKey: west.Public().Signing},
		"ap-southeast-2": {SigningKey: other.Public().Signing},
	}, nil)
	bus.Listen(l)
	var heard atomic.Int32
	stop, err := bus.Serve(func(_ context.Context, src string, _ replication.Kind, _ []byte) []byte {
		heard.Add(1)
		return []byte(src)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)

	for name, c := range map[string]struct {
		ring    *keyring.Ring
		cluster string
		want    string
	}{
		"a Region of the cluster":               {west, cluster, "eu-west-1"},
		"a Region with another signing key":     {newRing(t, cluster, "eu-west-1"), cluster, ""},
		"a Region of another cluster":           {west, "0b6ad1f6-45a9-47f8-9d0f-b0ad3c7b5d8c", ""},
		"a Region that the cluster has not got": {newRing(t, cluster, "eu-north-1"), cluster, ""},
		"the asked Region itself":               {east, cluster, ""},
	} {
		before := heard.Load()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		answer, err := open(t, c.ring, c.cluster, there, nil).Request(ctx, "us-east-1", replication.KindKey, []byte("hello"))
		cancel()
		if c.want == "" && (err == nil || heard.Load() != before) || string(answer) != c.want {
			t.Errorf("%s: %q, %v", name, answer, err)
		}
	}

	t.Run("without a certificate", func(t *testing.T) {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		if resp, err := client.Post("https://"+l.Addr().String()+"/mr/v1/key", "", strings.NewReader("hello")); err == nil {
			resp.Body.Close()
			t.Errorf("answered %s", resp.Status)
		}
	})
	t.Run("with an older TLS", func(t *testing.T) {
		conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
		if err == nil {
			conn.Close()
			t.Error("the handshake went well")
		}
	})
	if n := heard.Load(); n != 1 {
		t.Errorf("%d requests were heard, not 1", n)
	}
}

// TestTheWrongRegionIsNotAsked: what listens where the Region should, and proves to be another one, gets no envelope.
func TestTheWrongRegionIsNotAsked(t *testing.T) {
	east, west, other := newRing(t, cluster, "us-east-1"), newRing(t, cluster, "eu-west-1"), newRing(t, cluster, "ap-southeast-2")
	l := listen(t)
	impostor := open(t, other, cluster, map[string]httpbus.Peer{"us-east-1": {SigningKey: east.Public().Signing}}, nil)
	impostor.Listen(l)
	stop, err := impostor.Serve(func(context.Context, string, replication.Kind, []byte) []byte { return []byte("taken") })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	bus := open(t, east, cluster, map[string]httpbus.Peer{
		"eu-west-1":      {SigningKey: west.Public().Signing, Nodes: []httpbus.Node{node("eu-west-1/1", l)}},
		"ap-southeast-2": {SigningKey: other.Public().Signing},
	}, nil)
	answer, err := bus.Request(t.Context(), "eu-west-1", replication.KindKey, []byte("secret"))
	if !errors.Is(err, replication.ErrUnreachable) {
		t.Errorf("%q, %v", answer, err)
	}
}
