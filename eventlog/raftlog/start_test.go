package raftlog_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"

	"meridian/eventlog"
	"meridian/eventlog/logtest"
	"meridian/eventlog/raftlog"
	"meridian/region/keystore"
)

// lead waits until a server leads alone or with its group.
func lead(t *testing.T, s *server) {
	t.Helper()
	for range 1000 {
		if s.log.Leadership().Leader {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("no leader")
}

func appendTo(t *testing.T, s *server, n int) {
	t.Helper()
	for range n {
		if _, err := s.log.Append(t.Context(), logtest.AddTo(s.log.Leadership().Term, "a")); err != nil {
			t.Fatal(err)
		}
	}
}

func stopped(t *testing.T, s *server) {
	t.Helper()
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
}

// TestStart: which folders a node starts on, and which it takes for a lost disk.
func TestStart(t *testing.T) {
	alone := options{bootstrap: members(1)}
	spoil := func(path string) func(fs *vfs.MemFS) {
		return func(fs *vfs.MemFS) {
			if err := fs.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	disk := func(fs *vfs.MemFS, f func(d *logtest.Disk) error) {
		d, err := logtest.OpenDisk(fs, "raft", true)
		if err == nil {
			err = errors.Join(f(d), d.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		what  string
		first bool // the node has run before, and has 20 records and a snapshot after 10
		spoil func(fs *vfs.MemFS)
		again options
		as    string // its name when it comes back; empty: n1
		count uint64 // with which it leads again
		err   error
		says  string
	}{
		{what: "new region", again: alone},
		{what: "empty log, nothing to bootstrap", err: raftlog.ErrLostDisk, says: "it is empty"},
		{what: "restart", first: true, count: 20},
		{what: "restart of who was to bootstrap", first: true, again: alone, count: 20},
		{what: "state is lost", first: true, spoil: spoil("state"), count: 20},
		{what: "log is lost", first: true, spoil: spoil("raft"), err: raftlog.ErrLostDisk, says: "it has no mark"},
		{
			what: "log and snapshots are lost", first: true, again: alone, err: raftlog.ErrLostDisk, says: "the state is at entry",
			spoil: func(fs *vfs.MemFS) { spoil("raft")(fs); spoil("snapshots")(fs) },
		},
		{what: "snapshots are lost", first: true, spoil: spoil("snapshots"), err: raftlog.ErrLostDisk, says: "it begins at"},
		{
			what: "the log's end is lost", first: true, err: raftlog.ErrLostDisk, says: "the state is at",
			spoil: func(fs *vfs.MemFS) {
				disk(fs, func(d *logtest.Disk) error { return d.DeleteRange(18, 1000) })
			},
		},
		{
			what: "newer format", first: true, says: "newer format: it has format 3, this build reads up to 2",
			spoil: func(fs *vfs.MemFS) {
				disk(fs, func(d *logtest.Disk) error { return d.SetUint64([]byte("meridian/format"), 3) })
			},
		},
		{what: "another server's log", first: true, as: "n2", says: "log belongs to server n1, not to n2"},
		{what: "a log of format 1", first: true, spoil: func(fs *vfs.MemFS) { disk(fs, unframe) }, count: 20},
		{
			what: "a log of format 1 that was half brought to this one", first: true, count: 20,
			spoil: func(fs *vfs.MemFS) {
				disk(fs, func(d *logtest.Disk) error {
					whole := new(raft.Log)
					if err := errors.Join(d.GetLog(16, whole), unframe(d)); err != nil {
						return err
					}
					return d.StoreLog(whole)
				})
			},
		},
		{
			what: "a bit of an entry flipped", first: true, says: "read entry 16: its checksum is wrong",
			spoil: func(fs *vfs.MemFS) {
				disk(fs, func(d *logtest.Disk) error {
					l := new(raft.Log)
					err := d.GetLog(16, l)
					l.Data[len(l.Data)/2] ^= 4
					return errors.Join(err, d.StoreLog(l))
				})
			},
		},
		{
			what: "an entry in the place of another", first: true, says: "read entry 16: its checksum is wrong",
			spoil: func(fs *vfs.MemFS) {
				disk(fs, func(d *logtest.Disk) error {
					l := new(raft.Log)
					err := d.GetLog(15, l)
					l.Index = 16
					return errors.Join(err, d.StoreLog(l))
				})
			},
		},
		{
			what: "a bit of the vote flipped", first: true, says: "read LastVoteTerm: its checksum is wrong",
			spoil: func(fs *vfs.MemFS) {
				disk(fs, func(d *logtest.Disk) error {
					v, err := d.Get([]byte("LastVoteTerm"))
					v[7] ^= 1
					return errors.Join(err, d.Set([]byte("LastVoteTerm"), v))
				})
			},
		},
		{
			what: "snapshot is damaged, state is lost", first: true, says: "snapshot's",
			spoil: func(fs *vfs.MemFS) {
				spoil("state")(fs)
				cutSnapshot(t, fs)
			},
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			fs := vfs.NewMem()
			if c.first {
				s, err := start(logtest.NewNetwork(nil), "n1", fs, options{bootstrap: members(1), snapshots: raftlog.Snapshots{Trailing: 2}})
				if err != nil {
					t.Fatal(err)
				}
				lead(t, s)
				appendTo(t, s, 10)
				if err := s.log.Snapshot(t.Context()); err != nil {
					t.Fatal(err)
				}
				appendTo(t, s, 10)
				stopped(t, s)
			}
			if c.spoil != nil {
				c.spoil(fs)
			}
			s, err := start(logtest.NewNetwork(nil), cmp.Or(c.as, "n1"), fs, c.again)
			if c.err != nil || c.says != "" {
				if err == nil {
					stopped(t, s)
				}
				if err == nil || c.err != nil && !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%s: %v", c.what, err)
				}
				return
			}
			if err != nil {
				t.Fatalf("%s: %v", c.what, err)
			}
			lead(t, s)
			if got := logtest.Count(s.state, "a"); got != c.count {
				t.Errorf("%s: counted %d, want %d", c.what, got, c.count)
			}
			stopped(t, s)
		})
	}
}

// unframe makes a log one of format 1: the checksum is the last four bytes of everything.
func unframe(d *logtest.Disk) error {
	first, err1 := d.FirstIndex()
	last, err2 := d.LastIndex()
	err := errors.Join(err1, err2)
	for i := first; i <= last && err == nil; i++ {
		l := new(raft.Log)
		if err = d.GetLog(i, l); err == nil {
			l.Data = l.Data[:len(l.Data)-4]
			err = d.StoreLog(l)
		}
	}
	for _, key := range []string{"meridian/server", "CurrentTerm", "LastVoteTerm", "LastVoteCand"} {
		v, e := d.Get([]byte(key))
		if e == nil {
			e = d.Set([]byte(key), v[:len(v)-4])
		}
		err = errors.Join(err, e)
	}
	return errors.Join(err, d.SetUint64([]byte("meridian/format"), 1))
}

// cutSnapshot shortens the only snapshot.
func cutSnapshot(t *testing.T, fs *vfs.MemFS) {
	t.Helper()
	store, err := logtest.OpenSnapshots(fs, "snapshots")
	if err != nil {
		t.Fatal(err)
	}
	list, err := store.List()
	if err != nil || len(list) != 1 {
		t.Fatalf("%d snapshots, %v", len(list), err)
	}
	_, r, err := store.Open(list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	f, err := fs.Create("snapshots/"+list[0].ID, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(b[:len(b)-10]); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestReceivedButNotRestored: the power went after a snapshot was received and before the state
// machine had it. The start does not believe that the state is there.
func TestReceivedButNotRestored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, options{snapshots: raftlog.Snapshots{Threshold: 10, Trailing: 2, Interval: time.Second}})
		c.Isolate(2)
		l := c.servers[0]
		for range 1000 {
			if c.servers[1].log.Leadership().Leader {
				l = c.servers[1]
			}
			if l.log.Leadership().Leader {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		appendTo(t, l, 100)
		time.Sleep(5 * time.Second)
		away := c.servers[2]
		before := away.fs.CrashClone(vfs.CrashCloneCfg{})
		c.Heal()
		for range 1000 {
			if away.state.Meta() == l.state.Meta() {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		want := away.state.Meta()
		if want.Seq != 100 {
			t.Fatalf("the node that was away is at %+v", want)
		}
		if got := snapshotsOf(t, away.fs); got == 0 {
			t.Fatal("it caught up without a snapshot: this test shows nothing")
		}
		c.Close()
		// Its log and snapshots as they are now, its state as it was.
		state := vfs.NewMem()
		copyTree(t, before, state, "state")
		copyTree(t, away.fs, state, "raft")
		copyTree(t, away.fs, state, "snapshots")
		s, err := start(logtest.NewNetwork(nil), away.addr, state, options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.state.Meta(); got.Seq != want.Seq || got.Digest != want.Digest {
			t.Errorf("started at %+v, want %+v", got, want)
		}
		stopped(t, s)
	})
}

func snapshotsOf(t *testing.T, fs vfs.FS) int {
	t.Helper()
	s, err := logtest.OpenSnapshots(fs, "snapshots")
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func copyTree(t *testing.T, from, to vfs.FS, dir string) {
	t.Helper()
	if ok, err := vfs.Clone(from, to, dir, dir); err != nil || !ok {
		t.Fatalf("copy %s: %v, %v", dir, ok, err)
	}
}

// TestMembership: a node joins without a vote, gets one, and leaves.
func TestMembership(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, options{})
		var l *server
		for l == nil {
			for _, s := range c.servers {
				if s.log.Leadership().Leader {
					l = s
				}
			}
			time.Sleep(10 * time.Millisecond)
		}
		appendTo(t, l, 10)
		s, err := start(c.net, "n4", vfs.NewCrashableMem(), options{join: true})
		if err != nil {
			t.Fatal(err)
		}
		c.servers = append(c.servers, s)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for _, voter := range []bool{false, true} {
			m := raftlog.Member{ID: "n4", Addr: "n4", Voter: voter}
			if err := l.log.Add(ctx, m); err != nil {
				t.Fatal(err)
			}
			list, err := l.log.Members(ctx)
			if err != nil || len(list) != 4 || list[3] != m {
				t.Errorf("members %+v, %v", list, err)
			}
		}
		if err := s.state.WaitApplied(ctx, 10); err != nil {
			t.Error(err)
		}
		if got := s.log.Status(); got.State != "follower" || got.Term != l.log.Leadership().Term {
			t.Errorf("status %+v", got)
		}
		if err := l.log.Remove(ctx, "n4"); err != nil {
			t.Fatal(err)
		}
		if list, err := l.log.Members(ctx); err != nil || len(list) != 3 {
			t.Errorf("members %+v, %v", list, err)
		}
		if err := s.log.Add(ctx, raftlog.Member{ID: "n5", Addr: "n5"}); !errors.Is(err, eventlog.ErrNotLeader) {
			t.Errorf("a node that does not lead added a member: %v", err)
		}
		c.Close()
	})
}

// deaf is a transport without pre-votes.
type deaf struct{ raft.Transport }

// TestConfig: what Open refuses to begin with.
func TestConfig(t *testing.T) {
	_, trans := raft.NewInmemTransport("n1")
	sm := new(keystore.Store)
	fatal := func(error) {}
	for says, c := range map[string]raftlog.Config{
		"id and address":      {Dir: "d", Transport: trans, StateMachine: sm, Fatal: fatal},
		"a folder":            {ID: "1", Addr: "a", Transport: trans, StateMachine: sm, Fatal: fatal},
		"transport, state":    {ID: "1", Addr: "a", Dir: "d", Transport: trans, StateMachine: sm},
		"not carry pre-votes": {ID: "1", Addr: "a", Dir: "d", Transport: deaf{trans}, StateMachine: sm, Fatal: fatal},
	} {
		if _, err := raftlog.Open(c); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}

// TestFiles: the log on real files survives a restart, keeps a second process out, and is bounded by
// snapshots.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	fs := vfs.NewMem()
	open := func() (*keystore.Store, *raftlog.Log, error) {
		state, err := keystore.Open(keystore.Config{
			Dir: "state", FS: fs, ClusterID: "c", Region: "r", Domain: logtest.Counters{},
			Fatal: func(err error) { panic(err) }, MemTableBytes: 64 << 10, CacheBytes: 1 << 20,
		})
		if err != nil {
			t.Fatal(err)
		}
		net := logtest.NewNetwork(nil)
		log, err := raftlog.Open(raftlog.Config{
			Dir: dir, ID: "n1", Addr: "n1", Transport: net.Transport("n1"), StateMachine: state, Bootstrap: members(1),
			Timeouts: raftlog.Timeouts{Heartbeat: 20 * time.Millisecond, Election: 20 * time.Millisecond, Lease: 20 * time.Millisecond},
			Fatal:    func(err error) { panic(err) },
		})
		return state, log, err
	}
	for round := range uint64(3) {
		state, log, err := open()
		if err != nil {
			t.Fatal(err)
		}
		for l := range log.Watch() {
			if l.Leader {
				break
			}
		}
		if got := logtest.Count(state, "a"); got != round*5 {
			t.Errorf("round %d: counted %d", round, got)
		}
		for range 5 {
			if _, err := log.Append(t.Context(), logtest.AddTo(log.Leadership().Term, "a")); err != nil {
				t.Fatal(err)
			}
		}
		if err := log.Snapshot(t.Context()); err != nil {
			t.Error(err)
		}
		if err := errors.Join(log.Close(), state.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBadSnapshotStaysHidden: bytes that the state machine would not take never become a snapshot of
// this node, whoever sent them.
func TestBadSnapshotStaysHidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, options{})
		defer c.Close()
		s := c.servers[0]
		term := uint64(50)
		for _, body := range [][]byte{nil, []byte("nonsense"), bytes.Repeat([]byte{'M'}, 1<<16)} {
			term++
			err := c.net.InstallSnapshot(s.addr, &raft.InstallSnapshotRequest{
				RPCHeader: raft.RPCHeader{ProtocolVersion: 3}, SnapshotVersion: 1, Term: term,
				LastLogIndex: 1000, LastLogTerm: term, Size: int64(len(body)),
				Configuration: raft.EncodeConfiguration(raft.Configuration{}),
			}, bytes.NewReader(body))
			if err == nil {
				t.Errorf("%d bytes of nonsense were installed", len(body))
			}
		}
		if n := snapshotsOf(t, s.fs); n != 0 {
			t.Errorf("%d snapshots", n)
		}
		if at := s.state.Applied(); at.Seq != 0 || at.Index >= 1000 {
			t.Errorf("applied %+v", at)
		}
	})
}
