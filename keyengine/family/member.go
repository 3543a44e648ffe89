package family

// The commands that concern this Region's member alone.

func refuse(c Cause) error { return &Refusal{Cause: c} }

// mayManage refuses what the state of the member forbids to a command that needs an enabled key.
// Updating is not looked at.
func (d *decision) mayManage() error {
	switch d.l.State {
	case Enabled:
		return nil
	case Disabled:
		return &Refusal{Cause: StateDisabled, State: Disabled}
	}
	return d.mustBeSettled()
}

// mustBeSettled refuses every state but Enabled and Disabled.
func (d *decision) mustBeSettled() error {
	switch s := d.l.State; s {
	case Creating:
		return &Refusal{Cause: StateCreating, State: s}
	case PendingImport:
		return &Refusal{Cause: StatePendingImport, State: s}
	case PendingDeletion, PendingReplicaDeletion:
		return &Refusal{Cause: StatePending, State: s}
	case None, Deleted:
		return d.mustLive()
	}
	return nil
}

func (d *decision) mustLive() error {
	switch {
	case d.l.Orphan:
		return refuse(StateOrphan)
	case !d.l.Live():
		return refuse(NotFound)
	}
	return nil
}

func (d *decision) mustRest() error {
	if d.l.Updating {
		return refuse(StateUpdating)
	}
	return nil
}

// first returns the first refusal.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *decision) create(c *Create) error {
	if d.l.State != None || !d.l.Record.Version.IsZero() {
		return refuse(AlreadyExists)
	}
	r := c.Record
	r.Version = Version{Epoch: 1}
	r.Primary, r.Writer = d.here.Region, d.here.Region
	r.Members = []Member{{Region: d.here.Region, Inc: r.Version}}
	r.Materials, r.Current, r.Pending, r.PendingAt = nil, MaterialID{}, MaterialID{}, 0
	r.Handoff, r.Attempt = nil, 0
	state := PendingImport
	if !c.Material.IsZero() {
		state = Enabled
		r.Materials = []Material{{ID: c.Material, Number: 1, CreatedAt: d.here.Now}}
		r.Current = c.Material
	}
	d.emit(FamilyCreated{Record: r, State: state})
	return nil
}

func (d *decision) enable() error {
	if err := first(d.mustBeSettled(), d.mustRest()); err != nil {
		return err
	}
	if !d.l.Complete { // was Creating, scheduled for deletion and cancelled
		return &Refusal{Cause: StateCreating, State: d.l.State}
	}
	if d.l.Record.external() && !holdsPermanent(d.l.Held, &d.l.Record) { // its deletion was cancelled, too
		return &Refusal{Cause: StatePendingImport, State: d.l.State}
	}
	if d.l.State != Enabled {
		d.emit(KeyEnabled{})
	}
	return nil
}

func (d *decision) disable() error {
	if err := first(d.mustBeSettled(), d.mustRest()); err != nil {
		return err
	}
	if d.l.State != Disabled {
		d.emit(KeyDisabled{})
	}
	return nil
}

func (d *decision) scheduleDeletion(windowDays uint16) error {
	if err := first(d.mustLive(), d.mustRest()); err != nil {
		return err
	}
	if s := d.l.State; s == PendingDeletion || s == PendingReplicaDeletion {
		return &Refusal{Cause: StatePending, State: s}
	}
	if d.isPrimary() && d.othersLive() {
		d.emit(ReplicaDeletionAwaited{WindowDays: windowDays})
		return nil
	}
	d.emit(DeletionScheduled{At: d.here.Now + int64(windowDays)*day, WindowDays: windowDays})
	return nil
}

// othersLive reports whether a member other than this one is not gone. A member that is pending
// deletion lives: its deletion may be cancelled.
func (d *decision) othersLive() bool {
	for _, m := range d.l.Record.Members {
		if m.Region == d.here.Region || m.Gone {
			continue
		}
		if s := d.l.status(m.Region); mutant(PendDelIsGone) && s != nil && s.State == PendingDeletion {
			continue
		}
		return true
	}
	return false
}

func (d *decision) cancelDeletion() error {
	if err := d.mustLive(); err != nil {
		return err
	}
	if s := d.l.State; s != PendingDeletion && s != PendingReplicaDeletion {
		return &Refusal{Cause: NotPendingDeletion, State: s}
	}
	d.emit(DeletionCancelled{})
	return nil
}

// tick is the passing of time: R8, R9, R6, R15.
func (d *decision) tick() {
	if d.l.State == PendingDeletion && d.here.Now >= d.l.DeletionAt {
		if d.isPrimary() && len(d.l.Record.Members) > 1 {
			d.end()
		}
		d.emit(KeyDeleted{})
		return
	}
	if d.isPrimary() && d.l.Record.Handoff != nil && d.here.Now >= d.l.HandoffAt+d.here.HandoffTimeout {
		d.abortHandoff("time-out")
	}
	d.expire()
	if mutant(UnfreezeAlone) && d.l.Ready > 0 && d.here.Now/d.here.HandoffTimeout%3 == 0 {
		d.emit(Thawed{})
	}
}

// end is a family's last write. Orphans that hear of it have nobody left to give their secrets to.
func (d *decision) end() {
	r := d.next()
	r.Handoff, r.Ended = nil, true
	d.emit(FamilyEnded{Record: r})
}
