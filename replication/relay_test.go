package replication_test

import (
	"context"
	"testing"
	"time"

	"meridian/keyengine"
	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
	"meridian/replication/membus"
)

// whole is a network with nothing worse than a little delay.
var whole = membus.Options{Seed: 1, Delay: 20 * time.Millisecond}

func TestReplicaIsBornInEveryRegion(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		ref := w.create(east)
		w.replicate(east, ref, west, south)
		w.within(time.Second, "replicas are enabled", func() bool { return w.converged(ref, east, west, south) })
		w.sameSecrets(ref, east, west, south)
		w.within(time.Second, "nothing is left to send", w.idle)
	})
}

func TestQuietRegionsWriteNothing(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		ref := w.create(east)
		w.replicate(east, ref, west, south)
		w.within(time.Second, "converged", func() bool { return w.converged(ref, east, west, south) && w.idle() })
		before := [...]int{w.sites[east].logged(), w.sites[west].logged(), w.sites[south].logged()}
		began := w.sites[east].relay.Stats()
		time.Sleep(10 * time.Minute)
		after := [...]int{w.sites[east].logged(), w.sites[west].logged(), w.sites[south].logged()}
		if before != after {
			t.Errorf("ten idle minutes wrote records: %v, then %v", before, after)
		}
		stats := w.sites[east].relay.Stats()
		if stats.Digests < began.Digests+15 || stats.Differing != began.Differing {
			t.Errorf("comparisons: %+v, then %+v", began, stats)
		}
	})
}

func TestLossyNetwork(t *testing.T) {
	for seed := range uint64(5) {
		inWorld(t, membus.Options{Seed: seed, Loss: 0.3, Duplicate: 0.2, Delay: 200 * time.Millisecond}, func(w *world) {
			ref := w.create(east)
			w.replicate(east, ref, west, south)
			w.within(5*time.Minute, "replicas are enabled", func() bool { return w.converged(ref, east, west, south) })
			w.rotate(east, ref)
			w.handOff(east, ref, south)
			w.within(5*time.Minute, "the role has moved", func() bool {
				return w.sites[south].family(ref).Record.Primary == south && w.converged(ref, east, west, south)
			})
			w.sameSecrets(ref, south, east, west)
		})
	}
}

func TestEverythingIsLostForAWhile(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		old := w.create(east)
		w.replicate(east, old, west)
		w.within(time.Second, "converged", func() bool { return w.converged(old, east, west) })
		w.network.SetLoss(1)
		w.rotate(east, old)
		ref := w.create(east)
		w.replicate(east, ref, west, south)
		time.Sleep(5 * time.Minute)
		if l := w.sites[west].family(ref); l.State != family.None {
			t.Fatalf("a record passed: %v", l.State)
		}
		lag := w.sites[east].relay.Lag()
		if lag[1].To != west || lag[1].LinkUp || lag[1].PendingKeys != 2 || lag[1].OldestMillis < 4*60_000 {
			t.Errorf("lag: %+v", lag)
		}
		w.network.Wipe() // the broker's memory goes as well
		w.network.SetLoss(0)
		w.within(10*time.Second, "converged after the network is back", func() bool {
			return w.converged(ref, east, west, south) && w.converged(old, east, west)
		})
		w.sameSecrets(old, east, west)
	})
}

func TestOneWayCut(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		time.Sleep(time.Second)
		w.network.Cut(east, west, true)
		ref := w.create(east)
		w.replicate(east, ref, west)
		time.Sleep(2 * time.Minute)
		if w.converged(ref, east, west) {
			t.Error("the record passed through the cut")
		}
		if up := w.sites[east].relay.Lag()[1].LinkUp; up {
			t.Error("the link is said to be up")
		}
		w.network.Cut(east, west, false)
		w.within(10*time.Second, "converged", func() bool { return w.converged(ref, east, west) })
	})
}

func TestHandOffAcrossACut(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		ref := w.create(east)
		w.replicate(east, ref, west, south)
		w.within(time.Second, "converged", func() bool { return w.converged(ref, east, west, south) })
		w.handOff(east, ref, west)
		w.within(time.Second, "east has given the role up", func() bool { return w.sites[east].family(ref).Record.Primary == west })
		for _, pair := range [][2]string{{east, west}, {west, east}} {
			w.network.Cut(pair[0], pair[1], true)
		}
		w.network.Wipe()
		time.Sleep(time.Minute)
		for _, pair := range [][2]string{{east, west}, {west, east}} {
			w.network.Cut(pair[0], pair[1], false)
		}
		w.within(10*time.Second, "west is primary everywhere", func() bool {
			return w.sites[west].family(ref).Record.Primary == west && w.converged(ref, east, west, south)
		})
	})
}

// TestOfferComesByAThirdRegion: the Region that gave the role up cannot reach the one that shall have
// it, but a third can reach both.
func TestOfferComesByAThirdRegion(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		ref := w.create(east)
		w.replicate(east, ref, west, south)
		w.within(time.Second, "converged", func() bool { return w.converged(ref, east, west, south) && w.idle() })
		w.handOff(east, ref, west)
		w.within(time.Second, "east has given the role up", func() bool { return w.sites[east].family(ref).Record.Primary == west })
		w.network.Cut(east, west, true)
		w.network.Cut(west, east, true)
		w.network.Wipe()
		w.within(3*time.Minute, "west is primary, and south knows", func() bool {
			l := w.sites[west].family(ref)
			return l.Record.Primary == west && l.Record.Version == w.sites[south].family(ref).Record.Version
		})
		w.network.Cut(east, west, false)
		w.network.Cut(west, east, false)
		w.within(10*time.Second, "everybody knows", func() bool { return w.converged(ref, east, west, south) })
	})
}

// TestRelaysChange stops and starts leaders' relays, with new memories, at every moment of a
// replica's birth.
func TestRelaysChange(t *testing.T) {
	for moment := range 40 {
		inWorld(t, whole, func(w *world) {
			ref := w.create(east)
			w.replicate(east, ref, west, south)
			time.Sleep(time.Duration(moment) * 5 * time.Millisecond)
			for _, region := range []string{east, west} {
				w.sites[region].relay.Stop()
			}
			if lag := w.sites[east].relay.Lag(); lag != nil {
				t.Errorf("a stopped relay has a lag: %v", lag)
			}
			time.Sleep(3 * time.Second)
			w.lead(w.sites[east])
			w.lead(w.sites[west])
			w.within(10*time.Second, "converged", func() bool { return w.converged(ref, east, west, south) })
			w.sameSecrets(ref, east, west, south)
		})
	}
}

// TestBirthLeftHalfDone: a leader was lost after every material had arrived, before it could say so.
func TestBirthLeftHalfDone(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		w.sites[east].relay.Stop()
		w.sites[west].relay.Stop()
		ref := w.create(east)
		w.replicate(east, ref, west)
		rec := w.sites[east].family(ref).Record
		m, secrets := w.sites[west].material(t, ref)
		m.ID, secrets[0].ID = rec.Current, rec.Current
		w.do(west, keyengine.ReceiveRecord{Record: rec, Carried: []keyengine.NewMaterial{m}}, secrets...)
		if l := w.sites[west].family(ref); l.State != family.Creating || len(l.Held) != 1 {
			t.Fatalf("west is %v and holds %d", l.State, len(l.Held))
		}
		w.lead(w.sites[west])
		w.within(time.Second, "west is enabled", func() bool { return w.sites[west].family(ref).State == family.Enabled })
	})
}

func TestStatusLostWithItsLeader(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		ref := w.create(east)
		w.replicate(east, ref, west)
		w.within(time.Second, "converged", func() bool { return w.converged(ref, east, west) && w.idle() })
		// West's key changes while its relay is stopped: nobody is told, no obligation says so.
		w.sites[west].relay.Stop()
		w.do(west, keyengine.DisableKey{Request: &kmsapi.DisableKeyRequest{KeyId: &ref.KeyID}})
		w.lead(w.sites[west])
		w.within(time.Second, "east knows", func() bool {
			l := w.sites[east].family(ref)
			return len(l.View) == 1 && l.View[0].State == family.Disabled
		})
	})
}

func TestDigestFindsWhatTheIndexForgot(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		s := w.sites[east]
		s.relay.Stop()
		ref := w.create(east)
		w.replicate(east, ref, west)
		s.set(func(s *site) {
			var lost [][]byte
			for k := range s.rows.Scan([]byte("o/"), nil) {
				lost = append(lost, append([]byte(nil), k...))
			}
			for _, k := range lost {
				s.rows.Delete(k)
			}
			if len(lost) == 0 {
				t.Error("there was no obligation to lose")
			}
		})
		w.lead(s)
		w.within(time.Second, "converged", func() bool { return w.converged(ref, east, west) })
		if s.relay.Stats().Differing == 0 {
			t.Error("the digest found nothing")
		}
	})
}

func TestManyFamiliesManyDifferences(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		w.sites[east].relay.Stop()
		var refs []keyengine.Ref
		for range 100 {
			refs = append(refs, w.create(east))
			w.replicate(east, refs[len(refs)-1], west)
		}
		w.lead(w.sites[east])
		w.within(30*time.Second, "all converged", func() bool {
			for _, ref := range refs {
				if !w.converged(ref, east, west) {
					return false
				}
			}
			return w.idle()
		})
	})
}

func TestRotationWaitsForEveryMember(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		ref := w.create(east)
		w.replicate(east, ref, west, south)
		w.within(time.Second, "converged", func() bool { return w.converged(ref, east, west, south) })
		w.network.Cut(east, south, true)
		id := w.rotate(east, ref)
		time.Sleep(time.Minute)
		if l := w.sites[east].family(ref); l.Record.Current == id || l.Record.Pending != id {
			t.Error("a material is current that south does not hold")
		}
		w.network.Cut(east, south, false)
		w.within(10*time.Second, "rotated everywhere", func() bool {
			return w.sites[south].family(ref).Record.Current == id && w.converged(ref, east, west, south)
		})
		w.sameSecrets(ref, east, west, south)
	})
}

// TestMoreMaterialsThanAnEnvelopeHolds rotates for seventy years before the first replica.
func TestMoreMaterialsThanAnEnvelopeHolds(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		ref := w.create(east)
		s := w.sites[east]
		w.do(east, keyengine.EnableKeyRotation{Request: &kmsapi.EnableKeyRotationRequest{KeyId: &ref.KeyID}})
		for range 70 {
			s.set(func(s *site) { s.ahead += 366 * 24 * time.Hour })
			m, secrets := s.material(t, ref)
			w.do(east, keyengine.RunDue{Ref: ref, Material: m}, secrets...)
		}
		if n := len(s.family(ref).Held); n != 71 {
			t.Fatalf("%d materials", n)
		}
		w.replicate(east, ref, west)
		w.within(5*time.Second, "converged", func() bool { return w.converged(ref, east, west) })
		w.sameSecrets(ref, east, west)
	})
}

func TestDeletionTravels(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		ref := w.create(east)
		w.replicate(east, ref, west)
		w.within(time.Second, "converged", func() bool { return w.converged(ref, east, west) })
		for _, region := range []string{east, west} {
			w.do(region, keyengine.ScheduleKeyDeletion{Request: &kmsapi.ScheduleKeyDeletionRequest{KeyId: &ref.KeyID, PendingWindowInDays: new(int32(7))}})
		}
		due := func(region string) {
			w.sites[region].set(func(s *site) { s.ahead += 8 * 24 * time.Hour })
			w.do(region, keyengine.RunDue{Ref: ref})
		}
		due(west)
		w.within(time.Second, "the primary waits alone", func() bool { return w.sites[east].family(ref).State == family.PendingDeletion })
		due(east)
		if l := w.sites[east].family(ref); l.State != family.Deleted {
			t.Errorf("east is %v", l.State)
		}
		w.within(time.Minute, "nothing is left to send", w.idle)
	})
}

func TestConsent(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		time.Sleep(time.Second)
		ref := w.create(east)
		pre := preOf(ref)
		relay := w.sites[east].relay
		if f := relay.Precheck(context.Background(), west, pre); f != nil {
			t.Errorf("refused: %v", f)
		}
		no := &kmsapi.Fault{Code: kmsapi.LimitExceededException, Message: "too many keys"}
		w.sites[west].set(func(s *site) { s.refuse = no })
		if f := relay.Precheck(context.Background(), west, pre); f == nil || *f != *no {
			t.Errorf("a definite no became %v", f)
		}
		w.network.Cut(east, west, true)
		begin := time.Now()
		if f := relay.Precheck(context.Background(), west, pre); f != nil || time.Since(begin) > time.Second {
			t.Errorf("silence: %v after %v", f, time.Since(begin))
		}
		if f := relay.Precheck(context.Background(), "mars-north-1", pre); f != nil {
			t.Errorf("no such Region: %v", f)
		}
	})
}

func TestRefusalAtArrival(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		w.sites[west].set(func(s *site) {
			s.refuse = &kmsapi.Fault{Code: kmsapi.LimitExceededException, Message: "too many keys"}
		})
		ref := w.create(east)
		w.replicate(east, ref, west)
		w.within(time.Second, "the member is gone", func() bool {
			for _, m := range w.sites[east].family(ref).Record.Members {
				if m.Region == west {
					return m.Gone
				}
			}
			return false
		})
		if l := w.sites[west].family(ref); l.Live() {
			t.Errorf("west is %v", l.State)
		}
		w.within(time.Minute, "nothing is left to send", w.idle)
	})
}

func TestLogThatIsAway(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		w.sites[west].set(func(s *site) { s.proposeErr = context.DeadlineExceeded })
		ref := w.create(east)
		w.replicate(east, ref, west)
		time.Sleep(time.Minute)
		if l := w.sites[west].family(ref); l.State != family.None {
			t.Errorf("west is %v", l.State)
		}
		w.sites[west].set(func(s *site) { s.proposeErr = nil })
		w.within(31*time.Second, "converged", func() bool { return w.converged(ref, east, west) })

		time.Sleep(time.Minute) // quiet again; then away for a moment, long before the next comparison
		w.sites[west].set(func(s *site) { s.proposeErr = context.DeadlineExceeded })
		again := w.create(east)
		w.replicate(east, again, west)
		time.Sleep(2 * time.Second)
		w.sites[west].set(func(s *site) { s.proposeErr = nil })
		w.within(4*time.Second, "the next one too", func() bool { return w.converged(again, east, west) })
		if n := len(w.sites[west].relay.Poison()); n > 0 {
			t.Errorf("%d messages are called poison", n)
		}
	})
}
