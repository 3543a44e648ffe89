package raftlog_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meridian/eventlog"
	"meridian/eventlog/logtest"
	"meridian/eventlog/raftlog"
	"meridian/region/keystore"
)

// seeds is how many histories a test runs; MERIDIAN_CRASH_SEEDS for more.
func seeds(t *testing.T, usual int) int {
	s := os.Getenv("MERIDIAN_CRASH_SEEDS")
	if s == "" {
		return usual
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestPowerLoss: one, two or all three nodes lose their power again and again, with whatever part of
// the unsynced bytes the disk happened to keep; every acknowledged record is there once, everywhere.
func TestPowerLoss(t *testing.T) {
	small := raftlog.Snapshots{Threshold: 20, Trailing: 8, Interval: time.Second}
	for _, c := range []struct {
		name    string
		options options
	}{
		{"whole log", options{}},
		{"many snapshots", options{snapshots: small}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var sum tally
			for seed := range seeds(t, 3) {
				o := runPowerLoss(t, uint64(seed), c.options)
				if o.err != nil {
					t.Errorf("seed %d: %v", seed, o.err)
				}
				sum.add(o)
			}
			t.Logf("%+v", sum)
			if sum.crashes == 0 || sum.acked == 0 || sum.unknown == 0 || sum.regressed == 0 {
				t.Errorf("the run shows nothing: %+v", sum)
			}
			if c.options.snapshots != (raftlog.Snapshots{}) && sum.snapshots == 0 {
				t.Error("no snapshot was made")
			}
		})
	}
}

// TestPowerLossIsNoticed: with one of the two defects that it is there for, the same test fails.
func TestPowerLossIsNoticed(t *testing.T) {
	for what, o := range map[string]options{
		"Raft's log not synced":          {unsyncedLog: true},
		"applied position not with rows": {forgetful: true, lasting: 8 * time.Second},
	} {
		t.Run(what, func(t *testing.T) {
			const most = 40
			for seed := range most {
				if out := runPowerLoss(t, uint64(seed), o); out.err != nil {
					t.Logf("seed %d: %v", seed, out.err)
					return
				}
			}
			t.Errorf("%d seeds went well", most)
		})
	}
}

// tally is what happened in a run.
type tally struct {
	crashes   int
	acked     int
	unknown   int // appends of unknown outcome
	regressed int // restarts with a state behind the one that crashed
	snapshots int // in the stores at the end
	err       error
}

func (s *tally) add(o tally) {
	s.crashes += o.crashes
	s.acked += o.acked
	s.unknown += o.unknown
	s.regressed += o.regressed
	s.snapshots += o.snapshots
}

func runPowerLoss(t *testing.T, seed uint64, o options) (out tally) {
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(seed, 7))
		o.latency = func() time.Duration { return time.Duration(rand.Int64N(int64(6 * time.Millisecond))) }
		p := &powerLoss{cluster: newCluster(t, o), options: o, rand: r, counts: map[string]*count{}}
		p.run(&out)
	})
	return out
}

// count is what a counter may hold.
type count struct{ acked, tried uint64 }

type powerLoss struct {
	*cluster
	options options
	rand    *rand.Rand
	counts  map[string]*count
}

func (p *powerLoss) run(out *tally) {
	end := time.Now().Add(cmp.Or(p.options.lasting, 30*time.Second))
	for time.Now().Before(end) && out.err == nil {
		ctx, stop := context.WithCancel(context.Background())
		client := make(chan struct{})
		servers := append([]*server(nil), p.servers...)
		go func() {
			defer close(client)
			p.append(ctx, servers, out)
		}()
		time.Sleep(time.Duration(p.rand.Int64N(int64(4 * time.Second))))
		out.err = p.crash(out, func() {
			stop()
			<-client
		})
	}
	if out.err == nil {
		out.err = p.settle()
	}
	for _, s := range p.servers {
		if list, err := s.fs.List("snapshots"); err == nil {
			out.snapshots += len(list)
		}
		if err := s.stop(); err != nil && out.err == nil {
			out.err = err
		}
		if out.err == nil {
			out.err = verify(s.fs)
		}
	}
	time.Sleep(10 * time.Second) // messages of the dead end
}

// append appends through whoever leads until the context ends.
func (p *powerLoss) append(ctx context.Context, servers []*server, out *tally) {
	for ctx.Err() == nil {
		for _, s := range servers {
			l := s.log.Leadership()
			if !l.Leader {
				continue
			}
			name := fmt.Sprintf("k%02d", rand.IntN(20))
			c := p.counts[name]
			if c == nil {
				c = &count{}
				p.counts[name] = c
			}
			_, err := s.log.Append(ctx, logtest.AddTo(l.Term, name))
			switch {
			case err == nil:
				c.acked, c.tried = c.acked+1, c.tried+1
				out.acked++
			case errors.Is(err, eventlog.ErrUnknown):
				c.tried++
				out.unknown++
			}
		}
		time.Sleep(time.Millisecond)
	}
}

// crash takes the power from some nodes in one instant and starts them on what their disks kept.
func (p *powerLoss) crash(out *tally, stop func()) error {
	which := p.rand.Perm(3)[:1+p.rand.IntN(3)]
	kept := map[int]*vfs.MemFS{}
	for _, i := range which {
		p.net.Cut(p.servers[i].addr)
	}
	for _, i := range which {
		kept[i] = p.servers[i].fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: p.rand.IntN(101), RNG: p.rand})
	}
	stop()
	for _, i := range which {
		out.crashes++
		at := p.servers[i].state.Applied().Index
		if err := p.servers[i].stop(); err != nil {
			return err
		}
		s, err := start(p.net, p.servers[i].addr, kept[i], p.options)
		p.servers[i] = s
		if err != nil {
			p.servers[i] = &server{fs: kept[i]}
			return fmt.Errorf("start on what the disk kept: %w", err)
		}
		if s.state.Applied().Index < at {
			out.regressed++
		}
	}
	return nil
}

// settle waits until all nodes are in one state, and checks it.
func (p *powerLoss) settle() error {
	for range 600 {
		time.Sleep(100 * time.Millisecond)
		at := p.servers[0].state.Meta()
		if at == p.servers[1].state.Meta() && at == p.servers[2].state.Meta() && p.led() {
			break
		}
	}
	for name, c := range p.counts {
		for i, s := range p.servers {
			if got := logtest.Count(s.state, name); got < c.acked || got > c.tried {
				return fmt.Errorf("node %d counts %d for %s: acknowledged %d, tried %d", i, got, name, c.acked, c.tried)
			}
		}
	}
	for i, s := range p.servers {
		if s.state.Meta() != p.servers[0].state.Meta() {
			return fmt.Errorf("node %d ends at %+v, node 0 at %+v", i, s.state.Meta(), p.servers[0].state.Meta())
		}
	}
	return nil
}

func (p *powerLoss) led() bool {
	for _, s := range p.servers {
		if s.log.Leadership().Leader {
			return true
		}
	}
	return false
}

func verify(fs vfs.FS) error {
	r, err := keystore.Verify(fs, "state", logtest.Counters{})
	if err != nil {
		return err
	}
	if !r.OK() {
		return fmt.Errorf("verify: %q", r.Problems)
	}
	return nil
}
