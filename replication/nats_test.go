package replication_test

import (
	"crypto/rand"
	"testing"
	"time"

	"meridian/keyengine"
	"meridian/keyengine/keyring"
	"meridian/replication"
	"meridian/replication/natsbus"
)

// TestOverNATS tells a key's story over real sockets, with two nodes a Region of which the second
// leads.
func TestOverNATS(t *testing.T) {
	w := &world{t: t, sites: make(map[string]*site)}
	regions := []string{east, west, south}
	var peers []replication.Peer
	var users []natsbus.User
	for _, region := range regions {
		ring, err := keyring.New(cluster, region, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		w.sites[region] = &site{place: keyengine.Place{Partition: "aws", Region: region}, ring: ring, life: 1}
		peers = append(peers, replication.Peer{Region: region, SigningKey: ring.Public().Signing})
		users = append(users, natsbus.User{Region: region, NKey: ring.Public().NKey})
	}
	nodes, leaders := make(map[string][]natsbus.Node), make(map[string]*natsbus.Server)
	for _, region := range regions {
		for _, name := range []string{region + "/1", region + "/2"} {
			s, err := natsbus.StartServer(natsbus.ServerConfig{Node: name, Region: region, Addr: "127.0.0.1:0", Users: users})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Close)
			nodes[region] = append(nodes[region], natsbus.Node{Name: name, Addr: s.Addr()})
			leaders[region] = s
		}
	}
	for _, region := range regions {
		s := w.sites[region]
		bus := natsbus.New(natsbus.Config{
			Region: region, NKey: s.ring.Public().NKey, Sign: s.ring.SignNonce, Server: leaders[region], Peers: nodes,
		})
		t.Cleanup(bus.Close)
		s.bus = bus
		s.relay = w.newRelay(s, peers)
		w.lead(s)
		t.Cleanup(s.relay.Stop)
	}
	ref := w.create(east)
	w.replicate(east, ref, west, south)
	w.within(10*time.Second, "replicas are enabled", func() bool { return w.converged(ref, east, west, south) })
	w.handOff(east, ref, west)
	w.within(10*time.Second, "the role has moved", func() bool {
		return w.sites[west].family(ref).Record.Primary == west && w.converged(ref, east, west, south)
	})
	w.sameSecrets(ref, west, east, south)
}
