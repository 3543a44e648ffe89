package replication

import "meridian/keyengine"

// level is the feature level of the pair: the least of the two Regions'. What messages gained with a higher one is left
// out of what this Region sends, for the other could not read it.
func (l *link) level() uint32 {
	var own uint32
	l.config.Region.View(func(v *keyengine.View) { own = v.Level() })
	return min(own, max(l.peerLevel.Load(), 1))
}
