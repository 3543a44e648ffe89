package virtual

import (
	"context"
	"crypto/rand"
	"slices"

	"meridian/eventlog"
	"meridian/keyengine"
	"meridian/keyengine/family"
	"meridian/keyengine/keyring"
	"meridian/keyengine/kmsapi"
	"meridian/replication"
)

// receive has a Region's leader take in a message.
func (w *World) receive(ctx context.Context, l *node, m *message) {
	s := m.dst
	if m.status != nil {
		s.takeStatus(ctx, l, m)
		name := told{s.name, m.ref, false}
		if said := m.src.told[name]; said.inc == m.status.Inc && said.sv == m.status.SV {
			said.heard = true
			m.src.told[name] = said
		}
		return
	}
	s.takeRecord(ctx, l, m)
}

// takeRecord takes in a record and the materials it carries. What a log without a leader does not take comes again.
func (s *site) takeRecord(ctx context.Context, l *node, m *message) {
	local := s.local(m.ref)
	if family.MustTell(local, m.record.record.Version) {
		s.sendRecord(l, m.src.name, m.ref, local, true)
		return
	}
	receive := keyengine.ReceiveRecord{Record: m.record.record, Certificates: m.record.certificates}
	newer := local.Record.Version.Less(m.record.record.Version)
	unborn := !local.Live() || !local.Complete
	materials, secrets := s.wrap(l, m, local)
	refuse, decided := s.reasonAgainst(ctx, l, local, &m.record.record)
	if !decided {
		return
	}
	receive.Refuse = refuse
	if newer && unborn { // a replica is born in two entries
		if l.of.Propose(ctx, receive, nil) != nil {
			return
		}
		local, newer = s.local(m.ref), false
		if !local.Live() {
			return
		}
	}
	if unborn && local.Live() && !local.Complete && completes(local, materials) {
		_ = l.of.Propose(ctx, keyengine.FinishCreate{Ref: m.ref, Of: m.record.record.Version, Materials: materials}, secrets)
		return
	}
	if !newer && (len(materials) == 0 || !local.Live()) {
		return
	}
	receive.Carried = materials
	_ = l.of.Propose(ctx, receive, secrets)
}

// reasonAgainst is why a Region does not do what a record asks of it; empty: it does. It says no where that cannot be
// decided now: the record comes again.
func (s *site) reasonAgainst(ctx context.Context, l *node, local *family.Local, r *family.Record) (reason string, ok bool) {
	p, asks := replication.Asks(s.name, local, r)
	if !asks {
		return "", true
	}
	f := l.of.Precheck(ctx, p)
	if f == nil {
		return "", true
	}
	return f.Error(), f.StatusCode() < 500
}

// completes says whether a new replica holds every material with those that arrived.
func completes(local *family.Local, arrived []keyengine.NewMaterial) bool {
	with := *local
	with.Held = slices.Clone(local.Held)
	for _, m := range arrived {
		with.Held = append(with.Held, m.ID)
	}
	slices.SortFunc(with.Held, family.MaterialID.Compare)
	return family.Completable(&with)
}

// takeStatus takes in what a member says about itself, and tells it what is newer.
func (s *site) takeStatus(ctx context.Context, l *node, m *message) {
	local := s.local(m.ref)
	if local.Record.Primary == s.name && !local.Orphan {
		materials, secrets := s.wrap(l, m, local)
		if !known(local, m.status) || len(materials) > 0 {
			c := keyengine.ReceiveStatus{Ref: m.ref, Status: *m.status, Carried: materials}
			if l.of.Propose(ctx, c, secrets) != nil {
				return
			}
			local = s.local(m.ref)
		}
	}
	if family.MustTell(local, m.status.Applied) {
		s.sendRecord(l, m.src.name, m.ref, local, false)
		return
	}
	// Perhaps the record that makes this Region the primary never arrived: who has a newer one brings it.
	if src := m.src.leader(); src != nil && local.Record.Version.Less(m.status.Applied) {
		m.src.sendRecord(src, s.name, m.ref, m.src.local(m.ref), false)
	}
}

// known says whether a status is no news.
func known(l *family.Local, s *family.Status) bool {
	for i := range l.View {
		if old := &l.View[i]; old.From == s.From {
			order := old.Inc.Compare(s.Inc)
			return order > 0 || order == 0 && old.SV >= s.SV
		}
	}
	return false
}

// wrap wraps the materials of a message that the Region lacks, under its own keys.
func (s *site) wrap(l *node, m *message, local *family.Local) (materials []keyengine.NewMaterial, secrets []eventlog.Secret) {
	spec := local.Record.Spec
	if m.record != nil {
		spec = m.record.record.Spec
	}
	for _, c := range m.carried {
		if slices.Contains(local.Held, c.id) {
			continue
		}
		leaf := l.of.NextLeaf()
		wrapped, err := s.ring.Wrap(rand.Reader, leaf, s.binding(m.ref, c.id, spec), c.open)
		if err != nil {
			continue
		}
		materials = append(materials, keyengine.NewMaterial{ID: c.id, Leaf: leaf})
		secrets = append(secrets, eventlog.Secret{ID: c.id, Leaf: leaf, Wrapped: wrapped})
	}
	return materials, secrets
}

func (s *site) binding(ref keyengine.Ref, id family.MaterialID, spec string) keyring.Binding {
	return keyring.Binding{Partition: s.place.Partition, Account: ref.Account, KeyID: ref.KeyID, ID: id, Spec: spec}
}

// relay is the bag of messages as a Region sees it.
type relay struct{ *node }

// Start implements region.Relay.
func (relay) Start(uint64) error { return nil }

// Stop implements region.Relay.
func (relay) Stop() {}

// Changed implements region.Relay: each tick looks at what is owed. What a lag profile holds back, it does from now.
func (r relay) Changed(at int64, refs ...keyengine.Ref) { r.note(at, refs) }

// TimeMoved implements region.Relay: likewise.
func (relay) TimeMoved() {}

// LevelRaised implements region.Relay: these Regions are at the first level.
func (relay) LevelRaised() {}

// Precheck implements region.Relay: silence is consent.
func (r relay) Precheck(ctx context.Context, dst string, pre replication.Pre) *kmsapi.Fault {
	w, here := r.site.world, r.site.name
	other := w.site(dst)
	if other == nil || w.cut(here, dst) || w.dial.Pauses(here, dst) || w.latency(here, dst)+w.latency(dst, here) > sendAgain {
		return nil
	}
	l := other.leader()
	if l == nil || l.away() {
		return nil
	}
	pre.From = here
	if f := l.of.Precheck(ctx, pre); f != nil && f.StatusCode() < 500 {
		return f
	}
	return nil
}

// Lag implements region.Relay.
func (r relay) Lag() (lags []replication.Lag) {
	w, s := r.site.world, r.site
	for _, dst := range w.regions {
		if dst == s {
			continue
		}
		paused := w.dial.Pauses(s.name, dst.name)
		lag := replication.Lag{To: dst.name, Paused: paused, LinkUp: !paused && !w.cut(s.name, dst.name) && dst.leader() != nil}
		r.of.View(func(v *keyengine.View) {
			for range v.Obligations(dst.name) {
				lag.PendingKeys++
			}
		})
		r.heldBack(&lag)
		lags = append(lags, lag)
	}
	return lags
}

// Owed implements world.World.
func (w *World) Owed(_ context.Context, region string) (owed int, err error) {
	s := w.site(region)
	if s == nil || s.leader() == nil {
		return 0, errAway
	}
	for _, lag := range (relay{s.leader()}).Lag() {
		owed += lag.PendingKeys
		if !lag.LinkUp {
			return owed + 1, nil
		}
	}
	for _, m := range w.bag {
		if m.src == s {
			owed++
		}
	}
	return owed, nil
}
