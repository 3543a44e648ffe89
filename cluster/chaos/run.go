package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"meridian/cluster"
	"meridian/cluster/check"
	"meridian/cluster/history"
)

// run is a run that is under way.
type run struct {
	Options
	c       *cluster.Cluster
	rec     *history.Recorder
	door    *door
	ring    *ring
	report  *Report
	blobs   [][]byte // of keys that were everywhere before the first fault
	settled check.Verdict
}

// Run breaks a running cluster and judges it. A violation is no error: it is in the report. With an error there is no
// report, but what the run put in force is ended all the same. When ctx ends during the load, the load ends, and what was
// seen until then is healed and judged as ever, which takes a while.
func Run(ctx context.Context, c *cluster.Cluster, o Options) (report *Report, err error) {
	o = o.withDefaults(c)
	if err := fits(o, c); err != nil {
		return nil, fmt.Errorf("%w: %w", cluster.ErrUsage, err)
	}
	file, keep, err := historyFile(o.History)
	if err != nil {
		return nil, err
	}
	defer func() {
		err = errors.Join(err, file.Close())
		if !keep {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	rec, err := history.NewRecorder(file, history.Header{Cluster: c.File.ID, Seed: o.Seed, About: "chaos"})
	if err != nil {
		return nil, err
	}
	r := &run{Options: o, c: c, rec: rec, door: newDoor(c.File, rec), ring: newRing(c.File.Names()), report: newReport(c, o)}
	if err := r.perform(ctx); err != nil {
		return nil, errors.Join(err, rec.Close())
	}
	if err := rec.Close(); err != nil {
		return nil, fmt.Errorf("record the history: %w", err)
	}
	if _, err := file.Seek(0, 0); err != nil {
		return nil, err
	}
	h, err := history.Read(file)
	if err != nil {
		return nil, err
	}
	r.Note("judging %d calls", len(h.Entries))
	r.report.judge(h, check.Options{Search: o.Search})
	return r.report, nil
}

func historyFile(name string) (f *os.File, keep bool, err error) {
	if name != "" {
		f, err = os.Create(name)
		return f, true, err
	}
	f, err = os.CreateTemp("", "meridian-chaos-*.jsonl")
	return f, false, err
}

// perform is the run up to its judgement.
func (r *run) perform(ctx context.Context) error {
	if err := r.prepare(ctx); err != nil {
		return fmt.Errorf("make the keys to begin with: %w", err)
	}
	quiet, stopAuditors := context.WithCancel(context.WithoutCancel(ctx))
	defer stopAuditors()
	audited := r.audit(quiet)
	watching, stopWatching := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWatching()
	var beside sync.WaitGroup
	beside.Go(func() { r.report.Samples = watch(watching, r.c, r.rec) })
	for _, l := range r.report.Loops {
		beside.Go(func() { l.run(watching, r.door, r.blobs) })
	}
	r.load(ctx)
	after := context.WithoutCancel(ctx)
	if ctx.Err() != nil {
		r.report.Stopped = time.Duration(r.report.LoadEnd - r.report.LoadBegin).Round(time.Second).String()
		r.Note("stopped after %s of %s: healing, and judging what was seen; to end at once leaves the cluster to `meridian down --data %s`",
			r.report.Stopped, r.For, r.c.Dir)
	}
	r.mend(after)
	stopWatching()
	beside.Wait()
	r.sweep(after)
	stopAuditors()
	r.report.Verdicts = append(r.report.Verdicts, judgeLoops(r.report.Loops, r.report.Faults, r.report.Shape.Nodes), r.settled, r.logs(after))
	r.report.Verdicts = append(r.report.Verdicts, <-audited...)
	return nil
}

// audit starts the auditors.
func (r *run) audit(ctx context.Context) <-chan []check.Verdict {
	found := make([]check.Verdict, len(r.Auditors))
	var wg sync.WaitGroup
	for i, a := range r.Auditors {
		wg.Go(func() { found[i] = a(ctx, r.c) })
	}
	done := make(chan []check.Verdict, 1)
	go func() {
		wg.Wait()
		done <- found
	}()
	return done
}

// load lets the clients work while faults come and go.
func (r *run) load(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, r.For)
	defer cancel()
	r.Note("%d clients, %d faults, %s; seed %d", r.Clients, len(r.Schedule), r.For, r.Seed)
	r.report.LoadBegin = r.rec.Now()
	var wg sync.WaitGroup
	for i := range r.Clients {
		c := r.door.newClient("c"+strconv.Itoa(i+1), levels()[i%len(levels())], r.ring)
		wg.Go(func() { c.work(ctx, NewScript(r.Seed, i, r.report.Shape, r.Pace)) })
	}
	r.report.Faults = newNemesis(r.c, r.rec, r.Note).play(ctx, r.Schedule)
	<-ctx.Done()
	r.report.LoadEnd = r.rec.Now()
	wg.Wait()
}
