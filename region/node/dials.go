package node

import (
	"encoding/json"
	"fmt"
	"net/http"

	"meridian/cluster/layout"
	"meridian/replication"
)

// dial is how the synchronisation between Regions is set.
func (n *Node) dial() *replication.Dial {
	if n.config.Dial == nil { // nobody can turn it
		return new(replication.Dial)
	}
	return n.config.Dial
}

// putDials sets how the Regions follow each other. The answer comes when this node obeys.
func (n *Node) putDials(w http.ResponseWriter, r *http.Request) {
	var d replication.Dials
	if err := json.NewDecoder(r.Body).Decode(&d); err != nil {
		refuse(w, http.StatusBadRequest, fmt.Errorf("dials: %w", err))
		return
	}
	if err := n.dial().Set(d); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	reply(w, n.dial().Now())
}

// loadDial reads how the synchronisation is set, before the first word to another Region.
func loadDial(dir layout.Dir) (*replication.Dial, error) {
	dials, err := replication.LoadDials(dir.DialsFile())
	if err != nil {
		return nil, err
	}
	dial := new(replication.Dial)
	return dial, dial.Set(dials)
}
