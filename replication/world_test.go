package replication_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"meridian/eventlog"
	"meridian/eventlog/codec"
	"meridian/keyengine"
	"meridian/keyengine/arn"
	"meridian/keyengine/canonical"
	"meridian/keyengine/family"
	"meridian/keyengine/keyring"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/primitive"
	"meridian/keyengine/rows"
	"meridian/replication"
	"meridian/replication/membus"
)

const (
	cluster = "6e0d6a58-3f8a-4f4e-9a51-0d1f3c0f4b11"
	account = "111122223333"
	caller  = "arn:aws:iam::111122223333:root"

	east  = "us-east-1"
	west  = "eu-west-1"
	south = "ap-southeast-2"
)

// site is a Region whose log is a lock and whose store is memory: what it appends is applied.
type site struct {
	place keyengine.Place
	ring  *keyring.Ring
	bus   replication.Bus
	relay *replication.Relay

	mu         sync.Mutex
	rows       rows.Memory
	leaf       uint64
	life       uint64
	ahead      time.Duration // of Region time
	records    int           // in the log
	refuse     *kmsapi.Fault // given to every Precheck
	proposeErr error
}

var _ replication.Region = (*site)(nil)

func (s *site) View(f func(*keyengine.View)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(keyengine.NewView(&s.rows, s.place))
}

func (s *site) Propose(ctx context.Context, c keyengine.Command, secrets []eventlog.Secret) error {
	time.Sleep(time.Millisecond) // the log takes its time
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := s.decide(c, secrets)
	return err
}

func (s *site) decide(c keyengine.Command, secrets []eventlog.Secret) (any, error) {
	changed := make(map[keyengine.Ref]bool)
	d, err := s.append(c, secrets, changed)
	if err != nil {
		return nil, err
	}
	s.relay.Changed(s.Now(), slices.Collect(maps.Keys(changed))...)
	return d.Reply, nil
}

func (s *site) append(c keyengine.Command, secrets []eventlog.Secret, changed map[keyengine.Ref]bool) (keyengine.Decision, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proposeErr != nil {
		return keyengine.Decision{}, s.proposeErr
	}
	facts := keyengine.Facts{
		Now: time.Now().Add(s.ahead).UnixMilli(), RequestID: "r", HandoffTimeout: 30_000,
		Caller: kmsapi.Principal{Account: account, ARN: caller}, Regions: []string{east, west, south},
	}
	d, err := keyengine.Decide(keyengine.NewView(&s.rows, s.place), facts, c)
	if err != nil {
		return d, err
	}
	if level := keyengine.NewView(&s.rows, s.place).Level(); slices.ContainsFunc(d.Events, func(e keyengine.Event) bool { return codec.Level(codec.Encode(e)) > level }) {
		return keyengine.Decision{}, kmsapi.Errorf(kmsapi.KMSInternalException, "it needs a feature level that %s does not have", s.place.Region) // as the proposer says
	}
	for _, e := range d.Events {
		keyengine.Evolve(&s.rows, s.place, e)
		if e, ok := e.(keyengine.FamilyEvent); ok {
			changed[e.Ref] = true
		}
	}
	for _, secret := range secrets {
		if id := family.MaterialID(secret.ID); slices.Contains(d.Materials, id) {
			s.rows.Put(keyengine.SecretKey(id), canonical.Marshal(keyengine.SecretRow{Leaf: secret.Leaf, Wrapped: secret.Wrapped}))
		}
	}
	if len(d.Events) > 0 {
		s.records++
	}
	return d, nil
}

func (s *site) NextLeaf() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaf++
	return s.leaf
}

func (s *site) Precheck(context.Context, replication.Pre) *kmsapi.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refuse
}

func (s *site) Now() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.ahead).UnixMilli()
}

func (s *site) Life() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(s.life, keyengine.NewView(&s.rows, s.place).Life())
}

func (s *site) Outlived(ctx context.Context, remembered uint64) error {
	return s.Propose(ctx, keyengine.BeginLife{Life: remembered + 1}, nil)
}

// backup returns the rows as they are; rebirth goes back to them and begins a new life.
func (s *site) backup() (kept rows.Memory) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, v := range s.rows.Scan(nil, nil) {
		kept.Put(bytes.Clone(k), bytes.Clone(v))
	}
	return kept
}

func (w *world) rebirth(region string, kept rows.Memory, life uint64) {
	s := w.sites[region]
	s.relay.Stop()
	s.set(func(s *site) { s.rows = kept })
	w.do(region, keyengine.BeginLife{Life: life})
	w.lead(s)
}

func (s *site) set(change func(*site)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *site) logged() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records
}

func (s *site) family(ref keyengine.Ref) *family.Local {
	out := new(family.Local)
	s.View(func(v *keyengine.View) {
		if l, ok := v.Family(ref); ok {
			out = l
		}
	})
	return out
}

// families is every row f/, c/, k/ as text, to compare states.
func (s *site) dump() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b bytes.Buffer
	for _, prefix := range []string{"k/", "f/", "c/", "m/", "o/", "t/"} {
		for k, v := range s.rows.Scan([]byte(prefix), nil) {
			fmt.Fprintf(&b, "%q=%x\n", k, v)
		}
	}
	return b.String()
}

// plain is a material's secret as this Region holds it.
func (s *site) plain(t *testing.T, ref keyengine.Ref, id family.MaterialID) []byte {
	t.Helper()
	var leaf uint64
	var wrapped []byte
	var ok bool
	s.View(func(v *keyengine.View) { leaf, wrapped, ok = v.Secret(id) })
	if !ok {
		t.Fatalf("%s does not hold %v", s.place.Region, id)
	}
	m, err := s.ring.Unwrap(leaf, keyring.Binding{
		Partition: s.place.Partition, Account: ref.Account, KeyID: ref.KeyID, ID: id, Spec: "SYMMETRIC_DEFAULT",
	}, wrapped)
	if err != nil {
		t.Fatalf("%s: unwrap %v: %v", s.place.Region, id, err)
	}
	return m.Bytes()
}

// material makes key material as a Region's service does.
func (s *site) material(t *testing.T, ref keyengine.Ref) (keyengine.NewMaterial, []eventlog.Secret) {
	t.Helper()
	m, err := primitive.ReadMaterial(rand.Reader, 32)
	if err != nil {
		t.Fatal(err)
	}
	var random [32]byte
	_, _ = rand.Read(random[:])
	id := keyring.MaterialID(keyring.OriginAWSKMS, ref.KeyID, random[:])
	leaf := s.NextLeaf()
	wrapped, err := s.ring.Wrap(rand.Reader, leaf, keyring.Binding{
		Partition: s.place.Partition, Account: ref.Account, KeyID: ref.KeyID, ID: id, Spec: "SYMMETRIC_DEFAULT",
	}, m)
	if err != nil {
		t.Fatal(err)
	}
	return keyengine.NewMaterial{ID: id, Leaf: leaf}, []eventlog.Secret{{ID: id, Leaf: leaf, Wrapped: wrapped}}
}

// world is three Regions on one bus.
type world struct {
	t       *testing.T
	network *membus.Network
	dial    *replication.Dial
	sites   map[string]*site
}

// inWorld runs a story in a bubble, whose time is free.
func inWorld(t *testing.T, o membus.Options, story func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, network: membus.New(o), dial: new(replication.Dial), sites: make(map[string]*site)}
		var peers []replication.Peer
		for _, region := range []string{east, west, south} {
			ring, err := keyring.New(cluster, region, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			w.sites[region] = &site{
				place: keyengine.Place{Partition: "aws", Region: region}, ring: ring, bus: w.network.Join(region), life: 1,
			}
			peers = append(peers, replication.Peer{Region: region, SigningKey: ring.Public().Signing})
		}
		for _, s := range w.sites {
			s.relay = w.newRelay(s, peers)
		}
		for _, s := range w.sites {
			w.lead(s)
		}
		defer w.network.Close()
		defer func() {
			for _, s := range w.sites {
				s.relay.Stop()
			}
		}()
		story(w)
	})
}

func (w *world) newRelay(s *site, peers []replication.Peer) *replication.Relay {
	return replication.New(replication.Config{
		Place: s.place, ClusterID: cluster, Peers: peers, Region: s, Ring: s.ring, Bus: s.bus, Dial: w.dial,
	})
}

func (w *world) lead(s *site) {
	w.t.Helper()
	if err := s.relay.Start(1); err != nil {
		w.t.Fatal(err)
	}
}

// create makes a multi-Region key.
func (w *world) create(region string) keyengine.Ref {
	w.t.Helper()
	var u [16]byte
	_, _ = rand.Read(u[:])
	ref := keyengine.Ref{Account: account, KeyID: arn.NewKeyID(u, true)}
	s := w.sites[region]
	m, secrets := s.material(w.t, ref)
	w.do(region, keyengine.CreateKey{Request: &kmsapi.CreateKeyRequest{MultiRegion: new(true)}, KeyID: ref.KeyID, Material: m}, secrets...)
	return ref
}

func (w *world) do(region string, c keyengine.Command, secrets ...eventlog.Secret) {
	w.t.Helper()
	if _, err := w.sites[region].decide(c, secrets); err != nil {
		w.t.Fatalf("%s in %s: %v", c.Operation(), region, err)
	}
}

func (w *world) replicate(from string, ref keyengine.Ref, to ...string) {
	w.t.Helper()
	for _, region := range to {
		w.do(from, keyengine.ReplicateKey{Request: &kmsapi.ReplicateKeyRequest{KeyId: &ref.KeyID, ReplicaRegion: new(region)}})
	}
}

func (w *world) handOff(from string, ref keyengine.Ref, to string) {
	w.t.Helper()
	w.do(from, keyengine.UpdatePrimaryRegion{Request: &kmsapi.UpdatePrimaryRegionRequest{KeyId: &ref.KeyID, PrimaryRegion: new(to)}})
}

func (w *world) rotate(region string, ref keyengine.Ref) family.MaterialID {
	w.t.Helper()
	m, secrets := w.sites[region].material(w.t, ref)
	w.do(region, keyengine.RotateKeyOnDemand{Request: &kmsapi.RotateKeyOnDemandRequest{KeyId: &ref.KeyID}, Material: m}, secrets...)
	return m.ID
}

// within lets at most d pass until the condition holds.
func (w *world) within(d time.Duration, what string, holds func() bool) time.Duration {
	w.t.Helper()
	begin := time.Now()
	for !holds() {
		if time.Since(begin) > d {
			w.t.Fatalf("not within %v: %s\n%s", d, what, w.describe())
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(begin)
}

func (w *world) describe() string {
	var b bytes.Buffer
	for _, region := range slices.Sorted(maps.Keys(w.sites)) {
		s := w.sites[region]
		fmt.Fprintf(&b, "%s lag %+v stats %+v\n", region, s.relay.Lag(), s.relay.Stats())
		for _, p := range s.relay.Poison() {
			fmt.Fprintf(&b, "  poison %s %s: %s\n", p.Src, p.Kind, p.Reason)
		}
		s.View(func(v *keyengine.View) {
			for ref, l := range v.Families() {
				fmt.Fprintf(&b, "  %s %v updating=%v primary=%s version=%v held=%d of %d sv=%d\n",
					ref.KeyID, l.State, l.Updating, l.Record.Primary, l.Record.Version, len(l.Held), len(l.Record.Materials), l.SV)
			}
		})
	}
	return b.String()
}

// converged reports whether all members of the family agree, and the primary knows it.
func (w *world) converged(ref keyengine.Ref, members ...string) bool {
	first := w.sites[members[0]].family(ref)
	for _, region := range members {
		l := w.sites[region].family(ref)
		if l.State != family.Enabled || l.Updating || l.Record.Version != first.Record.Version || len(l.Held) != len(l.Record.Materials) {
			return false
		}
		if region == l.Record.Primary && len(family.Obligations(region, l)) > 0 {
			return false
		}
	}
	return first.Record.Pending.IsZero() && first.Record.Handoff == nil
}

// idle reports whether no Region has anything left to send.
func (w *world) idle() bool {
	for _, s := range w.sites {
		for _, lag := range s.relay.Lag() {
			if lag.PendingKeys > 0 {
				return false
			}
		}
	}
	return true
}

// sameSecrets checks that every member holds the same material under its own wrapping.
func (w *world) sameSecrets(ref keyengine.Ref, members ...string) {
	w.t.Helper()
	first := w.sites[members[0]]
	for _, m := range first.family(ref).Record.Materials {
		want := first.plain(w.t, ref, m.ID)
		for _, region := range members[1:] {
			if !bytes.Equal(want, w.sites[region].plain(w.t, ref, m.ID)) {
				w.t.Errorf("%s holds another secret under %v", region, m.ID)
			}
		}
	}
}
