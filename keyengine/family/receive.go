package family

// What arrives from other Regions.

// receiveRecord is R1. An older record is answered by the relay, see MustTell; one that is known
// may still bring secrets.
func (d *decision) receiveRecord(c *ReceiveRecord) {
	r := &c.Record
	if !d.l.Record.Version.Less(r.Version) && !(mutant(NoVerCheck) && d.l.Record.Version != r.Version) {
		if d.l.Live() {
			d.importMaterials(d.entrusted(c.From, r, c.Carried))
		}
		return
	}
	if d.forgot(r) {
		d.suspend(r)
		d.adopt(c)
		return
	}
	if reason := d.brokenPromise(r); reason != "" {
		if d.here.Life > 1 && r.Writer == d.here.Region { // written in an earlier life, and brought by one who was given up
			d.suspend(r)
			d.adopt(c)
			return
		}
		d.alarm(reason)
		return
	}
	m := r.member(d.here.Region)
	switch {
	case m != nil && !m.Gone && d.l.Live() && m.Inc == d.l.Inc:
		d.acceptLiving(c)
	case m != nil && !m.Gone && (d.l.Inc.Less(m.Inc) || mutant(NoTombstone) && !d.l.Live()):
		d.join(c, m.Inc)
	case d.l.Live():
		inc := d.l.Inc
		if m != nil && inc.Less(m.Inc) {
			inc = m.Inc
		}
		d.orphan(c, inc, "")
	case !d.l.Record.Version.IsZero():
		d.acceptEvent(c)
		d.release()
	}
}

// brokenPromise is R14 for a record newer than all this Region knows.
func (d *decision) brokenPromise(r *Record) string {
	here, own := d.here.Region, d.l.Record.Version
	if mutant(NoVerCheck) && !own.Less(r.Version) {
		return ""
	}
	switch {
	case r.Writer == here:
		return "a record in this Region's name that it did not write"
	case d.isPrimary() && r.Version.sameTerm(own):
		return "a record of this Region's own epoch that it did not write"
	case r.Primary == here && r.Version.Seq != 0:
		return "a record of a primary that this Region is not"
	case r.Primary == here && (d.l.State != Enabled || !d.l.Complete):
		return "the primary role came to a key that is " + d.l.State.String()
	}
	return ""
}

func (d *decision) acceptEvent(c *ReceiveRecord) {
	d.emit(RecordAccepted{Record: c.Record, Signature: c.Signature, Certificates: d.news(c)})
}

func (d *decision) news(c *ReceiveRecord) []Certificate {
	return unknown(d.l.Certificates, c.Certificates)
}

// acceptLiving accepts a record that knows this member as it is.
func (d *decision) acceptLiving(c *ReceiveRecord) {
	whole := holdsPermanent(d.l.Held, &d.l.Record)
	d.acceptEvent(c)
	d.importMaterials(d.entrusted(c.From, &c.Record, c.Carried))
	if d.l.Record.external() {
		d.followImports(whole)
	}
	r := &d.l.Record
	switch {
	case r.Primary == d.here.Region:
		d.takeOver()
	case r.Handoff != nil && r.Handoff.To == d.here.Region:
		d.consider(r.Handoff.Attempt, c.Refuse)
	case d.l.Updating:
		d.emit(Thawed{})
	}
}

// takeOver is R3: (epoch, 0) becomes (epoch, 1), the new primary's first write.
func (d *decision) takeOver() {
	d.emit(PrimaryTaken{Record: d.next()})
	d.salvageOwn()
	d.progress()
}

// consider is R4. A member that is frozen stays so until a newer record says otherwise; it never
// thaws alone, because the role may be on its way. Why this Region refuses who asked counts until it has
// consented: what it has said yes to for an attempt it stands by.
func (d *decision) consider(attempt uint32, refuse string) {
	consented := d.l.Updating && d.l.Ready == attempt
	switch {
	case d.l.State != Enabled || !d.l.Complete:
		if d.l.Refused != attempt {
			d.emit(HandoffRefused{Attempt: attempt, Reason: d.l.State.String()})
		}
	case refuse != "" && !consented:
		if d.l.Refused != attempt {
			d.emit(HandoffRefused{Attempt: attempt, Reason: refuse})
		}
	case !consented:
		d.emit(Frozen{Attempt: attempt})
	}
}

// join is R2, also for a member that was fenced and is asked for anew: it begins again, with what
// secrets it has.
func (d *decision) join(c *ReceiveRecord, inc Version) {
	if d.l.Record.external() && len(d.l.Held) > 0 { // a new life begins without material
		d.emit(MaterialErased{Materials: d.l.Held})
	}
	switch {
	case c.Refuse == "":
		d.emit(ReplicaCreated{Record: c.Record, Signature: c.Signature, Certificates: d.news(c), Inc: inc})
		d.importMaterials(d.entrusted(c.From, &c.Record, c.Carried))
	case len(d.l.Held) > 0:
		d.orphan(c, inc, c.Refuse)
	default:
		d.emit(ReplicaRefused{Record: c.Record, Signature: c.Signature, Certificates: d.news(c), Inc: inc, Reason: c.Refuse})
	}
}

// orphan is R11.
func (d *decision) orphan(c *ReceiveRecord, inc Version, reason string) {
	d.emit(Orphaned{Record: c.Record, Signature: c.Signature, Certificates: d.news(c), Inc: inc, Reason: reason})
	d.release()
}

// release erases an orphan's secrets once the family lists them all: a primary lists a material
// only when it holds it. Imported ones go at once: callers have them. In a rebirth the primary may have forgotten what its
// record lists: then the orphan waits until it has heard it.
func (d *decision) release() {
	if d.l.Suspended && !d.l.Record.external() && !mutant(EarlyRelease) {
		return
	}
	if d.l.Orphan && (d.l.Record.external() || d.l.Record.Ended || listsAll(d.l.Record.Materials, d.l.Held) || mutant(NoSalvage)) {
		d.emit(OrphanReleased{})
	}
}

// entrusted returns those of the secrets that came with a record which this Region may take in: all, or none. Secrets of
// another primary's term are none of this one's; and while the primary looks for what it forgot, other members' secrets go
// to it alone. So what the others hold can only become less once it has asked them (R13).
func (d *decision) entrusted(from string, r *Record, carried []MaterialID) []MaterialID {
	own := &d.l.Record
	fromPrimary := from == "" || from == own.Primary
	if mutant(SecondHand) || r.Version.sameTerm(own.Version) && (own.Primary == d.here.Region || fromPrimary || !d.primarySearches()) {
		return carried
	}
	return nil
}

func (d *decision) importMaterials(offered []MaterialID) {
	if d.l.Record.external() { // such secrets come by callers' hands alone
		return
	}
	if fresh := importable(offered, d.l.Held, d.l.Record.Materials); len(fresh) > 0 {
		d.emit(MaterialImported{Materials: fresh})
	}
}

// finishCreate completes a replica when all its record's materials are here. Imported material
// comes by the callers' own hands, so its replica is complete at once and waits for them.
func (d *decision) finishCreate(c *FinishCreate) {
	if !d.l.Live() || d.l.Complete {
		return
	}
	d.importMaterials(d.entrusted(c.From, &Record{Version: c.Of}, c.Materials))
	if !Completable(&d.l) {
		return
	}
	state := d.l.State
	if state == Creating {
		state = Enabled
		if d.l.Record.external() {
			state = PendingImport
		}
	}
	d.emit(ReplicaCompleted{State: state})
}

// receiveStatus is R12, R8 and R11.
func (d *decision) receiveStatus(c *ReceiveStatus) {
	if d.l.Record.Primary != d.here.Region || d.l.Orphan || c.Status.From == d.here.Region {
		return
	}
	s := &c.Status
	if old := d.l.status(s.From); old != nil {
		if order := s.Inc.Compare(old.Inc); order < 0 || order == 0 && s.SV < old.SV {
			return
		}
		if s.Inc != old.Inc || s.SV != old.SV {
			d.emit(StatusReceived{Status: *s})
		}
	} else {
		d.emit(StatusReceived{Status: *s})
	}
	if !d.isPrimary() {
		return
	}
	d.salvage(s, c.Carried)
	d.believe(s)
	d.progress()
}

// salvage takes materials into the family that only the sender knew: it followed a primary that an
// operator declared lost, or was that primary. They decrypt; they become current only where nothing is.
func (d *decision) salvage(s *Status, carried []MaterialID) {
	if d.l.Record.external() {
		return
	}
	var fresh []MaterialID
	for _, id := range s.Held {
		if has(carried, id) && !lists(d.l.Record.Materials, id) {
			fresh = append(fresh, id)
		}
	}
	d.takeIn(fresh)
}

// salvageOwn is salvage of what a new primary holds itself: it was fenced once, and nobody has taken from it what it
// alone knew.
func (d *decision) salvageOwn() {
	if d.l.Record.external() {
		return
	}
	var fresh []MaterialID
	for _, id := range d.l.Held {
		if !lists(d.l.Record.Materials, id) {
			fresh = append(fresh, id)
		}
	}
	d.takeIn(fresh)
}

// takeIn lists materials that are found. A family that had lost all it had (R13) encrypts with what is found again.
func (d *decision) takeIn(fresh []MaterialID) {
	if len(fresh) == 0 {
		return
	}
	r := d.next()
	n := len(r.Materials)
	r.Materials = r.Materials[:n:n]
	for _, id := range fresh {
		r.Materials = append(r.Materials, Material{ID: id, Number: nextNumber(r.Materials), CreatedAt: d.here.Now})
	}
	if r.Current.IsZero() {
		r.Current = fresh[len(fresh)-1]
	}
	d.emit(MaterialSalvaged{Record: r, Materials: fresh})
}

// believe writes into the record what a status says for good. A status Deleted of a later
// incarnation, even one that a losing generation made, proves this one gone.
func (d *decision) believe(s *Status) {
	m := d.l.Record.member(s.From)
	if m == nil || m.Gone {
		return
	}
	switch {
	case s.State == Deleted && !s.Inc.Less(m.Inc):
		if h := d.l.Record.Handoff; h != nil && h.To == s.From {
			d.abortHandoff("the target is deleted")
		}
		r, gone := d.next(), *m
		gone.Gone, gone.Init = true, nil
		r.Members = withMember(r.Members, gone)
		d.emit(MemberGone{Record: r, Region: s.From, Reason: s.Reason})
	case s.Inc == m.Inc && m.Init != nil:
		r, there := d.next(), *m
		there.Init = nil
		r.Members = withMember(r.Members, there)
		d.emit(ReplicaReported{Record: r, Region: s.From})
	}
}
