package replication_test

import (
	"testing"
	"time"

	"meridian/keyengine"
)

// TestLevelOfAPair: what two Regions may say to each other is what the older of the two can read.
func TestLevelOfAPair(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		holds := func(when string, want map[[2]string]uint32) {
			time.Sleep(10 * time.Second) // the links tell each other
			for from, s := range w.sites {
				for _, lag := range s.relay.Lag() {
					if got := lag.Level; got != max(want[[2]string{from, lag.To}], 1) {
						t.Errorf("%s: level %d from %s to %s", when, got, from, lag.To)
					}
				}
			}
		}
		raise := func(region string, level uint32) {
			w.sites[region].set(func(s *site) { keyengine.Evolve(&s.rows, s.place, keyengine.LevelRaised{Level: level}) })
		}
		holds("at first", nil)
		raise(east, 3)
		holds("one Region alone", nil)
		raise(west, 2)
		holds("two of three", map[[2]string]uint32{{east, west}: 2, {west, east}: 2})
		raise(west, 4)
		holds("the other one is ahead", map[[2]string]uint32{{east, west}: 3, {west, east}: 3})
	})
}
