package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"meridian/cluster"
	"meridian/cluster/check"
	"meridian/cluster/history"
	"meridian/cluster/layout"
)

// Defaults and bounds of a run.
const (
	DefaultFor     = 3 * time.Minute
	DefaultClients = 6
	DefaultPace    = 60 * time.Millisecond
	MaxClients     = 64
	prepareTime    = 90 * time.Second
	mendTime       = 2 * time.Minute
	settleTime     = 2 * time.Minute
	sweepTime      = time.Minute
	verifyTime     = 5 * time.Minute
)

// Options of a run; zero values: the defaults.
type Options struct {
	Seed    uint64
	For     time.Duration // of the load under faults
	Clients int
	Pace    time.Duration // average pause of a client between its calls
	// Schedule is what faults come when; nil: drawn of the seed.
	Schedule Schedule
	// History is the file to record in, which stays; empty: a temporary one.
	History string
	// Plant adds to the history an acknowledged write that never happened: the judges must find it.
	Plant   bool
	Version string // of this program, for the report
	Search  time.Duration
	// Auditors, beside Invariants, watch the cluster from before the first fault until everything is quiet.
	Auditors []Auditor
	Note     func(format string, args ...any) // tells people what happens; nil: nobody
}

// An Auditor watches a cluster until ctx ends, and then says what it found.
type Auditor func(ctx context.Context, c *cluster.Cluster) check.Verdict

func (o Options) withDefaults(c *cluster.Cluster) Options {
	o.For, o.Clients, o.Pace = cmp.Or(o.For, DefaultFor), cmp.Or(o.Clients, DefaultClients), cmp.Or(o.Pace, DefaultPace)
	o.Search = cmp.Or(o.Search, 30*time.Second)
	o.Auditors = append([]Auditor{Invariants}, o.Auditors...)
	if o.Note == nil {
		o.Note = func(string, ...any) {}
	}
	if o.Schedule == nil {
		o.Schedule = Draw(o.Seed, ShapeOf(c), o.For)
	}
	return o
}

// ShapeOf is the shape of a cluster: as many nodes as each Region has that vote and are numbered without a gap.
func ShapeOf(c *cluster.Cluster) Shape {
	s := Shape{Regions: c.File.Names(), Nodes: layout.MaxNodes}
	for _, r := range c.File.Regions {
		n := 0
		for n < len(r.Nodes) && layout.NodeNumber(r.Nodes[n].Name) == n+1 && !r.Nodes[n].ReadReplica {
			n++
		}
		s.Nodes = min(s.Nodes, n)
	}
	return s
}

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
// report, but what the run put in force is ended all the same.
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

// fits says why a run cannot be.
func fits(o Options, c *cluster.Cluster) error {
	switch {
	case o.Clients < 1 || o.Clients > MaxClients:
		return fmt.Errorf("%d clients are not between 1 and %d", o.Clients, MaxClients)
	case o.For < time.Second || o.For > maxAt:
		return fmt.Errorf("a load of %s is not between 1s and %s", o.For, maxAt)
	case o.Pace < 0:
		return fmt.Errorf("a pace of %s is below 0", o.Pace)
	}
	for _, f := range o.Schedule {
		if err := f.Validate(); err != nil {
			return err
		}
		for _, p := range f.Places {
			if err := exists(c, p); err != nil {
				return fmt.Errorf("%s: %w", f, err)
			}
		}
		if f.At >= o.For {
			return fmt.Errorf("%s begins at %s, when the load of %s is over: use --for", f, f.At, o.For)
		}
	}
	return nil
}

func exists(c *cluster.Cluster, place string) error {
	region := regionOf(place)
	if _, ok := c.File.Region(region); !ok {
		return fmt.Errorf("the cluster has no Region %s", region)
	}
	if place == region || place == region+"/leader" || place == region+"/majority" {
		return nil
	}
	if _, ok := c.File.Node(place); !ok {
		return fmt.Errorf("the cluster has no node %s", place)
	}
	return nil
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
	err := r.mend(ctx)
	stopWatching()
	beside.Wait()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		stopAuditors()
		<-audited
		return err
	}
	r.sweep(ctx)
	stopAuditors()
	r.report.Verdicts = append(r.report.Verdicts, judgeLoops(r.report.Loops, r.report.Faults, r.report.Shape.Nodes), r.settled, r.logs(ctx))
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

// prepare makes a key in every slot, and waits until those for the decrypt loops are everywhere.
func (r *run) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, prepareTime)
	defer cancel()
	c, regions := r.door.newClient("maker", "", r.ring), r.c.File.Names()
	n := 0
	fill := func(s *slot, class Class, region string) error {
		n++
		s.occupy(c.make(ctx, class, region, "made first "+strconv.Itoa(n)))
		if s.key == "" {
			return fmt.Errorf("no %s key could be made in %s", class, region)
		}
		return nil
	}
	for _, region := range regions {
		for _, class := range []Class{Local, Doomed} {
			for _, s := range r.ring.regions[region][class] {
				if err := fill(s, class, region); err != nil {
					return err
				}
			}
		}
	}
	for _, class := range []Class{Mobile, Churn} {
		for i, s := range r.ring.shared[class] {
			if err := fill(s, class, regions[i%len(regions)]); err != nil {
				return err
			}
		}
	}
	for _, s := range r.ring.shared[Mobile][:steadyKeys] {
		if err := r.steady(ctx, c, s); err != nil {
			return err
		}
	}
	return nil
}

// steady makes ciphertexts of a key and waits until every Region decrypts them.
func (r *run) steady(ctx context.Context, c *client, s *slot) error {
	for _, region := range r.c.File.Names() {
		for {
			out, err := c.in[region].Encrypt(ctx, &kms.EncryptInput{KeyId: &s.key, Plaintext: []byte("from " + region)})
			if err == nil {
				r.blobs = append(r.blobs, out.CiphertextBlob)
				break
			}
			if ctx.Err() != nil {
				return fmt.Errorf("key %s is not in %s: %w", s.key, region, err)
			}
			sleep(ctx, 50*time.Millisecond)
		}
	}
	return nil
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

// mend ends whatever is in force and waits until the Regions agree.
func (r *run) mend(ctx context.Context) error {
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), mendTime)
	defer cancel()
	c, err := cluster.Open(string(r.c.Dir), r.c.Program, func(string, ...any) {})
	if err != nil {
		return err
	}
	err = c.Heal(limit, "", "")
	for _, region := range c.File.Names() {
		names, failed := c.Resolve(limit, region)
		err = errors.Join(err, failed, c.Start(limit, names...))
	}
	if err == nil {
		err = c.AwaitReady(limit)
	}
	if err != nil {
		return fmt.Errorf("mend the cluster: %w", err)
	}
	r.settle(ctx, c)
	return nil
}

// settle waits until the Regions agree, which has to come to be by itself.
func (r *run) settle(ctx context.Context, c *cluster.Cluster) {
	r.Note("healed; waiting until the Regions agree")
	limit, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	begun := time.Now()
	lags, err := c.AwaitConverged(limit)
	r.settled = check.Verdict{Judge: "settled", Checked: len(lags)}
	if err != nil {
		r.settled.Violation = fmt.Sprintf("%s after the last fault was healed: %v", settleTime, err)
	} else {
		r.settled.Notes = []string{fmt.Sprintf("the Regions agreed %s after everything was healed", time.Since(begun).Round(time.Millisecond))}
	}
}

// sweep asks every Region for every multi-Region key, when nothing is written any more.
func (r *run) sweep(ctx context.Context) {
	limit, cancel := context.WithTimeout(ctx, sweepTime)
	defer cancel()
	c := r.door.newClient("sweeper", "strong", r.ring)
	if r.Plant {
		r.plant()
	}
	r.rec.Mark(history.Quiet)
	for _, region := range r.c.File.Names() {
		for _, slots := range r.ring.shared {
			for _, s := range slots {
				_, _ = c.in[region].DescribeKey(limit, &kms.DescribeKeyInput{KeyId: &s.key}) // its answer is in the history
				for _, blob := range s.blobs {
					_, _ = c.in[region].Decrypt(limit, &kms.DecryptInput{CiphertextBlob: blob})
				}
			}
		}
		for _, slots := range r.ring.regions[region] {
			for _, s := range slots {
				_, _ = c.in[region].DescribeKey(limit, &kms.DescribeKeyInput{KeyId: &s.key})
			}
		}
		_, _ = c.in[region].GenerateDataKey(limit, &kms.GenerateDataKeyInput{KeyId: aws.String(r.ring.shared[Mobile][0].key), KeySpec: types.DataKeySpecAes256})
	}
}

// plant notes a write as if it had been acknowledged.
func (r *run) plant() {
	now := r.rec.Now()
	region := r.c.File.Names()[0]
	r.rec.Add(history.Entry{
		Client: "planted", Region: region, Level: "strong", Operation: "UpdateKeyDescription", Start: now, End: now, Outcome: history.OK,
		Ask: history.Ask{Key: r.ring.regions[region][Local][0].key, Description: "a write that is lost"},
	})
}

// logs replays every node's event log.
func (r *run) logs(ctx context.Context) check.Verdict {
	limit, cancel := context.WithTimeout(ctx, verifyTime)
	defer cancel()
	v := check.Verdict{Judge: "logs"}
	c, err := cluster.Open(string(r.c.Dir), r.c.Program, func(string, ...any) {})
	if err != nil {
		v.Undecided = err.Error()
		return v
	}
	r.Note("replaying the event log of every node")
	found, err := c.Verify(limit)
	for _, n := range found.Nodes {
		v.Checked += int(n.Seq)
		for _, p := range n.Problems {
			v.Violation = cmp.Or(v.Violation, n.Name+": "+p)
		}
		if !n.ChainOK {
			v.Violation = cmp.Or(v.Violation, n.Name+": the chain of its log is broken")
		}
	}
	if err != nil {
		v.Undecided = err.Error()
	}
	v.Notes = []string{fmt.Sprintf("the event logs of %d nodes lead to what the nodes hold", len(found.Nodes))}
	return v
}
