package replication

import (
	"context"
	"fmt"
	"time"

	"meridian/keyengine"
)

// level is the feature level of the pair: the least of the two Regions'. What messages gained with a higher one is left
// out of what this Region sends, for the other could not read it. A record goes by the level of all Regions instead:
// see keyengine.View.SharedLevel.
func (l *link) level() uint32 {
	var own, logged uint32
	l.config.Region.View(func(v *keyengine.View) { own, logged = v.Level(), v.PeerLevel(l.to) })
	if said := l.peerLevel.Load(); said > 0 {
		return min(own, said)
	}
	return min(own, logged)
}

// hearLevel takes in the feature level that the other Region said in its life. What it announces by itself may be an old
// word, repeated: then only a greater one counts.
func (l *link) hearLevel(ctx context.Context, level uint32, life uint64, answered bool) error {
	level = max(level, 1)
	var known, own uint32
	var seen uint64
	l.config.Region.View(func(v *keyengine.View) { own, known, seen = v.Level(), v.PeerLevel(l.to), v.Peer(l.to) })
	if life < seen || !answered && level <= max(known, l.peerLevel.Load()) {
		return nil
	}
	if own >= keyengine.LevelCaller && known != level {
		if err := l.config.Region.Propose(ctx, keyengine.SeePeer{Region: l.to, Life: life, Level: level}, nil); err != nil {
			return fmt.Errorf("note the feature level of %s: %w", l.to, err)
		}
	}
	l.peerLevel.Store(level)
	return nil
}

// LevelRaised says that the Region has a greater feature level, which the others then hear of at once.
func (r *Relay) LevelRaised() {
	s := r.started()
	if s == nil {
		return
	}
	for _, l := range s.links {
		l.mu.Lock()
		l.greet = true
		if l.up {
			l.probeAt = time.Now()
		}
		l.mu.Unlock()
		l.poke()
	}
}

// ahead adds to the error of a message what its cause may be: the other Region is newer than this program. It sends the
// message again until this one was upgraded.
func (l *link) ahead(err error) error {
	if level := l.peerLevel.Load(); level > keyengine.FeatureLevel {
		return fmt.Errorf("%w (Region %s is at feature level %d, Region %s knows %d: upgrade it)", err, l.to, level, l.config.Place.Region, keyengine.FeatureLevel)
	}
	return err
}
