package replication_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"meridian/keyengine"
	"meridian/keyengine/canonical"
	"meridian/keyengine/family"
	"meridian/replication"
	"meridian/replication/membus"
)

func preOf(ref keyengine.Ref) replication.Pre {
	return replication.Pre{Operation: replication.PreReplicate, Partition: "aws", Account: ref.Account, KeyID: ref.KeyID, Init: family.Init{By: caller}}
}

// sent is what was seen on the wire.
type sent struct {
	src, dst string
	kind     replication.Kind
	envelope []byte
}

// wire keeps what passes.
type wire struct {
	mu   sync.Mutex
	seen []sent
}

func (w *world) listen() *wire {
	tap := new(wire)
	w.network.Tap(func(src, dst string, kind replication.Kind, envelope []byte) {
		tap.mu.Lock()
		defer tap.mu.Unlock()
		tap.seen = append(tap.seen, sent{src, dst, kind, envelope})
	})
	return tap
}

func (x *wire) all() []sent {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.seen)
}

func decode(t *testing.T, b []byte) *replication.Envelope {
	t.Helper()
	e, err := replication.DecodeEnvelope(b)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// history makes a key with replicas, rotates it and moves its role, and returns what passed.
func history(w *world, tap *wire) (ref keyengine.Ref, passed []sent) {
	ref = w.create(east)
	w.replicate(east, ref, west, south)
	w.within(time.Second, "converged", func() bool { return w.converged(ref, east, west, south) })
	w.rotate(east, ref)
	w.handOff(east, ref, west)
	w.within(2*time.Second, "the role has moved", func() bool {
		return w.sites[west].family(ref).Record.Primary == west && w.converged(ref, east, west, south) && w.idle()
	})
	return ref, tap.all()
}

func TestMaterialIsSealedToItsDestination(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		ref, passed := history(w, w.listen())
		boxes := 0
		for _, m := range w.sites[east].family(ref).Record.Materials {
			secret := w.sites[east].plain(t, ref, m.ID)
			for _, p := range passed {
				if bytes.Contains(p.envelope, secret) {
					t.Fatalf("a %s from %s to %s holds plain key material", p.kind, p.src, p.dst)
				}
			}
		}
		for _, p := range passed {
			e := decode(t, p.envelope)
			if e.Sealed == nil {
				continue
			}
			boxes += len(e.Sealed.Boxes)
			for region, s := range w.sites {
				if region == p.dst {
					continue
				}
				if _, err := openAny(s, e); err == nil {
					t.Errorf("%s opens what %s sealed to %s", region, p.src, p.dst)
				}
			}
			if plain, err := openAny(w.sites[p.dst], e); err != nil {
				t.Errorf("%s cannot open what was sealed to it: %v", p.dst, err)
			} else if len(plain) != 32 {
				t.Errorf("a material of %d bytes", len(plain))
			}
		}
		if boxes < 4 { // two materials to two Regions
			t.Errorf("%d boxes passed", boxes)
		}
	})
}

// openAny tries the first box of an envelope with a Region's ring, as if it were the destination.
func openAny(s *site, e *replication.Envelope) ([]byte, error) {
	b, err := replication.DecodeBody[replication.RecordBody](e.Body)
	if err != nil {
		return nil, err
	}
	opener, err := s.ring.OpenFrom(e.Sealed.Step, e.Sealed.Enc, canonical.Marshal([]any{e.Src, e.Dst, e.Sealed.Step}))
	if err != nil {
		return nil, err
	}
	box := e.Sealed.Boxes[0]
	return opener.Open(canonical.Marshal([]any{b.Record.Account, b.Record.KeyID, box.ID, b.Record.Version}), box.Ciphertext)
}

// TestOldEnvelopesAreHarmless sends everything that ever passed again, in any order, twice.
func TestOldEnvelopesAreHarmless(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		_, passed := history(w, w.listen())
		var before []string
		for _, region := range []string{east, west, south} {
			before = append(before, w.sites[region].dump())
		}
		random := rand.New(rand.NewPCG(1, 2))
		for range 2 {
			random.Shuffle(len(passed), func(i, j int) { passed[i], passed[j] = passed[j], passed[i] })
			for _, p := range passed {
				_, _ = w.sites[p.src].bus.Request(context.Background(), p.dst, p.kind, p.envelope)
			}
		}
		time.Sleep(time.Minute)
		for i, region := range []string{east, west, south} {
			if after := w.sites[region].dump(); after != before[i] {
				t.Errorf("%s was changed by old messages:\n%s\nnow\n%s", region, before[i], after)
			}
		}
	})
}

// TestForgeries sends variations of a good envelope, which must be refused without a trace in the
// log, and the good one, which must not.
func TestForgeries(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		time.Sleep(time.Second) // everybody has met
		w.sites[east].relay.Stop()
		ref := w.create(east)
		w.replicate(east, ref, west)
		good := forge(t, w, east, west, ref, nil)
		_, stranger, _ := ed25519.GenerateKey(nil)

		ask := func(kind replication.Kind, envelope []byte) *replication.AnswerBody {
			raw, err := w.sites[east].bus.Request(context.Background(), west, kind, envelope)
			if err != nil {
				t.Fatal(err)
			}
			a, err := replication.DecodeBody[replication.AnswerBody](decode(t, raw).Body)
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		before, logged := w.sites[west].dump(), w.sites[west].logged()
		bad := map[string][]byte{
			"empty":     {},
			"not CBOR":  []byte("hello"),
			"truncated": good[:len(good)-1],
			"trailing":  append(slices.Clone(good), 0),
			"a signature of nobody": forge(t, w, east, west, ref, func(e *replication.Envelope, _ *replication.RecordBody) func() {
				return func() { e.Signature = ed25519.Sign(stranger, []byte("x")) }
			}),
			"another cluster": forge(t, w, east, west, ref, func(e *replication.Envelope, _ *replication.RecordBody) func() {
				e.ClusterID = "another"
				return nil
			}),
			"for another Region": forge(t, w, east, west, ref, func(e *replication.Envelope, _ *replication.RecordBody) func() {
				e.Dst = south
				return nil
			}),
			"in another's name": forge(t, w, east, west, ref, func(e *replication.Envelope, _ *replication.RecordBody) func() {
				e.Src = south
				return nil
			}),
			"of another kind": forge(t, w, east, west, ref, func(e *replication.Envelope, _ *replication.RecordBody) func() {
				e.Kind = replication.KindStatus
				return nil
			}),
			"of a newer form": forge(t, w, east, west, ref, func(e *replication.Envelope, _ *replication.RecordBody) func() {
				e.Version = 2
				return nil
			}),
			"a record that was changed": forge(t, w, east, west, ref, func(_ *replication.Envelope, b *replication.RecordBody) func() {
				b.Record.Account = "444455556666"
				return nil
			}),
			"a record in south's name": forge(t, w, east, west, ref, func(_ *replication.Envelope, b *replication.RecordBody) func() {
				b.Record.Writer, b.Record.Primary = south, south
				b.Record.Members = append([]family.Member{{Region: south, Inc: b.Record.Version}}, b.Record.Members...)
				return nil
			}),
			"a record of another partition": forge(t, w, east, west, ref, func(_ *replication.Envelope, b *replication.RecordBody) func() {
				b.Record.Partition = "aws-cn"
				b.Signature = w.sites[east].ring.Sign("meridian/record/1", canonical.Marshal(&b.Record))
				return nil
			}),
			"a forged certificate": forge(t, w, east, west, ref, func(_ *replication.Envelope, b *replication.RecordBody) func() {
				b.Certificates = []family.Certificate{{Epoch: 2, From: south, To: west, Signature: make([]byte, ed25519.SignatureSize)}}
				return nil
			}),
			"a key id that is a path": forge(t, w, east, west, ref, func(_ *replication.Envelope, b *replication.RecordBody) func() {
				b.Record.KeyID = "../../etc"
				b.Signature = w.sites[east].ring.Sign("meridian/record/1", canonical.Marshal(&b.Record))
				return nil
			}),
		}
		for name, envelope := range bad {
			if a := ask(replication.KindRecord, envelope); a.Code != replication.CodeRefused {
				t.Errorf("%s: answered %d", name, a.Code)
			}
		}
		for i := range good { // every byte counts
			flipped := slices.Clone(good)
			flipped[i] ^= 1
			if a := ask(replication.KindRecord, flipped); a.Code != replication.CodeRefused {
				t.Errorf("byte %d: answered %d", i, a.Code)
			}
		}
		if a := ask(replication.KindStatus, good); a.Code != replication.CodeRefused {
			t.Errorf("on another subject: answered %d", a.Code)
		}
		if got := w.sites[west].dump(); got != before || w.sites[west].logged() != logged {
			t.Errorf("forgeries left traces: %s\nwas\n%s", got, before)
		}
		stats, poison := w.sites[west].relay.Stats(), w.sites[west].relay.Poison()
		if stats.Poison < uint64(len(bad)+len(good)) || len(poison) != 64 {
			t.Errorf("%d poisoned messages counted, %d remembered", stats.Poison, len(poison))
		}
		if a := ask(replication.KindRecord, good); a.Code != replication.CodeOK {
			t.Errorf("the good one: answered %d %s", a.Code, a.Reason)
		}
		if l := w.sites[west].family(ref); l.State != family.Creating {
			t.Errorf("without material west is %v", l.State)
		}
	})
}

// TestStatusInAnothersName: a Region speaks for its own member alone.
func TestStatusInAnothersName(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		ref := w.create(east)
		w.replicate(east, ref, west, south)
		w.within(time.Second, "converged", func() bool { return w.converged(ref, east, west, south) && w.idle() })
		before := w.sites[east].dump()
		status := family.StatusOf(south, w.sites[south].family(ref))
		status.SV, status.State, status.Held = status.SV+1, family.Deleted, nil
		body := &replication.StatusBody{Partition: "aws", Account: ref.Account, KeyID: ref.KeyID, Status: status}
		if a := w.say(west, east, replication.KindStatus, canonical.Marshal(body)); a.Code != replication.CodeRefused {
			t.Errorf("answered %+v", a)
		}
		if w.sites[east].dump() != before {
			t.Error("west has spoken for south")
		}
	})
}

// say sends what a Region signs, whatever it is.
func (w *world) say(src, dst string, kind replication.Kind, body []byte) *replication.AnswerBody {
	w.t.Helper()
	e := &replication.Envelope{Version: 1, ClusterID: cluster, Src: src, SrcLife: 1, Dst: dst, Kind: kind, Body: body}
	e.Signature = w.sites[src].ring.Sign("meridian/envelope/1", canonical.Marshal([]any{e.Version, e.ClusterID, e.Src, e.SrcLife, e.Dst, e.Kind, e.Body, nil}))
	raw, err := w.sites[src].bus.Request(context.Background(), dst, kind, replication.EncodeEnvelope(e))
	if err != nil {
		w.t.Fatal(err)
	}
	a, err := replication.DecodeBody[replication.AnswerBody](decode(w.t, raw).Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func recordsTo(tap *wire, dst string) (out []sent) {
	for _, p := range tap.all() {
		if p.dst == dst && p.kind == replication.KindRecord {
			out = append(out, p)
		}
	}
	return out
}

// forge makes an envelope with the record of ref. change may change it before it is signed, and
// return what is to be done after.
func forge(t *testing.T, w *world, src, dst string, ref keyengine.Ref, change func(*replication.Envelope, *replication.RecordBody) func()) []byte {
	t.Helper()
	ring := w.sites[src].ring
	rec := w.sites[src].family(ref).Record
	rec.Members = slices.Clone(rec.Members)
	body := &replication.RecordBody{Record: rec, Signature: ring.Sign("meridian/record/1", canonical.Marshal(&rec))}
	e := &replication.Envelope{Version: 1, ClusterID: cluster, Src: src, SrcLife: 1, Dst: dst, Kind: replication.KindRecord}
	after := func() {}
	if change != nil {
		if f := change(e, body); f != nil {
			after = f
		}
	}
	e.Body = canonical.Marshal(body)
	rest := canonical.Marshal([]any{e.Version, e.ClusterID, e.Src, e.SrcLife, e.Dst, e.Kind, e.Body, nil})
	e.Signature = ring.Sign("meridian/envelope/1", rest)
	after()
	return replication.EncodeEnvelope(e)
}

// liar is a bus that gives an old answer of the other Region instead of carrying the request, or
// one that it made itself.
type liar struct {
	replication.Bus
	mu     sync.Mutex
	answer func(kind replication.Kind) []byte // nil: carry
	last   map[replication.Kind][]byte
	lies   int
}

func (l *liar) Request(ctx context.Context, dst string, kind replication.Kind, envelope []byte) ([]byte, error) {
	l.mu.Lock()
	lie := l.answer
	if lie != nil {
		if a := lie(kind); a != nil {
			l.lies++
			l.mu.Unlock()
			return a, nil
		}
	}
	l.mu.Unlock()
	a, err := l.Bus.Request(ctx, dst, kind, envelope)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && dst == west {
		l.last[kind] = a
	}
	return a, err
}

// TestForgedAnswers: neither an old answer nor one of another's making ends the resending, and none
// makes a Region seal material to a key that is not the destination's.
func TestForgedAnswers(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		bus := &liar{Bus: w.sites[east].bus, last: make(map[replication.Kind][]byte)}
		w.restartOn(east, bus)
		old := w.create(east)
		w.replicate(east, old, west)
		w.within(2*time.Second, "converged", func() bool { return w.converged(old, east, west) && w.idle() })

		mallory := w.sites[south] // a Region that may speak, in its own name alone
		key, err := mallory.ring.SealingKey(0)
		if err != nil {
			t.Fatal(err)
		}
		reseal := canonical.Marshal(&replication.AnswerBody{Code: replication.CodeReseal, Key: &replication.KeyBody{Step: 9, Public: key}})
		lies := map[string]func(replication.Kind) []byte{
			"old answers": func(kind replication.Kind) []byte { return bus.last[kind] },
			"garbage":     func(replication.Kind) []byte { return []byte("ok") },
			"nothing":     func(replication.Kind) []byte { return []byte{} },
			"another's signature": func(replication.Kind) []byte {
				e := &replication.Envelope{Version: 1, ClusterID: cluster, Src: west, SrcLife: 1, Dst: east, Kind: "ans", Body: reseal}
				e.Signature = mallory.ring.Sign("meridian/envelope/1", canonical.Marshal([]any{e.Version, e.ClusterID, e.Src, e.SrcLife, e.Dst, e.Kind, e.Body, nil}))
				return replication.EncodeEnvelope(e)
			},
		}
		for name, lie := range lies {
			bus.mu.Lock()
			bus.lies, bus.answer = 0, lie
			bus.mu.Unlock()
			ref := w.create(east)
			w.replicate(east, ref, west)
			time.Sleep(10 * time.Second)
			if lag := w.sites[east].relay.Lag()[1]; lag.PendingKeys != 1 {
				t.Errorf("%s: pending %d", name, lag.PendingKeys)
			}
			bus.mu.Lock()
			if bus.lies == 0 {
				t.Errorf("%s: nobody was lied to", name)
			}
			bus.answer = nil
			bus.mu.Unlock()
			w.within(2*time.Minute, "converged after "+name+", and nothing owed", func() bool { return w.converged(ref, east, west) && w.idle() })
		}
		if w.sites[east].relay.Stats().Poison == 0 {
			t.Error("no lie was noticed")
		}
	})
}

// restartOn gives a Region's relay another bus.
func (w *world) restartOn(region string, bus replication.Bus) {
	s := w.sites[region]
	s.relay.Stop()
	var peers []replication.Peer
	for name, other := range w.sites {
		peers = append(peers, replication.Peer{Region: name, SigningKey: other.ring.Public().Signing})
	}
	s.bus = bus
	s.relay = w.newRelay(s, peers)
	w.lead(s)
}

// TestReseal lets the destination's sealing key move on while the sender knows the old one.
func TestReseal(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		time.Sleep(time.Second)
		ref := w.create(east)
		if err := w.sites[west].ring.AdvanceTo(5); err != nil {
			t.Fatal(err)
		}
		w.do(west, keyengine.AdvanceSealingKey{Step: 5})
		w.replicate(east, ref, west)
		w.within(time.Second, "converged", func() bool { return w.converged(ref, east, west) })
		if w.sites[west].relay.Stats().Resealed == 0 {
			t.Error("the old key opened")
		}
		w.sameSecrets(ref, east, west)
		next, before := w.create(east), w.sites[west].relay.Stats().Resealed
		w.replicate(east, next, west)
		w.within(time.Second, "the next one too", func() bool { return w.converged(next, east, west) })
		if after := w.sites[west].relay.Stats().Resealed; after != before {
			t.Error("the new key was not remembered")
		}
	})
}

func TestAnnouncedKeysArriveWithoutReseal(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		time.Sleep(time.Second)
		if err := w.sites[west].ring.AdvanceTo(5); err != nil {
			t.Fatal(err)
		}
		w.do(west, keyengine.AdvanceSealingKey{Step: 5})
		time.Sleep(10 * time.Second)
		ref := w.create(east)
		w.replicate(east, ref, west)
		w.within(time.Second, "converged", func() bool { return w.converged(ref, east, west) })
		if n := w.sites[west].relay.Stats().Resealed; n > 0 {
			t.Errorf("%d boxes did not open", n)
		}
	})
}

func TestLives(t *testing.T) {
	inWorld(t, whole, func(w *world) {
		tap := w.listen()
		seen := func(by, of string) (life uint64) {
			w.sites[by].View(func(v *keyengine.View) { life = v.Peer(of) })
			return life
		}
		w.within(time.Second, "everybody has met", func() bool { return seen(east, west) == 1 && seen(west, east) == 1 && seen(south, west) == 1 })
		ref := w.create(west)
		w.replicate(west, ref, east)
		w.within(time.Second, "converged", func() bool { return w.converged(ref, west, east) })
		record := recordsTo(tap, east)[0]
		w.sites[west].set(func(s *site) { s.life = 2 })
		w.within(10*time.Second, "the new life is known", func() bool { return seen(east, west) == 2 })
		raw, err := w.sites[west].bus.Request(context.Background(), east, replication.KindRecord, record.envelope)
		if err != nil {
			t.Fatal(err)
		}
		a, err := replication.DecodeBody[replication.AnswerBody](decode(t, raw).Body)
		if err != nil || a.Code != replication.CodeRefused || !strings.Contains(a.Reason, "life") {
			t.Errorf("a message of an earlier life: %+v, %v", a, err)
		}
	})
}

func TestTwoRelaysOfOneRegionCannotServe(t *testing.T) {
	inWorld(t, membus.Options{}, func(w *world) {
		if err := w.sites[east].relay.Start(2); err == nil {
			t.Error("a started relay started")
		}
	})
}
