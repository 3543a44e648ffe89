package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"meridian/cluster/control"
	"meridian/cluster/keyview"
	"meridian/eventlog/codec"
	"meridian/keyengine"
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
	keyview.Fill(s, &i)
	return nil
}

// getHoldings streams what this Region knows about each of its multi-Region keys, and then the rest.
func (n *Node) getHoldings(w http.ResponseWriter, _ *http.Request) {
	view := n.store.View()
	defer view.Close()
	head, here := view.Meta().Seq, n.config.Region.Name
	end := control.Rest{Region: here, TimeMillis: n.region.Now()}
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := json.NewEncoder(w)
	for ref, l := range keyengine.NewView(view, n.place()).Families() {
		if !l.Record.Multi {
			if l.Live() {
				end.SingleRegion++
			}
			continue
		}
		s := control.KeyState{Region: here, Seq: head, Head: head, KeyID: ref.KeyID}
		keyview.Fill(&s, &keyengine.Inspection{Ref: ref, Local: l})
		if out.Encode(control.Holding{Key: &s}) != nil {
			return
		}
	}
	_ = out.Encode(control.Holding{Rest: &end}) // an error means that nobody listens any more
}

// timeOf shows a time in ms; 0 is none.
func timeOf(ms int64) string { return keyview.Time(ms) }
