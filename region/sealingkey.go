package region

import (
	"bytes"
	"context"
	"time"

	"meridian/keyengine"
)

// A Region's sealing key moves on with time: step n is due n periods after the Region's first record, by
// the nodes' own clocks and not by the offset of clock advance, for it is about what a thief of today can
// still open of yesterday. The leader logs the step; every node follows when it has applied it, and keeps
// the key ring on its disk in step. The ring on the disk is never ahead of the log: a node that dies
// before it has saved derives the same seeds again when it starts.
const (
	sealingPeriod = 24 * time.Hour
	sealingEvery  = time.Minute // the leader looks that often whether a step is due
	saveAgain     = 5 * time.Second
	// maxSteps bounds the steps of one command. A ring does not follow a greater leap, and a clock that is
	// wrong by years is put right some day.
	maxSteps = 1024
)

// stepSealingKey logs the step that is due by now, if the log has not reached it.
func (r *Region) stepSealingKey(ctx context.Context) {
	view := r.view()
	born, at := r.Store.Born(), view.SealingStep()
	age := time.Duration(r.Now()-view.ClockOffset()-born) * time.Millisecond
	if born == 0 || age < sealingPeriod {
		return
	}
	due := min(uint64(age/sealingPeriod), at+maxSteps)
	if due <= at {
		return
	}
	p, err := r.decider()
	if err != nil {
		return
	}
	if err := r.decideOwn(ctx, p, keyengine.AdvanceSealingKey{Step: due}, nil); err != nil && ctx.Err() == nil {
		r.Logger.Warn("the sealing key was not advanced, which will be tried again", "step", due, "err", err)
	}
}

// followSealingKey brings this node's ring to the step of the applied state, in memory, and has it saved.
func (r *Region) followSealingKey() {
	step := r.view().SealingStep()
	if step <= r.Ring.SealingStep() {
		return
	}
	if err := r.Ring.AdvanceTo(step); err != nil {
		r.Logger.Error("the key ring does not follow the log: what other Regions seal will not open here", "step", step, "err", err)
		return
	}
	select {
	case r.ringMoved <- struct{}{}:
	default: // asked for already
	}
}

// sealingKeyChanged reports whether rows that a record changed are about the sealing key.
func sealingKeyChanged(keys [][]byte) bool {
	for _, k := range keys {
		if bytes.Equal(k, keyengine.SealingRow()) {
			return true
		}
	}
	return false
}

// saveRing keeps the ring on the disk in step with the one in memory until ctx ends.
func (r *Region) saveRing(ctx context.Context) {
	for {
		select {
		case <-r.ringMoved:
		case <-ctx.Done():
			return
		}
		for ctx.Err() == nil {
			step := r.Ring.SealingStep()
			err := r.SaveRing()
			if err == nil {
				r.Logger.Info("sealing key advanced", "step", step)
				break
			}
			r.Logger.Error("the key ring was not saved, which will be tried again: its old seeds are still on the disk", "step", step, "err", err)
			pause(ctx, saveAgain)
		}
	}
}
