package replication_test

import (
	"testing"
	"time"

	"meridian/keyengine"
	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
	"meridian/replication"
	"meridian/replication/lagprofile"
	"meridian/replication/membus"
)

// turn sets the dials.
func (w *world) turn(change func(*replication.Dials)) {
	w.t.Helper()
	d := w.dial.Now()
	d.Format, d.Version = replication.DialFormat, d.Version+1
	change(&d)
	if err := w.dial.Set(d); err != nil {
		w.t.Fatal(err)
	}
}

// lag sets constant delays.
func (w *world) lag(classes map[lagprofile.Class]time.Duration) {
	w.turn(func(d *replication.Dials) {
		d.Lag = lagprofile.Profile{Seed: 7, Classes: map[lagprofile.Class]lagprofile.Dist{}}
		for c, delay := range classes {
			d.Lag.Classes[c] = lagprofile.Of(delay)
		}
	})
}

// quick is a network whose own delays do not matter beside those of a profile.
var quick = membus.Options{Seed: 1, Delay: 5 * time.Millisecond}

// about checks that something took as long as a profile says.
func (w *world) about(what string, took, want time.Duration) {
	w.t.Helper()
	if took < want-10*time.Millisecond || took > want+300*time.Millisecond {
		w.t.Errorf("%s took %v, want %v", what, took, want)
	}
}

func (w *world) member(region string, ref keyengine.Ref) *family.Local {
	return w.sites[region].family(ref)
}

func TestReplicaStaysCreatingForTheProfilesTime(t *testing.T) {
	inWorld(t, quick, func(w *world) {
		w.lag(map[lagprofile.Class]time.Duration{lagprofile.Appearance: 2 * time.Second, lagprofile.Creation: 9 * time.Second})
		time.Sleep(time.Second)
		ref := w.create(east)
		w.replicate(east, ref, west)
		took := w.within(time.Minute, "the replica is seen", func() bool { return w.member(west, ref).State == family.Creating })
		w.about("its appearance", took, 2*time.Second)
		took += w.within(time.Minute, "the replica is enabled", func() bool { return w.member(west, ref).State == family.Enabled })
		w.about("its creation", took, 9*time.Second)
		w.sameSecrets(ref, east, west)
		w.within(time.Second, "all is said", w.idle)
	})
}

func TestBothRegionsAreUpdatingForTheProfilesTime(t *testing.T) {
	inWorld(t, quick, func(w *world) {
		ref := w.create(east)
		w.replicate(east, ref, west, south)
		w.within(time.Second, "converged", func() bool { return w.converged(ref, east, west, south) && w.idle() })
		w.lag(map[lagprofile.Class]time.Duration{lagprofile.Primary: 4 * time.Second, lagprofile.Status: time.Second})
		w.handOff(east, ref, west)
		took := w.within(time.Minute, "both are Updating", func() bool { return w.member(east, ref).Updating && w.member(west, ref).Updating })
		w.about("the offer", took, 4*time.Second)
		took = w.within(time.Minute, "both are replicas", func() bool {
			return w.member(east, ref).Record.Primary == west && w.member(west, ref).Record.Primary == east
		})
		w.about("the consent", took, time.Second)
		took = w.within(time.Minute, "west is primary", func() bool { return w.member(west, ref).Record.Writer == west })
		w.about("the role's way", took, 4*time.Second)
		w.within(time.Minute, "all agree", func() bool { return w.converged(ref, east, west, south) && w.idle() })
	})
}

func TestRotationIsHeldBackAndOldMaterialServes(t *testing.T) {
	inWorld(t, quick, func(w *world) {
		ref := w.create(east)
		w.replicate(east, ref, west)
		w.within(time.Second, "converged", func() bool { return w.converged(ref, east, west) && w.idle() })
		w.lag(map[lagprofile.Class]time.Duration{lagprofile.Material: 30 * time.Second, lagprofile.Properties: 3 * time.Second})
		old := w.member(west, ref).Record.Current
		began := time.Now()
		w.rotate(east, ref)
		w.within(time.Minute, "the material is in the west", func() bool { return len(w.member(west, ref).Held) == 2 })
		w.about("the material", time.Since(began), 30*time.Second)
		if l := w.member(west, ref); l.Record.Current != old {
			t.Error("the west uses the new material before its primary does")
		}
		w.within(time.Minute, "the new material is current everywhere", func() bool {
			return w.member(west, ref).Record.Current != old && w.converged(ref, east, west)
		})
		w.about("all", time.Since(began), 33*time.Second)
	})
}

// TestHeldBackUntilARegionTime: who moves the time of a Region ahead moves what waits for it.
func TestHeldBackUntilARegionTime(t *testing.T) {
	inWorld(t, quick, func(w *world) {
		w.lag(map[lagprofile.Class]time.Duration{lagprofile.Appearance: 3 * time.Hour})
		time.Sleep(time.Second)
		ref := w.create(east)
		begun := w.sites[east].Now()
		w.replicate(east, ref, west)
		time.Sleep(time.Minute)
		lag := w.sites[east].relay.Lag()[1]
		if lag.To != west || lag.PendingKeys != 1 || lag.DelayedKeys != 1 || lag.NextDue != begun+3*time.Hour.Milliseconds() {
			t.Errorf("lag %+v, want one key that waits until %d", lag, begun+3*time.Hour.Milliseconds())
		}
		w.sites[east].set(func(s *site) { s.ahead = 3 * time.Hour })
		w.sites[east].relay.TimeMoved()
		w.within(time.Second, "the replica is there", func() bool { return w.converged(ref, east, west) })
	})
}

// TestNextLeaderHoldsBackAsLong: when something leaves does not depend on who leads.
func TestNextLeaderHoldsBackAsLong(t *testing.T) {
	for _, changes := range []int{0, 3} {
		inWorld(t, quick, func(w *world) {
			w.turn(func(d *replication.Dials) {
				p, err := lagprofile.Preset("azure-mhsm-like")
				if err != nil {
					t.Fatal(err)
				}
				p.Seed, d.Lag = 99, p
			})
			time.Sleep(time.Second)
			ref := w.create(east)
			w.replicate(east, ref, west)
			time.Sleep(time.Second)
			due := w.sites[east].relay.Lag()[1].NextDue
			for range changes {
				w.sites[east].relay.Stop()
				time.Sleep(200 * time.Millisecond)
				w.lead(w.sites[east])
				time.Sleep(200 * time.Millisecond)
			}
			if again := w.sites[east].relay.Lag()[1].NextDue; again != due || due == 0 {
				t.Errorf("after %d more leaders the record leaves at %d, before at %d", changes, again, due)
			}
			w.within(20*time.Minute, "the replica is there", func() bool { return w.converged(ref, east, west) })
		})
	}
}

// TestSteadyChangesAreNotHeldBackForEver: the first change of many decides.
func TestSteadyChangesAreNotHeldBackForEver(t *testing.T) {
	inWorld(t, quick, func(w *world) {
		ref := w.create(east)
		w.replicate(east, ref, west)
		w.within(time.Second, "converged", func() bool { return w.converged(ref, east, west) && w.idle() })
		w.lag(map[lagprofile.Class]time.Duration{lagprofile.Properties: 10 * time.Second})
		before := w.member(west, ref).Record.Version
		for i := range 12 {
			if i%2 == 0 {
				w.rotation(east, ref, true)
			} else {
				w.rotation(east, ref, false)
			}
			time.Sleep(time.Second)
		}
		if !before.Less(w.member(west, ref).Record.Version) {
			t.Error("twelve seconds of changes, and none has arrived after ten")
		}
	})
}

func TestPausedSynchronisation(t *testing.T) {
	inWorld(t, quick, func(w *world) {
		ref := w.create(east)
		w.replicate(east, ref, west, south)
		w.within(time.Second, "converged", func() bool { return w.converged(ref, east, west, south) && w.idle() })
		w.turn(func(d *replication.Dials) { d.Paused = []string{west} })
		other := w.create(east)
		w.replicate(east, other, west, south)
		w.rotate(west, w.create(west))
		time.Sleep(5 * time.Minute)
		if l := w.member(west, other); l.State != family.None {
			t.Errorf("the west, whose synchronisation is paused, has heard of a key: %v", l.State)
		}
		if l := w.member(south, other); l.State != family.Enabled {
			t.Errorf("the south, whose synchronisation goes on, has the replica in state %v", l.State)
		}
		if lag := w.sites[east].relay.Lag()[1]; !lag.Paused || lag.LinkUp || lag.PendingKeys != 1 {
			t.Errorf("lag of a paused Region: %+v", lag)
		}
		for _, s := range w.sites { // the pause is not the leader's alone
			s.relay.Stop()
			w.lead(s)
		}
		time.Sleep(time.Minute)
		if l := w.member(west, other); l.State != family.None {
			t.Errorf("another leader ended the pause: %v", l.State)
		}
		w.turn(func(d *replication.Dials) { d.Paused = nil })
		w.within(2*time.Second, "the west has caught up", func() bool { return w.converged(other, east, west, south) })
	})
}

func (w *world) rotation(region string, ref keyengine.Ref, on bool) {
	w.t.Helper()
	if on {
		w.do(region, keyengine.EnableKeyRotation{Request: &kmsapi.EnableKeyRotationRequest{KeyId: &ref.KeyID}})
	} else {
		w.do(region, keyengine.DisableKeyRotation{Request: &kmsapi.DisableKeyRotationRequest{KeyId: &ref.KeyID}})
	}
}
