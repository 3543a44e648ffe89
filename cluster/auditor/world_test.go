package auditor

import (
	"fmt"
	"slices"
	"testing"

	"meridian/cluster/sim"
	"meridian/eventlog"
	"meridian/eventlog/codec"
	"meridian/keyengine"
	"meridian/keyengine/canonical"
	"meridian/keyengine/family"
)

const account = "000000000000"

// logs are the event logs of Regions, as stored. It watches a simulated history.
type logs struct {
	regions map[string][][]byte
	kept    map[string]int
	lives   map[string]uint64
	peers   []string
	now     int64
}

func newLogs(peers ...string) *logs {
	return &logs{regions: map[string][][]byte{}, kept: map[string]int{}, lives: map[string]uint64{}, peers: peers}
}

func (g *logs) add(region string, at int64, operation string, events ...keyengine.Event) {
	g.now = at
	record := eventlog.Record{Version: eventlog.RecordVersion, Term: 1, At: at, Commands: []eventlog.Command{
		{RequestID: fmt.Sprintf("%s-%d", region, len(g.regions[region])), Operation: operation, Events: len(events)},
	}}
	for _, e := range events {
		record.Events = append(record.Events, codec.Encode(e))
	}
	g.regions[region] = append(g.regions[region], canonical.Marshal(record))
}

// Decided implements sim.Watcher.
func (g *logs) Decided(region string, at int64, keyID string, c family.Command, events []family.Event) {
	var all []keyengine.Event
	for _, e := range events {
		all = append(all, keyengine.FamilyEvent{Ref: keyengine.Ref{Account: account, KeyID: "mrk-0000000000000000000000000000000" + keyID}, Event: e})
	}
	g.add(region, at, operationOf(c), all...)
}

// operationOf is what a node calls a command.
func operationOf(c family.Command) string {
	switch c.(type) {
	case family.ReceiveRecord:
		return keyengine.ReceiveRecord{}.Operation()
	case family.ReceiveStatus:
		return keyengine.ReceiveStatus{}.Operation()
	case family.FinishCreate:
		return keyengine.FinishCreate{}.Operation()
	case family.Hear:
		return keyengine.Hear{}.Operation()
	}
	return fmt.Sprintf("%T", c)
}

// BackedUp implements sim.Watcher.
func (g *logs) BackedUp(region string) { g.kept[region] = len(g.regions[region]) }

// Restored implements sim.Watcher.
func (g *logs) Restored(region string, life uint64) {
	g.regions[region] = slices.Clip(g.regions[region][:g.kept[region]])
	g.lives[region] = life
	g.add(region, g.now, keyengine.BeginLife{}.Operation(), keyengine.LifeBegun{Life: life, Peers: g.peers})
}

// read has an auditor read on in all logs, twice, as one who reads again and again does.
func (g *logs) read(t *testing.T, a *Auditor, lives map[string]uint64) {
	t.Helper()
	for range 2 {
		for _, region := range g.peers {
			if g.lives[region] != lives[region] {
				a.Restart(region)
				lives[region] = g.lives[region]
			}
			a.Begin(region)
			for from := a.Next(region); from <= uint64(len(g.regions[region])); from++ {
				if err := a.Take(region, from, g.regions[region][from-1]); err != nil {
					t.Fatal(err)
				}
			}
			a.End(region)
		}
	}
}

// audit reads all logs from the start.
func (g *logs) audit(t *testing.T) Report {
	t.Helper()
	a := New()
	g.read(t, a, map[string]uint64{})
	return a.Report()
}

// TestSimulatedHistories reads what the simulated protocol does, with operators who err and with Regions that are restored:
// the simulation's own judge finds nothing, so neither may the auditor, and it may leave nothing open.
func TestSimulatedHistories(t *testing.T) {
	for seed := range uint64(300) {
		g := newLogs("A", "B", "C", "D")
		o := sim.Options{Base: seed, Hostile: seed%2 == 1, Workers: 1, Watch: g}
		if r := sim.Run(o); len(r.Failures) > 0 {
			t.Fatal(r.Failures[0])
		}
		r := g.audit(t)
		for _, f := range r.Findings {
			t.Errorf("seed %d, hostile %v: %+v", seed, o.Hostile, f)
		}
		if r.Open > 0 || r.Checked == 0 || r.Keys != 2 {
			t.Errorf("seed %d: %+v", seed, r)
		}
		if t.Failed() {
			return
		}
	}
}
