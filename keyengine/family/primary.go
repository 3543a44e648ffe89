package family

// The commands that write the family's record, and what follows from the members' reports.

// mustBeMulti and mustBePrimary are asked after the state: a caller learns of the state first.

func (d *decision) mustBeMulti() error {
	if !d.l.Record.Multi {
		return refuse(NotMultiRegion)
	}
	return nil
}

func (d *decision) mustBePrimary() error {
	if !d.isPrimary() {
		return refuse(NotPrimary)
	}
	return nil
}

func (d *decision) replicate(c *Replicate) error {
	if err := first(d.mayManage(), d.mustRest(), d.mustBeMulti(), d.mustBePrimary()); err != nil {
		return err
	}
	if c.To == d.here.Region {
		return refuse(TargetIsSelf)
	}
	if m := d.l.Record.member(c.To); m != nil && !m.Gone {
		return refuse(AlreadyExists)
	}
	r := d.next()
	init := c.Init
	r.Members = withMember(r.Members, Member{Region: c.To, Inc: r.Version, Init: &init, Life: laterLife(c.Life)})
	d.emit(ReplicaAdded{Record: r, Region: c.To})
	return nil
}

// laterLife is what a record says of a life: nothing of the first.
func laterLife(life uint64) uint64 {
	if life <= 1 {
		return 0
	}
	return life
}

func (d *decision) updatePrimary(c *UpdatePrimary) error {
	to := c.To
	if err := first(d.mayManage(), d.mustBeMulti()); err != nil {
		return err
	}
	if d.l.Updating && d.l.Ready == 0 { // the primary, or the old one whose offer is on its way
		if h := d.l.Record.Handoff; h != nil && h.To == to || h == nil && d.l.Record.Primary == to {
			return nil
		}
		return refuse(StateUpdating)
	}
	if err := d.mustBePrimary(); err != nil {
		return err
	}
	if to == d.here.Region {
		return refuse(TargetIsSelf)
	}
	m := d.l.Record.member(to)
	if m == nil || m.Gone {
		return refuse(NoReplica)
	}
	if s := d.l.status(to); s == nil || s.Inc != m.Inc {
		return &Refusal{Cause: TargetNotEnabled, State: Creating, Region: to}
	} else if s.State != Enabled {
		return &Refusal{Cause: TargetNotEnabled, State: s.State, Region: to}
	}
	r := d.next()
	r.Attempt++
	r.Handoff = &Handoff{To: to, Attempt: r.Attempt, By: c.By, Caller: c.Caller}
	d.emit(HandoffBegun{Record: r, At: d.here.Now})
	if mutant(NoFreeze) {
		d.relinquish()
	}
	return nil
}

// abortHandoff is R6. There is no way back after R5.
func (d *decision) abortHandoff(reason string) {
	r := d.next()
	r.Handoff = nil
	d.emit(HandoffAborted{Record: r, Reason: reason})
}

// relinquish is R5: the role is given up and offered in one log entry. Between that entry and the
// offer's arrival nobody is primary.
func (d *decision) relinquish() {
	r := d.next()
	r.Version.Epoch, r.Version.Seq = r.Version.Epoch+1, 0
	r.Primary, r.Handoff = r.Handoff.To, nil
	d.emit(PrimaryRelinquished{Record: r, Certificate: certify(r, d.here.Region)})
}

// certify returns the proof, not signed yet, that r opens its epoch.
func certify(r Record, from string) Certificate {
	v := r.Version
	return Certificate{Gen: v.Gen, GenBy: v.GenBy, Epoch: v.Epoch, From: from, To: r.Primary}
}

func (d *decision) rotate(c Rotate) error {
	if err := first(d.mayManage(), d.mustRest(), d.mustBePrimary()); err != nil {
		return err
	}
	if d.l.Record.external() {
		return d.rotateImported()
	}
	if !d.l.Record.Pending.IsZero() {
		return refuse(RotationInProgress)
	}
	r := d.next()
	r.Materials = append(r.Materials[:len(r.Materials):len(r.Materials)],
		Material{ID: c.Material, Number: nextNumber(r.Materials), CreatedAt: d.here.Now, Type: c.Type})
	r.Pending, r.PendingAt = c.Material, d.here.Now
	if c.Type == Automatic && r.Rotation.Enabled {
		r.Rotation.NextAt = d.here.Now + int64(r.Rotation.PeriodDays)*day
	}
	d.emit(RotationStarted{Record: r})
	d.progress()
	return nil
}

func nextNumber(materials []Material) uint32 {
	if len(materials) == 0 {
		return 1
	}
	return materials[len(materials)-1].Number + 1
}

func (d *decision) setRotation(rotation Rotation) error {
	if err := d.mayManage(); err != nil {
		return err
	}
	if !d.isPrimary() {
		return first(d.lostRole(), refuse(NotPrimary))
	}
	if d.l.Record.Rotation == rotation {
		return nil
	}
	r := d.next()
	r.Rotation = rotation
	d.emit(RotationSet{Record: r})
	return nil
}

// lostRole refuses at an old primary whose offer is on its way: it is updating, not yet a replica.
func (d *decision) lostRole() error {
	if d.l.Updating && d.l.Ready == 0 {
		return refuse(StateUpdating)
	}
	return nil
}

// progress does what the reports of the members allow the primary: R7, R9, R5, R6.
func (d *decision) progress() {
	if !d.isPrimary() {
		return
	}
	if !d.l.Record.Pending.IsZero() && !d.l.Record.external() && (d.allHold(d.l.Record.Pending) || mutant(ActivateEarly)) {
		d.activate()
	}
	if d.l.State == PendingReplicaDeletion && !d.othersLive() {
		w := d.l.WindowDays
		d.emit(DeletionScheduled{At: d.here.Now + int64(w)*day, WindowDays: w})
	}
	if h := d.l.Record.Handoff; h != nil {
		d.answered(h)
	}
}

// allHold is the gate of R7: every member that is not gone holds id, also those still Creating.
func (d *decision) allHold(id MaterialID) bool {
	if !has(d.l.Held, id) {
		return false
	}
	for i := range d.l.Record.Members {
		m := &d.l.Record.Members[i]
		if m.Region == d.here.Region || m.Gone {
			continue
		}
		s := d.l.status(m.Region)
		if s == nil || s.Inc != m.Inc && !mutant(NoIncCheck) || !has(s.Held, id) {
			return false
		}
	}
	return true
}

func (d *decision) activate() {
	r := d.next()
	r.Materials = append([]Material(nil), r.Materials...)
	for i := range r.Materials {
		if r.Materials[i].ID == r.Pending {
			r.Materials[i].RotatedAt = d.here.Now
			if r.external() { // no rotation was wanted before
				r.Materials[i].Type = OnDemand
			}
		}
	}
	r.Current, r.Pending, r.PendingAt = r.Pending, MaterialID{}, 0
	d.emit(RotationActivated{Record: r})
}

// answered looks at the target's answer to a hand-off. The role goes only to a member that has
// every material: the new primary is the one who gives them to the others. Imported ones nobody gives;
// there it is enough that the key can be used.
func (d *decision) answered(h *Handoff) {
	m, s := d.l.Record.member(h.To), d.l.status(h.To)
	if m == nil || s == nil || s.Inc != m.Inc {
		return
	}
	ready := s.Ready == h.Attempt || mutant(NoAttemptCheck) && s.Ready > 0
	switch {
	case ready && (holdsAll(s.Held, d.l.Record.Materials) || d.l.Record.external() && holdsPermanent(s.Held, &d.l.Record)):
		d.relinquish()
	case s.Refused == h.Attempt:
		d.abortHandoff(refusalReason(s))
	}
}

func refusalReason(s *Status) string {
	if s.Reason != "" {
		return s.Reason
	}
	return "refused"
}
