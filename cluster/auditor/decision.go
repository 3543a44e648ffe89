package auditor

import (
	"slices"

	"meridian/cluster/sim"
	"meridian/keyengine"
	"meridian/keyengine/family"
)

// command judges what one command did in a Region.
func (a *Auditor) command(r *region, operation string, events []keyengine.Event) {
	var touched []keyengine.Ref
	before := map[keyengine.Ref]family.Local{}
	for _, e := range events {
		a.events++
		switch e := e.(type) {
		case keyengine.FamilyEvent:
			m := r.member(e.Ref)
			if _, ok := before[e.Ref]; !ok {
				before[e.Ref] = m.local
				touched = append(touched, e.Ref)
			}
			a.event(r, e.Ref, m, operation, e.Event)
		case keyengine.LifeBegun:
			r.suspend(e)
		default:
			a.own(r, operation, e)
		}
	}
	for _, ref := range touched {
		a.change(r, ref, before[ref], r.members[ref])
	}
}

// suspend begins a new life: see keyengine.LifeBegun.
func (r *region) suspend(e keyengine.LifeBegun) {
	r.forgot = true
	for _, m := range r.members {
		if awaits := family.Awaited(r.name, e.Peers, &m.local.Record); m.local.Record.Multi && len(awaits) > 0 {
			family.Evolve(r.name, &m.local, family.FamilySuspended{Awaits: awaits})
		}
	}
}

// ofProtocol reports whether a command came from another Region.
func ofProtocol(operation string) bool {
	switch operation {
	case keyengine.ReceiveRecord{}.Operation(), keyengine.ReceiveStatus{}.Operation(),
		keyengine.FinishCreate{}.Operation(), keyengine.Hear{}.Operation():
		return true
	}
	return false
}

// own judges an event of this Region alone: no message may cause one, but the birth of a replica.
func (a *Auditor) own(r *region, operation string, e keyengine.Event) {
	if !ofProtocol(operation) {
		return
	}
	ref, what := keyengine.Ref{}, ""
	switch e := e.(type) {
	case keyengine.PolicyPut:
		ref, what = keyengine.Ref{Account: e.Account, KeyID: e.KeyID}, "policy"
	case keyengine.TagsChanged:
		ref, what = keyengine.Ref{Account: e.Account, KeyID: e.KeyID}, "tags"
	case keyengine.DescriptionUpdated:
		ref, what = keyengine.Ref{Account: e.Account, KeyID: e.KeyID}, "description"
	case keyengine.AliasCreated:
		ref, what = keyengine.Ref{Account: e.Account, KeyID: e.KeyID}, "aliases"
	case keyengine.AliasUpdated:
		ref, what = keyengine.Ref{Account: e.Account, KeyID: e.KeyID}, "aliases"
	case keyengine.AliasDeleted:
		what = "aliases"
	case keyengine.GrantCreated:
		ref, what = keyengine.Ref{Account: e.Account, KeyID: e.KeyID}, "grants"
	}
	a.hold(what == "", sim.IndependentStaysLocal, r, ref, "%s changes the %s", operation, what)
}

// event judges one event and then applies it.
func (a *Auditor) event(r *region, ref keyengine.Ref, m *member, operation string, e family.Event) {
	l := &m.local
	if record, ok := family.WrittenRecord(e); ok {
		a.wrote(r, ref, l, e, &record)
	}
	a.frozen(r, ref, l, e)
	a.independent(r, ref, l, operation, e)
	switch e := e.(type) {
	case family.FamilyCreated:
		a.use(ref, e.Record.Current)
	case family.PrimaryForced:
		a.kin(ref).forced = true
	case family.RecordAccepted:
		a.accepted(r, ref, &e.Record)
	case family.ReplicaCreated:
		a.accepted(r, ref, &e.Record)
		a.hold(!m.dead[e.Inc], sim.NoResurrection, r, ref, "lives again as %v", e.Inc)
		m.ended(l)
	case family.ReplicaRefused:
		a.accepted(r, ref, &e.Record)
		m.dead[e.Inc] = true
	case family.Orphaned:
		a.accepted(r, ref, &e.Record)
		m.ended(l)
		m.dead[e.Inc] = true
	case family.KeyDeleted:
		m.ended(l)
		a.lastOne(r, ref, l)
	case family.MemberGone:
		a.gone(r, ref, l, e)
	case family.RotationActivated:
		a.use(ref, e.Record.Current)
		a.distributed(r, ref, l, &e.Record)
	case family.StatusReceived:
		a.believed(r, ref, &e.Status)
	case family.AlarmRaised:
		a.hold(false, sim.NoBrokenPromise, r, ref, "halts: %s", e.Reason)
	}
	family.Evolve(r.name, l, e)
	for _, id := range l.Held {
		m.held[holding{l.Inc, id}] = true
	}
}

func (a *Auditor) use(ref keyengine.Ref, id family.MaterialID) {
	if !id.IsZero() {
		a.kin(ref).used[id] = true
	}
}

// ended notes the end of a life.
func (m *member) ended(l *family.Local) {
	if l.Live() {
		m.dead[l.Inc] = true
	}
}

// frozen judges what happens to a key that is part of a hand-off. Imported material may still come and go.
func (a *Auditor) frozen(r *region, ref keyengine.Ref, l *family.Local, e family.Event) {
	if !l.Updating {
		return
	}
	switch e.(type) {
	case family.KeyEnabled, family.KeyDisabled, family.DeletionScheduled, family.ReplicaDeletionAwaited,
		family.DeletionCancelled, family.ReplicaAdded, family.RotationStarted, family.KeyDeleted:
		a.hold(false, sim.UpdatingIsFrozen, r, ref, "%s while updating", family.EventName(e))
	}
}

// independent judges what a message did to a living member's own state.
func (a *Auditor) independent(r *region, ref keyengine.Ref, l *family.Local, operation string, e family.Event) {
	if !ofProtocol(operation) {
		return
	}
	switch e.(type) {
	case family.KeyEnabled, family.KeyDisabled, family.DeletionCancelled, family.KeyDeleted:
	case family.DeletionScheduled: // the wait for the last replica can end with its status
		if l.State == family.PendingReplicaDeletion {
			return
		}
	case family.ReplicaDeletionAwaited: // a reborn primary learns that it has replicas
		if l.State == family.PendingDeletion {
			return
		}
	default:
		return
	}
	a.hold(false, sim.IndependentStaysLocal, r, ref, "%s by %s while %v", family.EventName(e), operation, l.State)
}

// lastOne judges the end of a primary: all other members are gone.
func (a *Auditor) lastOne(r *region, ref keyengine.Ref, l *family.Local) {
	if l.Record.Primary != r.name {
		return
	}
	lives := slices.ContainsFunc(l.Record.Members, func(m family.Member) bool { return m.Region != r.name && !m.Gone })
	a.hold(!lives, sim.NoLostReplica, r, ref, "the primary is deleted while members live")
}

// gone judges that a member which its primary takes for gone had ended.
func (a *Auditor) gone(r *region, ref keyengine.Ref, l *family.Local, e family.MemberGone) {
	i := slices.IndexFunc(l.Record.Members, func(m family.Member) bool { return m.Region == e.Region })
	if i < 0 {
		return
	}
	inc, name := l.Record.Members[i].Inc, e.Region
	a.claim([]string{name}, func() bool {
		for dead := range a.region(name).member(ref).dead {
			if !dead.Less(inc) {
				return true
			}
		}
		return a.forgetful(name)
	}, finding(GoneIsDead, r, ref, "%s of %v is taken for gone, and never ended", name, inc))
}

// distributed judges the first use of a material: every member that is not gone held it, as its reports here said.
func (a *Auditor) distributed(r *region, ref keyengine.Ref, l *family.Local, record *family.Record) {
	id := record.Current
	a.hold(slices.Contains(l.Held, id), sim.MaterialBeforeUse, r, ref, "activates %x, which it lacks itself", id[:4])
	for _, m := range record.Members {
		if m.Gone || m.Region == r.name {
			continue
		}
		said := slices.ContainsFunc(l.View, func(s family.Status) bool {
			return s.From == m.Region && s.Inc == m.Inc && slices.Contains(s.Held, id)
		})
		a.hold(said, sim.MaterialBeforeUse, r, ref, "activates %x, which %s did not report", id[:4], m.Region)
		name, inc := m.Region, m.Inc
		a.claim([]string{name}, func() bool {
			return a.region(name).member(ref).held[holding{inc, id}] || a.forgetful(name)
		}, finding(sim.MaterialBeforeUse, r, ref, "activates %x, which %s never held as %v", id[:4], name, inc))
	}
}

// believed judges a status that a primary took in: the member had it, under that number.
func (a *Auditor) believed(r *region, ref keyengine.Ref, s *family.Status) {
	name, number, is := s.From, saying{s.Inc, s.SV}, hashOf(s)
	a.claim([]string{name}, func() bool {
		return a.region(name).member(ref).statuses[number] == is || a.forgetful(name)
	}, finding(StatusIsTrue, r, ref, "believes status %d of %s: %v, which it never had", s.SV, name, s))
}
