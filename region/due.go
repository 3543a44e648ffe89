package region

import (
	"context"
	"errors"
	"time"

	"meridian/eventlog"
	"meridian/keyengine"
	"meridian/keyengine/kmsapi"
)

// Limits of the work that falls due.
const (
	dueEvery = 500 * time.Millisecond
	dueAtOne = 256 // families looked at in one round
)

// automatic is the caller of commands that nobody called for.
var automatic = kmsapi.Principal{ARN: "meridian"}

// executeDue proposes what falls due, in order, until ctx ends: deletions at their date, automatic
// rotations, hand-offs that got no consent in time.
func (r *Region) executeDue(ctx context.Context) {
	tick := time.NewTicker(dueEvery)
	defer tick.Stop()
	for {
		r.dueRound(ctx)
		select {
		case <-ctx.Done():
			return
		case <-r.dueNow:
		case <-tick.C:
		}
	}
}

func (r *Region) dueRound(ctx context.Context) {
	now := r.Now()
	var due []keyengine.Ref
	view := r.view()
	for ref := range view.Due(now) {
		if _, waits := view.HandsOver(ref, now, r.handoffTimeout()); waits {
			continue
		}
		if due = append(due, ref); len(due) == dueAtOne {
			break
		}
	}
	for _, ref := range due {
		err := r.runDue(ctx, ref, now)
		if ctx.Err() != nil || errors.Is(err, eventlog.ErrNotLeader) {
			return
		}
		if err != nil {
			r.Logger.Warn("due work failed and will be tried again", "key", ref.KeyID, "err", err)
		}
	}
}

// handoffTimeout is how long a hand-off may take, in ms: the lag profile's delays must not end it.
func (r *Region) handoffTimeout() int64 { return r.Dial.Handoff(r.HandoffTimeout).Milliseconds() }

func (r *Region) runDue(ctx context.Context, ref keyengine.Ref, now int64) error {
	p, err := r.decider()
	if err != nil {
		return err
	}
	command := keyengine.RunDue{Ref: ref}
	var secrets []eventlog.Secret
	if view := r.view(); view.RotationDue(ref, now) {
		l, _ := view.Family(ref)
		material, secret, err := r.newMaterial(ctx, p, ref, l.Record.Spec)
		if err != nil {
			return err
		}
		command.Material, secrets = material, []eventlog.Secret{secret}
	}
	return r.decideOwn(ctx, p, command, secrets)
}

// decideOwn decides a command of the Region itself.
func (r *Region) decideOwn(ctx context.Context, p *proposer, c keyengine.Command, secrets []eventlog.Secret) error {
	return p.submit(ctx, &proposal{
		command: c, secrets: secrets,
		facts: r.ownFacts(),
	}).err
}
