package replication_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"meridian/keyengine"
	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/rows"
	"meridian/replication/membus"
)

// TestRebornPrimaryFindsWhatItForgot restores the primary's Region from a state of before a rotation and a
// replica. It must write nothing before both others were heard, and then have the forgotten material.
func TestRebornPrimaryFindsWhatItForgot(t *testing.T) {
	inWorld(t, membus.Options{}, func(w *world) {
		ref := w.create(east)
		w.replicate(east, ref, west)
		w.within(10*time.Second, "the replica is whole", func() bool { return w.converged(ref, east, west) })
		kept := w.sites[east].backup()

		forgotten := w.rotate(east, ref)
		w.replicate(east, ref, south)
		w.within(10*time.Second, "the rotation is done", func() bool {
			return w.converged(ref, east, west, south) && w.sites[south].family(ref).Record.Current == forgotten
		})
		secret := w.sites[west].plain(t, ref, forgotten)
		before := w.sites[west].family(ref).Record.Version

		w.network.Cut(east, south, true)
		w.rebirth(east, kept, 2)
		w.within(10*time.Second, "the record is adopted, and all are heard but one", func() bool {
			l := w.sites[east].family(ref)
			return l.Record.Version == before && strings.Join(l.Awaits, " ") == south
		})
		if l := w.sites[east].family(ref); !l.Suspended {
			t.Fatalf("goes on with %s unheard", south)
		}
		_, err := w.sites[east].decide(keyengine.DisableKey{Request: &kmsapi.DisableKeyRequest{KeyId: &ref.KeyID}}, nil)
		if err == nil {
			t.Error("a suspended key was disabled")
		}
		w.network.Cut(east, south, false)
		w.within(time.Minute, "the family goes on", func() bool {
			l := w.sites[east].family(ref)
			return !l.Suspended && w.converged(ref, east, west, south) && before.Less(l.Record.Version)
		})
		l := w.sites[east].family(ref)
		if l.Record.Version.Epoch <= before.Epoch || l.Record.Primary != east {
			t.Errorf("goes on as %v of %s, want an epoch after %d", l.Record.Version, l.Record.Primary, before.Epoch)
		}
		if got := w.sites[east].plain(t, ref, forgotten); !bytes.Equal(got, secret) {
			t.Error("the forgotten material came back as another")
		}
	})
}

// TestNothingIsOwedToWhoWasHeard: a Region that has no member of a family is asked about it too. When it has answered
// nothing is owed to it, and nobody who waits for the Regions to agree waits for a reminder of the question.
func TestNothingIsOwedToWhoWasHeard(t *testing.T) {
	inWorld(t, membus.Options{}, func(w *world) {
		ref := w.create(east)
		w.replicate(east, ref, west)
		w.within(10*time.Second, "the replica is whole", func() bool { return w.converged(ref, east, west) })
		w.rebirth(east, w.sites[east].backup(), 2)
		w.within(10*time.Second, "the family goes on, and nothing is owed", func() bool {
			return !w.sites[east].family(ref).Suspended && w.converged(ref, east, west) && w.idle()
		})
	})
}

// TestRebornRegionThatKnowsNothing restores the primary's Region from a state of before the key: it is
// made anew from what its replica holds, and is primary again.
func TestRebornRegionThatKnowsNothing(t *testing.T) {
	inWorld(t, membus.Options{}, func(w *world) {
		ref := w.create(east)
		w.replicate(east, ref, west)
		w.within(10*time.Second, "the replica is whole", func() bool { return w.converged(ref, east, west) })
		w.rebirth(east, rows.Memory{}, 2)
		w.within(3*time.Minute, "the key is back", func() bool {
			l := w.sites[east].family(ref)
			return l.State == family.Enabled && !l.Suspended && w.converged(ref, east, west)
		})
		if l := w.sites[east].family(ref); l.Record.Primary != east || l.Halted != "" {
			t.Errorf("primary %s, halted %q", l.Record.Primary, l.Halted)
		}
	})
}

// TestRememberedLifeBeginsAnother restores a Region to before a life that the others remember: nobody says
// so, and it finds out.
func TestRememberedLifeBeginsAnother(t *testing.T) {
	inWorld(t, membus.Options{}, func(w *world) {
		ref := w.create(east)
		w.replicate(east, ref, west)
		w.within(10*time.Second, "the replica is whole", func() bool { return w.converged(ref, east, west) })
		kept := w.sites[east].backup()
		w.rebirth(east, w.sites[east].backup(), 2)
		w.within(time.Minute, "life 2 is known", func() bool {
			var seen uint64
			w.sites[west].View(func(v *keyengine.View) { seen = v.Peer(east) })
			return seen == 2
		})
		w.rebirth(east, kept, 1) // nothing begins: it is in life 1
		w.within(time.Minute, "a third life begins and ends well", func() bool {
			return w.sites[east].Life() == 3 && !w.sites[east].family(ref).Suspended && w.converged(ref, east, west)
		})
	})
}

// TestNewLifeIsToldAtOnce: what a Region confirmed in an earlier life counts for nothing in its new one. Whoever was
// restored, and whatever it still knows, the role can change hands within seconds, both ways.
func TestNewLifeIsToldAtOnce(t *testing.T) {
	for _, remembers := range []string{"nothing", "the key", "the replicas", "all"} {
		for _, reborn := range []string{east, west} {
			t.Run(reborn+" remembers "+remembers, func(t *testing.T) {
				inWorld(t, membus.Options{}, func(w *world) {
					kept := map[string]rows.Memory{"nothing": w.sites[reborn].backup()}
					ref := w.create(east)
					kept["the key"] = w.sites[reborn].backup()
					w.replicate(east, ref, west, south)
					w.within(10*time.Second, "the replicas are whole", func() bool { return w.converged(ref, east, west, south) })
					kept["the replicas"] = w.sites[reborn].backup()
					w.rotate(east, ref)
					w.within(10*time.Second, "the rotation is done", func() bool { return w.converged(ref, east, west, south) })
					kept["all"] = w.sites[reborn].backup()
					w.rebirth(reborn, kept[remembers], 2)
					for _, to := range []string{west, east} {
						from := map[string]string{west: east, east: west}[to]
						w.within(15*time.Second, from+" may give the role to "+to, func() bool {
							_, err := w.sites[from].decide(keyengine.UpdatePrimaryRegion{Request: &kmsapi.UpdatePrimaryRegionRequest{KeyId: &ref.KeyID, PrimaryRegion: new(to)}}, nil)
							return err == nil
						})
						w.within(15*time.Second, "the role is with "+to, func() bool {
							return w.sites[to].family(ref).Record.Primary == to && w.converged(ref, east, west, south)
						})
					}
				})
			})
		}
	}
}

// TestTwoRegionsRestored restores the primary's Region and a replica's at once: each asks the other too, and who was heard
// counts only when it has met both in their new lives.
func TestTwoRegionsRestored(t *testing.T) {
	inWorld(t, membus.Options{}, func(w *world) {
		ref := w.create(east)
		w.replicate(east, ref, west, south)
		w.within(10*time.Second, "the replicas are whole", func() bool { return w.converged(ref, east, west, south) })
		eastern, western := w.sites[east].backup(), w.sites[west].backup()
		forgotten := w.rotate(east, ref)
		w.within(10*time.Second, "the rotation is done", func() bool { return w.converged(ref, east, west, south) })

		cut := func(cut bool) { // south cannot meet the west in its new life
			w.network.Cut(west, south, cut)
			w.network.Cut(south, west, cut)
		}
		cut(true)
		w.rebirth(east, eastern, 2)
		w.rebirth(west, western, 2)
		w.within(20*time.Second, "the east has adopted what south has", func() bool {
			return w.sites[east].family(ref).Record.Current == forgotten
		})
		w.within(20*time.Second, "the east has met the west", func() bool {
			var lives []family.Life
			w.sites[east].View(func(v *keyengine.View) { lives = v.Lives() })
			return slices.Contains(lives, family.Life{Region: west, Life: 2})
		})
		time.Sleep(time.Minute)
		if l := w.sites[east].family(ref); !l.Suspended || !slices.Contains(l.Awaits, south) {
			t.Errorf("goes on although %s may still take in what %s sent in its earlier life", south, west)
		}
		cut(false)
		w.within(2*time.Minute, "both go on", func() bool {
			for _, region := range []string{east, west} {
				if w.sites[region].family(ref).Suspended {
					return false
				}
			}
			return w.converged(ref, east, west, south)
		})
		w.sameSecrets(ref, east, west, south)
	})
}
