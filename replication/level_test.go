package replication_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"meridian/keyengine"
	"meridian/keyengine/canonical"
	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
	"meridian/replication"
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

// TestLevelIsHeardAtOnce: the others do not wait for the next probe of a quiet link to hear that a Region was upgraded.
func TestLevelIsHeardAtOnce(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		time.Sleep(time.Second) // the links are up
		for _, region := range []string{east, west} {
			w.do(region, keyengine.RaiseLevel{Level: keyengine.LevelCaller})
			w.sites[region].relay.LevelRaised()
		}
		w.within(time.Second, "both know", func() bool {
			know := 0
			for _, pair := range [][2]string{{east, west}, {west, east}} {
				w.sites[pair[0]].View(func(v *keyengine.View) { know += int(v.PeerLevel(pair[1])) - 1 })
			}
			return know == 2
		})
	})
}

// TestRecordsOfALowerLevel: what a record gained with a level is left out while one Region may not know the level, though
// the record's own two do: any Region may come to hold it. Nothing waits for the upgrade, and what a Region knew of the
// others its next leader knows, too.
func TestRecordsOfALowerLevel(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		raise := func(region string, level uint32) { w.do(region, keyengine.RaiseLevel{Level: level}) }
		asked := func() (named bool) {
			ref := w.create(east)
			w.do(east, keyengine.ReplicateKey{Request: &kmsapi.ReplicateKeyRequest{KeyId: &ref.KeyID, ReplicaRegion: new(south)}, Caller: []byte("who asks")})
			for _, m := range w.sites[east].family(ref).Record.Members {
				named = named || m.Init != nil && len(m.Init.Caller) > 0
			}
			w.within(5*time.Second, "the replica is there", func() bool { return w.sites[south].family(ref).State == family.Enabled })
			w.within(5*time.Second, "both agree", func() bool { return w.converged(ref, east, south) })
			w.do(east, keyengine.UpdatePrimaryRegion{Request: &kmsapi.UpdatePrimaryRegionRequest{KeyId: &ref.KeyID, PrimaryRegion: new(south)}, Caller: []byte("who asks")})
			if h := w.sites[east].family(ref).Record.Handoff; named != (h != nil && len(h.Caller) > 0) {
				t.Errorf("the replica's record names the caller: %t, the hand-off's: %+v", named, h)
			}
			w.within(5*time.Second, "the role has moved", func() bool { return w.sites[south].family(ref).Record.Primary == south })
			return named
		}
		for _, step := range []struct {
			region string
			named  bool
		}{{east, false}, {south, false}, {west, true}} {
			raise(step.region, keyengine.LevelCaller)
			time.Sleep(10 * time.Second) // the links tell each other
			if named := asked(); named != step.named {
				t.Errorf("after %s was upgraded a record names the caller: %t", step.region, named)
			}
		}
		s := w.sites[east]
		s.relay.Stop()
		w.network.Cut(east, west, true)
		w.network.Cut(west, east, true)
		w.lead(s) // in another place, say: what leaders remember is gone
		time.Sleep(time.Second)
		if !asked() {
			t.Error("a new leader has forgotten the level of a Region that is away")
		}
	})
}

// TestQuestionsOfANewerRegion: an older Region refuses a question that says more of a caller than it can read, and is then
// asked by the name alone; one of the same level is asked once, and its refusal is the caller's to try again.
func TestQuestionsOfANewerRegion(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		time.Sleep(time.Second)
		ref, relay := w.create(east), w.sites[east].relay
		pre := preOf(ref)
		pre.Init.Caller = make([]byte, family.MaxCaller+1) // nobody takes that
		no := &kmsapi.Fault{Code: kmsapi.AccessDeniedException, Message: "not this one"}
		w.sites[west].set(func(s *site) { s.refuse = no })
		if f := relay.Precheck(context.Background(), west, pre); f == nil || *f != *no {
			t.Errorf("asked by the name alone it says %v", f)
		}
		for _, region := range []string{east, west} {
			w.do(region, keyengine.RaiseLevel{Level: keyengine.LevelCaller})
		}
		time.Sleep(10 * time.Second)
		if f := relay.Precheck(context.Background(), west, pre); f == nil || f.Code != kmsapi.KMSInternalException {
			t.Errorf("one of the same level says %v", f)
		}
	})
}

// TestMessagesOfANewerProgram: what this program cannot read is refused, and the refusal says who is to be upgraded.
func TestMessagesOfANewerProgram(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		w.sites[west].set(func(s *site) {
			keyengine.Evolve(&s.rows, s.place, keyengine.LevelRaised{Level: keyengine.FeatureLevel + 1})
		})
		time.Sleep(10 * time.Second)
		beyond := canonical.Marshal(map[int]string{1: "of the next level"})
		for from, want := range map[string]bool{west: true, south: false} {
			a := w.say(from, east, replication.KindRecord, beyond)
			if a.Code != replication.CodeRefused || strings.Contains(a.Reason, "Region us-east-1 knows") != want {
				t.Errorf("from %s: %d %q", from, a.Code, a.Reason)
			}
		}
	})
}
