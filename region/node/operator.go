package node

import (
	"encoding/json"
	"fmt"
	"net/http"

	"meridian/cluster/control"
	"meridian/keyengine"
	"meridian/keyengine/arn"
	"meridian/region"
)

// fenceLost declares another Region lost for ever.
func (n *Node) fenceLost(w http.ResponseWriter, r *http.Request) {
	var asked control.Fence
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		refuse(w, http.StatusBadRequest, fmt.Errorf("fence: %w", err))
		return
	}
	did, err := n.region.FenceLost(r.Context(), asked.Lost)
	answer := control.Fenced{Keys: []control.Declared{}, Headless: []string{}}
	for _, d := range did.Fenced {
		answer.Keys = append(answer.Keys, n.declared(d))
	}
	for _, ref := range did.Headless {
		answer.Headless = append(answer.Headless, n.keyARN(ref))
	}
	if answer.Fault, err = faultOf(err); err != nil {
		n.refuseSeed(w, err)
		return
	}
	reply(w, answer)
}

// forcePromote makes this Region's member of a key primary.
func (n *Node) forcePromote(w http.ResponseWriter, r *http.Request) {
	var asked control.Promote
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		refuse(w, http.StatusBadRequest, fmt.Errorf("promote: %w", err))
		return
	}
	did, err := n.region.ForcePromote(r.Context(), keyengine.Ref{Account: asked.Account, KeyID: asked.Key})
	answer := control.Promoted{Declared: n.declared(did)}
	if answer.Fault, err = faultOf(err); err != nil {
		n.refuseSeed(w, err)
		return
	}
	reply(w, answer)
}

func (n *Node) declared(d region.Declared) control.Declared {
	out := control.Declared{
		Region: n.config.Region.Name, Key: n.keyARN(d.Ref),
		Before: d.Before.String(), After: d.After.String(), Dropped: []string{},
	}
	for _, id := range d.Dropped {
		out.Dropped = append(out.Dropped, id.String())
	}
	return out
}

func (n *Node) keyARN(ref keyengine.Ref) string {
	place := n.place()
	return arn.Key{Partition: place.Partition, Region: place.Region, Account: ref.Account, ID: ref.KeyID}.String()
}
