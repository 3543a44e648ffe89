package region

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"meridian/eventlog"
	"meridian/eventlog/codec"
	"meridian/keyengine"
	"meridian/keyengine/canonical"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/rows"
	"meridian/region/trace"
)

// Limits of the proposer.
const (
	maxWaiting     = 256     // commands that wait for a decision; one more is throttled
	maxBatch       = 128     // commands of one record
	maxRecordBytes = 1 << 20 // of events, replies and secrets, after which a record takes no further command
	maxSecrets     = 512     // likewise; a command brings a few, a relay's 64
	hashEvery      = 1024    // records between two that state the digest
)

// errTooMany is the fault of a command that found the queue full.
var errTooMany = &kmsapi.Fault{
	Code:    kmsapi.ThrottlingException,
	Message: "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.",
}

// proposal is one command on its way into the log.
type proposal struct {
	dedup   []byte // nil: not remembered
	facts   keyengine.Facts
	command keyengine.Command
	secrets []eventlog.Secret // of the materials in command
	done    chan outcome      // gets exactly one outcome
	traced  context.Context   // the trace that it is part of; nil: none
}

// outcome is what became of a proposal.
type outcome struct {
	reply any    // the decision's reply, or json.RawMessage where an earlier attempt's was remembered
	seq   uint64 // of the record; of the applied state where nothing was appended
	err   error
}

// proposer decides commands for one term of leadership. It is one goroutine: it takes what waits,
// decides each command against the applied state plus the events of those before it, appends one
// record, waits until it is applied and answers all. One record is in flight at a time.
type proposer struct {
	term  uint64
	place keyengine.Place
	state rows.Reader
	kept  keyengine.Kept
	log   eventlog.Log
	now   func(last int64) int64
	last  int64 // Region time of the newest record
	slog  *slog.Logger
	hash  func() eventlog.StateHash

	hashEvery uint64

	leaf atomic.Uint64 // the next leaf of the key-encryption keys that this term hands out

	inPlace   bool // the caller of submit decides: see Still
	queue     chan *proposal
	stopped   chan struct{} // closed when no proposal will be decided any more
	turnedOff *atomic.Uint64
	observe   func(Round)                           // nil: nobody is told
	caused    func(parent string, keyIDs ...string) // nil: nobody is told which trace changes keys
}

// nextLeaf hands out a leaf. Leaves belong to a term, so that no two leaders hand out the same one to
// materials that both reach the log.
func (p *proposer) nextLeaf() uint64 { return p.leaf.Add(1) - 1 }

// submit decides p. Its errors are a *kmsapi.Fault, or one of eventlog's with their meaning.
func (p *proposer) submit(ctx context.Context, pr *proposal) outcome {
	ctx, span := trace.Start(ctx, "decide")
	if span.Recording() {
		pr.traced = trace.Detach(ctx)
		span.Text("meridian.operation", pr.command.Operation())
		span.Text("meridian.request_id", pr.facts.RequestID)
	}
	o := p.await(ctx, pr)
	span.Number("meridian.seq", int64(o.seq))
	span.End(o.err)
	return o
}

// await puts p into the queue and waits for its outcome.
func (p *proposer) await(ctx context.Context, pr *proposal) outcome {
	pr.done = make(chan outcome, 1)
	if p.inPlace {
		_, _ = p.round(pr) // its error is in the outcome
		return <-pr.done
	}
	select {
	case <-p.stopped:
		return outcome{err: eventlog.ErrNotLeader}
	case p.queue <- pr:
	default:
		p.turnedOff.Add(1)
		return outcome{err: errTooMany}
	}
	select {
	case o := <-pr.done:
		return o
	case <-ctx.Done():
		return outcome{err: fmt.Errorf("%w: %w", eventlog.ErrUnknown, ctx.Err())}
	case <-p.stopped:
	}
	select { // an answer given before the proposer stopped counts
	case o := <-pr.done:
		return o
	default:
		return outcome{err: eventlog.ErrNotLeader} // it was never taken from the queue
	}
}

// run decides until ctx ends or the outcome of a record is unknown.
func (p *proposer) run(ctx context.Context) {
	defer close(p.stopped)
	var next *proposal
	for {
		if next == nil {
			select {
			case <-ctx.Done():
				return
			case next = <-p.queue:
			}
		}
		var err error
		if next, err = p.round(next); err != nil {
			p.slog.Info("proposer stops", "term", p.term, "err", err)
			return
		}
	}
}

// round makes one record of first and what else waits, up to a command that needs a record of its own,
// which it returns. An error ends the term: what the log holds is not known any more.
func (p *proposer) round(first *proposal) (next *proposal, err error) {
	b := newBatch(p)
	for pr := first; pr != nil; {
		if b.collides(pr) {
			return pr, b.commit()
		}
		b.add(pr)
		pr = nil
		if len(b.taken) < maxBatch && b.bytes < maxRecordBytes && len(b.secrets) < maxSecrets {
			select {
			case pr = <-p.queue:
			default:
			}
		}
	}
	return nil, b.commit()
}

// batch is a record being made.
type batch struct {
	p       *proposer
	overlay *rows.Overlay
	view    *keyengine.View
	record  eventlog.Record
	secrets []eventlog.Secret
	bytes   int
	taken   []*proposal
	results []outcome // at the same places
	began   time.Time
	spans   []trace.Span // of the append, one in each trace that the record is part of
}

func newBatch(p *proposer) *batch {
	overlay := rows.NewOverlay(p.state)
	return &batch{
		p: p, overlay: overlay, view: keyengine.NewestView(overlay, p.place, p.kept), began: time.Now(),
		record: eventlog.Record{Version: eventlog.RecordVersion, Term: p.term, At: p.now(p.last)},
	}
}

// collides reports whether pr brings a secret that a command of the record brought or erased before it.
// A store takes all secrets of a record before its events, so within one record the secret that comes
// back would be lost.
func (b *batch) collides(pr *proposal) bool {
	for _, s := range pr.secrets {
		key := keyengine.SecretKey(s.ID)
		_, stored := b.p.state.Get(key)
		_, kept := b.overlay.Get(key)
		if stored && !kept || slices.ContainsFunc(b.secrets, func(other eventlog.Secret) bool { return other.ID == s.ID }) {
			return true
		}
	}
	return false
}

// add decides pr against the state plus the batch so far.
func (b *batch) add(pr *proposal) {
	b.taken = append(b.taken, pr)
	b.results = append(b.results, b.decide(pr))
}

func (b *batch) decide(pr *proposal) (o outcome) {
	defer func() {
		if v := recover(); v != nil { // a defect of the engine: one caller sees it, the Region goes on
			b.p.slog.Error("decision panicked", "operation", pr.command.Operation(), "requestId", pr.facts.RequestID, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			o = outcome{err: kmsapi.Errorf(kmsapi.KMSInternalException, "%s could not be decided.", pr.command.Operation())}
		}
	}()
	if pr.dedup != nil {
		if operation, reply, ok := b.view.Remembered(pr.dedup); ok && operation == pr.command.Operation() {
			return outcome{reply: json.RawMessage(reply)}
		}
	}
	pr.facts.Now = b.record.At
	d, err := keyengine.Decide(b.view, pr.facts, pr.command)
	if err != nil {
		return outcome{err: err}
	}
	return b.take(pr, d)
}

// take puts a decision into the record.
func (b *batch) take(pr *proposal, d keyengine.Decision) outcome {
	command := eventlog.Command{
		RequestID: pr.facts.RequestID, Operation: pr.command.Operation(), Caller: pr.facts.Caller.ARN, Events: len(d.Events),
	}
	if pr.dedup != nil {
		reply, err := json.Marshal(d.Reply)
		if err != nil {
			return outcome{err: fmt.Errorf("reply of %s: %w", pr.command.Operation(), err)}
		}
		command.Dedup, command.Reply = pr.dedup, canonical.Marshal(reply)
		keyengine.EvolveCommand(b.overlay, b.record.At, command.Dedup, command.Operation, reply)
	}
	encoded := make([]eventlog.Event, len(d.Events)) // all, before any changes the batch
	for i, e := range d.Events {
		encoded[i] = codec.Encode(e)
		if needs, has := codec.Level(encoded[i]), b.view.Level(); needs > 1 && needs > has { // nodes that do not know it would stop
			return outcome{err: kmsapi.Errorf(kmsapi.KMSInternalException, "%s needs feature level %d, Region %s has %d.", pr.command.Operation(), needs, b.p.place.Region, has)}
		}
	}
	for i, e := range d.Events {
		keyengine.Evolve(b.overlay, b.p.place, e)
		b.bytes += len(encoded[i].Body)
	}
	b.bytes += len(command.Reply)
	b.follow(pr, encoded)
	b.record.Events = append(b.record.Events, encoded...)
	b.record.Commands = append(b.record.Commands, command)
	for _, s := range pr.secrets { // a secret that no event took in has no place in the store
		if slices.Contains(d.Materials, s.ID) {
			b.secrets = append(b.secrets, s)
			b.bytes += len(s.Wrapped)
		}
	}
	return outcome{reply: d.Reply}
}

// commit appends the record and answers every proposal. A batch that only refused appends nothing,
// but is answered only if this node still leads: a refusal can be out of date too.
func (b *batch) commit() error {
	ctx := context.Background() // an append that is given up is an outcome nobody knows
	var seq uint64
	var err error
	if len(b.record.Commands) == 0 {
		if err = b.p.log.VerifyLeader(ctx); err != nil {
			err = fmt.Errorf("%w: %w", eventlog.ErrNotLeader, err)
		}
	} else {
		b.stateHash()
		entry := codec.EncodeEntry(&b.record, b.secrets)
		if refused := readable(entry); refused != nil {
			return b.refuse(refused)
		}
		var pos eventlog.Position
		pos, err = b.p.log.Append(ctx, entry)
		seq = pos.Seq
		b.traced(seq, err)
	}
	if err == nil {
		b.p.last = b.record.At
	}
	b.report(err)
	for i, pr := range b.taken {
		o := b.results[i]
		o.seq = seq
		if err != nil {
			o = outcome{err: err}
		}
		pr.done <- o
	}
	return err
}

// report tells who observes how the round went, before those who wait are answered: what they do next may ask for it.
func (b *batch) report(err error) {
	if b.p.observe != nil {
		b.p.observe(Round{Commands: len(b.taken), Appended: len(b.record.Commands), Took: time.Since(b.began), Err: err})
	}
}

// stateHash states the digest before every so many records. One record is in flight at a time, so the
// applied state is the one that this record will meet.
func (b *batch) stateHash() {
	if h := b.p.hash(); h.Seq > 0 && h.Seq%b.p.hashEvery == 0 {
		b.record.Hash = &h
	}
}

// readable returns why the nodes could not read an entry. One that is in the log stops every node
// that cannot, for good: it must not get there.
func readable(entry []byte) error {
	record, _, err := codec.SplitEntry(entry)
	if err == nil {
		_, err = codec.DecodeRecord(record)
	}
	return err
}

// refuse answers every proposal of a batch that cannot be appended.
func (b *batch) refuse(err error) error {
	b.p.slog.Error("a record that cannot be read was not appended", "commands", len(b.record.Commands), "bytes", b.bytes, "err", err)
	b.report(err)
	for i, pr := range b.taken {
		o := b.results[i]
		if o.err == nil {
			o = outcome{err: kmsapi.Errorf(kmsapi.KMSInternalException, "%s could not be written to the log.", pr.command.Operation())}
		}
		pr.done <- o
	}
	return nil
}
