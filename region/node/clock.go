package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"meridian/cluster/control"
	"meridian/eventlog"
	"meridian/keyengine/kmsapi"
)

// clock is what the Region's clock shows here.
func (n *Node) clock() control.Clock {
	r := n.region.ReadClock()
	c := control.Clock{Region: n.config.Region.Name, TimeMillis: r.Now, OffsetMillis: r.Offset, Overdue: r.Overdue}
	if r.Next != nil {
		c.Next = &control.Due{AtMillis: r.Next.At, Key: r.Next.Ref.KeyID, What: r.Next.What}
	}
	return c
}

// advanceClock raises the offset of the Region's time.
func (n *Node) advanceClock(w http.ResponseWriter, r *http.Request) {
	var asked control.ClockOffset
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		refuse(w, http.StatusBadRequest, fmt.Errorf("clock offset: %w", err))
		return
	}
	err := n.region.AdvanceClock(r.Context(), asked.OffsetMillis)
	var fault *kmsapi.Fault
	switch {
	case err == nil:
		reply(w, n.clock())
	case errors.Is(err, eventlog.ErrNotLeader):
		refuse(w, http.StatusConflict, fmt.Errorf("node %s does not lead its Region", n.config.Node.Name))
	case errors.As(err, &fault) && fault.Code == kmsapi.ValidationException:
		refuse(w, http.StatusBadRequest, errors.New(fault.Message))
	default:
		refuse(w, http.StatusServiceUnavailable, err)
	}
}
