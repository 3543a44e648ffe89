package virtual

import (
	"context"

	"meridian/cluster/control"
	"meridian/cluster/keyview"
	"meridian/keyengine"
)

// KeyStates are what the Regions that have a leader know about every multi-Region key.
func (w *World) KeyStates(context.Context) (all []control.KeyState, err error) {
	for _, s := range w.regions {
		l := s.leader()
		if l == nil || l.away() {
			continue
		}
		l.of.View(func(v *keyengine.View) {
			for ref, local := range v.Families() {
				if local.Record.Multi {
					state := control.KeyState{Region: s.name, KeyID: ref.KeyID}
					keyview.Fill(&state, &keyengine.Inspection{Ref: ref, Local: local})
					all = append(all, state)
				}
			}
		})
	}
	return all, nil
}
