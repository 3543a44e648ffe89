package family

import "slices"

// day is one day of Region time.
const day int64 = 24 * 60 * 60 * 1000

// Decide says what c makes of l, nil where there is no key: events to be applied in order, none if
// nothing changes, or a *Refusal. It never changes l.
func Decide(here Here, l *Local, c Command) ([]Event, error) {
	d := decision{here: here}
	if l != nil {
		d.l = *l
	}
	if d.l.Halted != "" {
		return nil, haltedAnswer(c)
	}
	err := d.decide(c)
	if err != nil {
		return nil, err
	}
	if len(d.events) > 0 {
		d.advanceStatus(l)
	}
	return d.events, nil
}

// decision is a copy of the member on which each event is applied as soon as it is decided, so that
// what follows from an event sees it.
type decision struct {
	here   Here
	l      Local
	events []Event
}

func (d *decision) emit(e Event) {
	Evolve(d.here.Region, &d.l, e)
	d.events = append(d.events, e)
}

func (d *decision) decide(c Command) error {
	if d.l.Suspended {
		return d.whileSuspended(c)
	}
	return d.command(c)
}

func (d *decision) command(c Command) error {
	switch c := c.(type) {
	case ReceiveRecord:
		d.receiveRecord(&c)
	case ReceiveStatus:
		d.receiveStatus(&c)
	case FinishCreate:
		d.finishCreate(&c)
	case Tick:
		d.tick()
	case Create:
		return d.create(&c)
	case Replicate:
		return d.replicate(&c)
	case UpdatePrimary:
		return d.updatePrimary(&c)
	case Rotate:
		return d.rotate(c)
	case SetRotation:
		return d.setRotation(c.Rotation)
	case Enable:
		return d.enable()
	case Disable:
		return d.disable()
	case ScheduleDeletion:
		return d.scheduleDeletion(c.WindowDays)
	case CancelDeletion:
		return d.cancelDeletion()
	case ImportMaterial:
		return d.importMaterial(c)
	case DeleteMaterial:
		return d.deleteMaterial(c.Material)
	case FenceLost:
		return d.fenceLost(c.Region)
	case ForcePromote:
		return d.forcePromote()
	}
	return nil
}

// haltedAnswer is R14: management is refused, messages and time pass without effect.
func haltedAnswer(c Command) error {
	switch c.(type) {
	case ReceiveRecord, ReceiveStatus, FinishCreate, Hear, Tick:
		return nil
	}
	return &Refusal{Cause: StateHalted}
}

// advanceStatus numbers the member's status if the decision changed its content. The primary's own
// status goes nowhere, so it is not numbered; giving the role up changes the content, so no two
// contents ever go out under one number.
func (d *decision) advanceStatus(before *Local) {
	if d.l.Record.Primary == d.here.Region || d.l.Record.Version.IsZero() {
		return
	}
	was := Local{}
	if before != nil {
		was = *before
	}
	if was.SV == 0 || was.SV < d.floor() || was.Record.Primary == d.here.Region || !sameStatus(&was, &d.l) {
		d.emit(StatusAdvanced{SV: max(d.l.SV, d.floor()) + 1})
	}
}

func sameStatus(a, b *Local) bool {
	return a.Inc == b.Inc && a.State == b.State && a.Complete == b.Complete &&
		a.Record.Version == b.Record.Version && slices.Equal(a.Held, b.Held) &&
		a.Ready == b.Ready && a.Refused == b.Refused && a.Reason == b.Reason
}

// Live reports whether there is a key: made, and not deleted.
func (l *Local) Live() bool { return l != nil && l.State != None && l.State != Deleted }

// IsPrimary reports whether region may write the family's record, l being its state of it.
func IsPrimary(region string, l *Local) bool {
	if !l.Live() || l.Suspended {
		return false
	}
	if mutant(LateRelinquish) && l.Updating && l.Record.Writer == region && l.Record.Version.Seq == 0 {
		return true
	}
	return l.Record.Primary == region
}

func (d *decision) isPrimary() bool { return IsPrimary(d.here.Region, &d.l) }

// next returns the record with a version one write on, for the caller to change. It shares all
// slices with the present one: they must be replaced.
func (d *decision) next() Record {
	r := d.l.Record
	r.Version.Seq++
	r.Writer = d.here.Region
	return r
}

// alarm is R14.
func (d *decision) alarm(reason string) { d.emit(AlarmRaised{Reason: reason}) }
