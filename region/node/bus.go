package node

import (
	"net"

	"meridian/cluster/layout"
	"meridian/region/forward"
	"meridian/replication"
	"meridian/replication/httpbus"
	"meridian/replication/natsbus"
)

// openBus opens this node's ends of the buses between Regions: HTTP, and NATS unless the cluster has none.
func (n *Node) openBus() error {
	direct, err := n.openDirect()
	if err != nil {
		return err
	}
	n.bus, n.direct = direct, direct
	if n.config.Cluster.Transport == layout.TransportHTTP {
		return nil
	}
	nats, err := n.openNATS()
	if err != nil {
		return err
	}
	n.nats = nats
	n.bus = &replication.Fallback{First: nats, Second: direct}
	return nil
}

// openDirect opens the bus without a broker, on the internal port.
func (n *Node) openDirect() (*httpbus.Bus, error) {
	c := &n.config
	peers := map[string]httpbus.Peer{}
	for _, r := range c.Cluster.Regions {
		if r.Name == c.Region.Name {
			continue
		}
		peers[r.Name] = httpbus.Peer{SigningKey: r.SigningKey, Nodes: directNodes(&r)}
	}
	bus, err := httpbus.New(httpbus.Config{
		ClusterID: c.Cluster.ID, Region: c.Region.Name, Sign: c.Ring.Sign, Peers: peers,
		Dial: n.port.BusDialer(forward.DialFunc(c.Faults.Dialer(new(net.Dialer).DialContext))), Fate: c.Faults.Fate, Logger: c.Logger,
	})
	if err != nil {
		return nil, err
	}
	n.later(bus.Close)
	bus.Listen(n.port.Bus())
	return bus, nil
}

// openNATS opens the bus on NATS, with this node's server.
func (n *Node) openNATS() (*natsbus.Bus, error) {
	c := &n.config
	var users []natsbus.User
	peers := map[string][]natsbus.Node{}
	for _, r := range c.Cluster.Regions {
		users = append(users, natsbus.User{Region: r.Name, NKey: r.NKey})
		if r.Name != c.Region.Name {
			peers[r.Name] = natsNodes(&r)
		}
	}
	server, err := natsbus.StartServer(natsbus.ServerConfig{
		Node: c.Node.Name, Region: c.Region.Name, Addr: c.NATSAddr, Users: users, Logger: c.Logger,
	})
	if err != nil {
		return nil, err
	}
	n.later(server.Close)
	bus := natsbus.New(natsbus.Config{
		Region: c.Region.Name, NKey: c.Region.NKey, Sign: c.Ring.SignNonce, Server: server, Peers: peers,
		Dial: c.Faults.Dialer(new(net.Dialer).DialContext), Fate: c.Faults.Fate, Logger: c.Logger,
	})
	n.later(bus.Close)
	return bus, nil
}
