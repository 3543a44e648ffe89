package family

// The acts of an operator. They are safe for data also when the operator was wrong: see R11.

// fenceLost declares a member's Region lost: rotation and deletion wait for it no longer.
func (d *decision) fenceLost(lost string) error {
	if err := first(d.mustLive(), d.mustBeMulti(), d.mustBePrimary()); err != nil {
		return err
	}
	if lost == d.here.Region {
		return refuse(TargetIsSelf)
	}
	m := d.l.Record.member(lost)
	if m == nil || m.Gone {
		return refuse(NoReplica)
	}
	if h := d.l.Record.Handoff; h != nil && h.To == lost {
		d.abortHandoff("the target was declared lost")
	}
	r := d.next()
	r.Members = fence(r.Members, *m)
	d.emit(MemberFenced{Record: r, Region: lost})
	d.progress()
	return nil
}

func fence(members []Member, m Member) []Member {
	m.Gone, m.Fenced, m.Init = true, true, nil
	return withMember(members, m)
}

// forcePromote makes this member primary in a new generation. A material that the old primary
// announced and that never came is dropped: nothing was ever encrypted under it, or its holder
// will report it (R11).
func (d *decision) forcePromote() error {
	if err := first(d.mustBeSettled(), d.mustBeMulti()); err != nil {
		return err
	}
	if d.isPrimary() {
		return refuse(AlreadyPrimary)
	}
	if !d.l.Complete {
		return &Refusal{Cause: StateCreating, State: d.l.State}
	}
	old := d.l.Record.Primary
	r := d.next()
	r.Version = d.generation(r.Version)
	r.Primary, r.Handoff = d.here.Region, nil
	if m := r.member(old); m != nil {
		r.Members = fence(r.Members, *m)
	}
	r.Materials, r.Current, r.Pending, r.PendingAt = d.surviving()
	d.emit(PrimaryForced{Record: r, Certificate: certify(r, d.here.Region)})
	d.salvageOwn()
	d.progress()
	return nil
}
