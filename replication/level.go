package replication

import (
	"fmt"

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

// hearLevel takes in the feature level that the other Region announced in its life.
func (l *link) hearLevel(level uint32, life uint64) error {
	level = max(level, 1)
	l.peerLevel.Store(level)
	var news bool
	l.config.Region.View(func(v *keyengine.View) { news = v.Level() >= keyengine.LevelCaller && v.PeerLevel(l.to) != level })
	if !news {
		return nil
	}
	return l.config.Region.Propose(l.ctx, keyengine.SeePeer{Region: l.to, Life: life, Level: level}, nil)
}

// ahead adds to the error of a message what its cause may be: the other Region is newer than this program. It sends the
// message again until this one was upgraded.
func (l *link) ahead(err error) error {
	if level := l.peerLevel.Load(); level > keyengine.FeatureLevel {
		return fmt.Errorf("%w (Region %s is at feature level %d, Region %s knows %d: upgrade it)", err, l.to, level, l.config.Place.Region, keyengine.FeatureLevel)
	}
	return err
}
