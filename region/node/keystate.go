package node

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"meridian/cluster/control"
	"meridian/eventlog/codec"
	"meridian/keyengine"
	"meridian/keyengine/family"
	"meridian/keyengine/rows"
)

// getKey answers with what this Region knows about a key, now or as it was.
func (n *Node) getKey(w http.ResponseWriter, r *http.Request) {
	q, id := r.URL.Query(), r.PathValue("id")
	at := control.Point{Account: q.Get("account")}
	var err error
	if s := q.Get("seq"); s != "" {
		at.Seq, err = strconv.ParseUint(s, 10, 64)
	}
	if s := q.Get("at"); s != "" && err == nil {
		at.AtMillis, err = strconv.ParseInt(s, 10, 64)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, fmt.Errorf("point of the past: %w", err))
		return
	}
	state, err := n.keyState(r, id, at)
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	reply(w, state)
}

func (n *Node) keyState(r *http.Request, id string, at control.Point) (control.KeyState, error) {
	view := n.store.View()
	defer view.Close()
	head := view.Meta().Seq
	s := control.KeyState{Region: n.config.Region.Name, Seq: head, Head: head, KeyID: id}
	if at.Seq > head {
		return s, fmt.Errorf("the event log of %s ends with record %d, before record %d", s.Region, head, at.Seq)
	}
	if at.Seq == 0 && at.AtMillis == 0 {
		if e, ok := view.Event(head); ok {
			if record, err := codec.DecodeRecord(e.Record); err == nil {
				s.Time = timeOf(record.At)
			}
		}
		return s, fill(&s, view, n.place(), at.Account)
	}
	p := past{keyID: id, place: n.place()}
	if err := p.replay(r.Context(), view.Events(1), at); err != nil {
		return s, err
	}
	s.Seq, s.Time = p.seq, timeOf(p.at)
	return s, fill(&s, &p.rows, n.place(), at.Account)
}

// fill says what the rows hold of the key.
func fill(s *control.KeyState, from rows.Reader, place keyengine.Place, account string) error {
	view := keyengine.NewView(from, place)
	var found []keyengine.Ref
	for _, ref := range view.WithID(s.KeyID) {
		if account == "" || account == ref.Account {
			found = append(found, ref)
		}
	}
	switch {
	case len(found) > 1:
		return errors.New("several accounts have a key of that id: name it by its ARN")
	case len(found) == 0:
		return nil
	}
	i, _ := view.Inspect(found[0])
	s.Known, s.Shared, s.Own = true, sharedState(&i.Local.Record), ownState(place.Region, &i)
	return nil
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
			ID: m.ID.String(), Number: m.Number, CreatedAt: timeOf(m.CreatedAt), RotatedAt: timeOf(m.RotatedAt),
		})
	}
	if r.Rotation.Enabled {
		s.Rotation = &control.Rotation{PeriodDays: r.Rotation.PeriodDays, NextAt: timeOf(r.Rotation.NextAt)}
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
		Held: []string{}, DeletionAt: timeOf(l.DeletionAt), WindowDays: l.WindowDays, Halted: l.Halted, Awaits: l.Awaits,
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
		s.Imports = append(s.Imports, control.Imported{ID: m.ID.String(), ValidTo: timeOf(m.ValidTo)})
	}
	switch {
	case l.Ready > 0:
		s.Handoff = fmt.Sprintf("ready for attempt %d", l.Ready)
	case l.Refused > 0:
		s.Handoff = fmt.Sprintf("refused attempt %d: %s", l.Refused, l.Reason)
	}
	if k := i.Key; k != nil {
		s.CreatedAt, s.Description, s.Policy = timeOf(k.CreatedAt), k.Description, k.Policy
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

// timeOf shows a time in ms; 0 is none.
func timeOf(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
