package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"meridian/cluster/control"
	"meridian/keyengine"
	"meridian/keyengine/arn"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/rows"
	"meridian/region"
)

// errBehind says that a node could not hear from its leader what there is.
var errBehind = errors.New("the node could not catch up with its Region's leader; --consistency eventual goes by what it knows")

// explain answers whether somebody may do something, now or by what the Region knew at a point of the past. Who the
// principals are and what their policies say is always of now: it is in a file, not in the log.
func (n *Node) explain(w http.ResponseWriter, r *http.Request) {
	var q control.Question
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		refuse(w, http.StatusBadRequest, fmt.Errorf("question: %w", err))
		return
	}
	reasons, err := n.reasons(r, q)
	var fault *kmsapi.Fault
	switch {
	case errors.Is(err, errBehind):
		refuse(w, http.StatusServiceUnavailable, err)
	case errors.As(err, &fault):
		refuse(w, http.StatusBadRequest, errors.New(fault.Message))
	case err != nil:
		refuse(w, http.StatusBadRequest, err)
	default:
		reply(w, reasons)
	}
}

func (n *Node) reasons(r *http.Request, q control.Question) (control.Reasons, error) {
	switch q.Consistency {
	case "", "default", "strong":
		if err := n.region.CatchUp(r.Context()); err != nil {
			return control.Reasons{}, fmt.Errorf("%w: %w", errBehind, err)
		}
	case "eventual":
	default:
		return control.Reasons{}, fmt.Errorf("consistency %.32q is neither strong nor eventual", q.Consistency)
	}
	view := n.store.View()
	defer view.Close()
	out := control.Reasons{Region: n.config.Region.Name, Seq: view.Meta().Seq}
	now, from := n.region.Now(), rows.Reader(view)
	if q.Seq > 0 || q.AtMillis > 0 {
		name, err := arn.Parse(q.Key)
		if err != nil || name.Form.IsAlias() {
			return out, errors.New("the past is asked about a key by its id or ARN")
		}
		p := past{keyID: name.ID, place: n.place()}
		if err := p.replay(r.Context(), view.Events(1), control.Point{Seq: q.Seq, AtMillis: q.AtMillis}); err != nil {
			return out, err
		}
		out.Seq, now, from = p.seq, p.at, &p.rows
	}
	out.Time = timeOf(now)
	var err error
	out.Explanation, err = n.region.Why(keyengine.NewView(from, n.place()), now, region.Question{
		Principal: q.Principal, Action: q.Action, Key: q.Key, Context: q.Context, Tokens: q.Tokens,
	})
	return out, err
}
