package keyview

import (
	"fmt"
	"time"

	"meridian/cluster/control"
	"meridian/keyengine"
	"meridian/keyengine/family"
)

// Fill says in a state what a Region knows about a key.
func Fill(s *control.KeyState, i *keyengine.Inspection) {
	s.Known, s.Shared, s.Own = true, sharedState(&i.Local.Record), ownState(s.Region, i)
}

func sharedState(r *family.Record) *control.SharedState {
	s := &control.SharedState{
		Version: r.Version.String(), Writer: r.Writer, Primary: r.Primary, Account: r.Account, MultiRegion: r.Multi,
		Spec: r.Spec, Usage: r.Usage, Origin: r.Origin, Current: idOf(r.Current), Pending: idOf(r.Pending), Ended: r.Ended,
		Members: []control.ListedMember{}, Materials: []control.Material{},
	}
	for _, m := range r.Members {
		s.Members = append(s.Members, control.ListedMember{Region: m.Region, Inc: m.Inc.String(), Gone: m.Gone, Fenced: m.Fenced})
	}
	for _, m := range r.Materials {
		s.Materials = append(s.Materials, control.Material{
			ID: m.ID.String(), Number: m.Number, CreatedAt: Time(m.CreatedAt), RotatedAt: Time(m.RotatedAt),
		})
	}
	if r.Rotation.Enabled {
		s.Rotation = &control.Rotation{PeriodDays: r.Rotation.PeriodDays, NextAt: Time(r.Rotation.NextAt)}
	}
	if r.Handoff != nil {
		s.Handoff = r.Handoff.To
	}
	return s
}

func ownState(region string, i *keyengine.Inspection) *control.OwnState {
	l := i.Local
	s := &control.OwnState{
		Role: roleOf(region, l), State: l.State.String(), Complete: l.Complete, Inc: l.Inc.String(), SV: l.SV,
		Held: []string{}, DeletionAt: Time(l.DeletionAt), WindowDays: l.WindowDays, Halted: l.Halted, Awaits: l.Awaits,
		Aliases: i.Aliases, Grants: i.Grants,
	}
	if l.Updating {
		s.State = "Updating"
		if l.State != family.Enabled {
			s.State += ", " + l.State.String()
		}
	}
	for _, id := range l.Held {
		s.Held = append(s.Held, id.String())
	}
	for _, m := range l.Imports {
		s.Imports = append(s.Imports, control.Imported{ID: m.ID.String(), ValidTo: Time(m.ValidTo)})
	}
	switch {
	case l.Ready > 0:
		s.Handoff = fmt.Sprintf("ready for attempt %d", l.Ready)
	case l.Refused > 0:
		s.Handoff = fmt.Sprintf("refused attempt %d: %s", l.Refused, l.Reason)
	}
	if k := i.Key; k != nil {
		s.CreatedAt, s.Description, s.Policy = Time(k.CreatedAt), k.Description, k.Policy
		for _, t := range k.Tags {
			s.Tags = append(s.Tags, t.Key+"="+t.Value)
		}
	}
	messages(region, l, s)
	return s
}

// messages says what was heard, what is owed and which hand-overs are known.
func messages(region string, l *family.Local, s *control.OwnState) {
	for _, v := range l.View {
		s.Knows = append(s.Knows, control.KnownStatus{
			From: v.From, Inc: v.Inc.String(), SV: v.SV, State: v.State.String(), Applied: v.Applied.String(), Held: len(v.Held),
		})
	}
	what := map[family.What]string{family.SendRecord: "record", family.SendStatus: "status", family.SendQuestion: "question"}
	for _, o := range family.Obligations(region, l) {
		s.Owes = append(s.Owes, control.OwedMessage{To: o.To, What: what[o.What]})
	}
	for _, c := range l.Certificates {
		s.Handovers = append(s.Handovers, control.Certificated{Epoch: c.Epoch, From: c.From, To: c.To})
	}
}

func roleOf(region string, l *family.Local) string {
	switch {
	case l.Orphan:
		return "ORPHAN"
	case !l.Record.Multi:
		return "SINGLE"
	case l.Record.Primary == region:
		return "PRIMARY"
	}
	return "REPLICA"
}

func idOf(id family.MaterialID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

// Time shows a time in ms; 0 is none.
func Time(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
