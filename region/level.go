package region

import (
	"context"
	"time"

	"meridian/keyengine"
)

// levelEvery is how often a leader looks whether the Region's feature level can rise.
const levelEvery = time.Second

// Level is the feature level that this node knows its Region to have: the greatest whose events may be in the log.
func (r *Region) Level() uint32 { return r.view().Level() }

// raiseLevel raises the Region's feature level to what every member of its log knows. A member that does not answer
// may know anything, so nothing is raised without it.
func (r *Region) raiseLevel(ctx context.Context) {
	was := r.Level()
	if r.Able == nil || was >= keyengine.FeatureLevel {
		return
	}
	able, err := r.Able(ctx)
	able = min(able, keyengine.FeatureLevel)
	if err != nil || able <= was {
		r.Logger.Debug("the feature level stays", "level", was, "members know", able, "err", err)
		return
	}
	p, err := r.decider()
	if err != nil {
		return
	}
	if err := r.decideOwn(ctx, p, keyengine.RaiseLevel{Level: able}, nil); err != nil {
		r.Logger.Warn("the feature level could not be raised and will be tried again", "level", was, "to", able, "err", err)
		return
	}
	if r.relay != nil {
		r.relay.LevelRaised()
	}
	r.Logger.Info("the feature level is raised: programs that know less cannot be nodes of this Region any more", "from", was, "to", able)
}
