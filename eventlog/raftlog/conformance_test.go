package raftlog_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meridian/eventlog"
	"meridian/eventlog/logtest"
	"meridian/eventlog/raftlog"
	"meridian/region/keystore"
)

// server is a node on a file system in memory.
type server struct {
	addr  string
	fs    *vfs.MemFS
	disk  *logtest.Disk
	state *keystore.Store
	log   *raftlog.Log
}

// options of a server; zero is as in production, but for small databases.
type options struct {
	unsyncedLog bool          // defect: Raft's log is not synced
	forgetful   bool          // defect: the applied position is not kept with the rows
	lasting     time.Duration // of a history; zero: 30 s
	snapshots   raftlog.Snapshots
	bootstrap   []raftlog.Member
	join        bool
	latency     func() time.Duration
}

func members(n int) (list []raftlog.Member) {
	for i := range n {
		addr := fmt.Sprintf("n%d", i+1)
		list = append(list, raftlog.Member{ID: addr, Addr: addr, Voter: true})
	}
	return list
}

func start(net *logtest.Network, addr string, fs *vfs.MemFS, o options) (s *server, err error) {
	s = &server{addr: addr, fs: fs}
	defer func() {
		if p := recover(); p != nil { // what would have ended the process
			err = fmt.Errorf("fatal: %v", p)
		}
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	s.state, err = keystore.Open(keystore.Config{
		Dir: "state", FS: fs, ClusterID: "c", Region: "us-east-1", Domain: logtest.Counters{},
		Fatal: func(err error) { panic(err) }, MemTableBytes: 64 << 10, CacheBytes: 1 << 20,
	})
	if err != nil {
		return s, err
	}
	if s.disk, err = logtest.OpenDisk(fs, "raft", !o.unsyncedLog); err != nil {
		return s, err
	}
	snapshots, err := logtest.OpenSnapshots(fs, "snapshots")
	if err != nil {
		return s, err
	}
	var sm eventlog.StateMachine = s.state
	if o.forgetful {
		sm = &forgetful{Store: s.state}
	}
	s.log, err = raftlog.Open(raftlog.Config{
		ID: addr, Addr: addr, Transport: net.Transport(addr), StateMachine: sm,
		Bootstrap: o.bootstrap, Join: o.join, Snapshots: o.snapshots,
		Stores: &raftlog.Stores{Log: s.disk, Stable: s.disk, Snapshots: snapshots},
		Fatal:  func(err error) { panic(err) },
	})
	return s, err
}

func (s *server) stop() error {
	var err error
	if s.log != nil {
		err = s.log.Close()
	}
	if s.disk != nil {
		err = errors.Join(err, s.disk.Close())
	}
	if s.state != nil {
		err = errors.Join(err, s.state.Close())
	}
	return err
}

type cluster struct {
	t       testing.TB
	net     *logtest.Network
	servers []*server
}

func newCluster(t testing.TB, o options) *cluster {
	c := &cluster{t: t, net: logtest.NewNetwork(o.latency)}
	o.bootstrap = members(3)
	for _, m := range o.bootstrap {
		s, err := start(c.net, m.Addr, vfs.NewCrashableMem(), o)
		if err != nil {
			t.Fatal(err)
		}
		c.servers = append(c.servers, s)
	}
	return c
}

func (c *cluster) Nodes() (nodes []logtest.Node) {
	for _, s := range c.servers {
		nodes = append(nodes, logtest.Node{Log: s.log, State: s.state})
	}
	return nodes
}

func (c *cluster) Isolate(i int) { c.net.Cut(c.servers[i].addr) }

func (c *cluster) Heal() {
	for _, s := range c.servers {
		c.net.Heal(s.addr)
	}
}

func (c *cluster) Close() {
	for _, s := range c.servers {
		if err := s.stop(); err != nil {
			c.t.Error(err)
		}
	}
	time.Sleep(time.Second) // in the bubble: Raft's time-outs of calls end
}

func TestConformance(t *testing.T) {
	logtest.Run(t, func(t *testing.T) logtest.Cluster { return newCluster(t, options{}) })
}
