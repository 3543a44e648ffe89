package region_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meridian/eventlog"
	"meridian/eventlog/memlog"
	"meridian/keyengine"
	"meridian/keyengine/keyring"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/primitive"
	"meridian/keyengine/primitive/builtin"
	"meridian/region"
	"meridian/region/forward"
	"meridian/region/keystore"
)

// world is one Region of three nodes on a modelled log.
type world struct {
	t     testing.TB
	group *memlog.Group
	nodes []*region.Region
	down  atomic.Bool // calls between nodes fail
	calls atomic.Int64
	skew  [3]atomic.Int64 // of the nodes' wall clocks, in ns
	lies  atomic.Int64    // how often node 1 still hears that it leads term 1
	made  atomic.Int64    // materials
	gate  chan struct{}   // if there is one, HMAC_224 is not made before it is closed
	// plant, if set, makes the material of keys.
	plant func(spec string) (primitive.Material, error)
}

// setting is where and of what a world is.
type setting struct {
	place   keyengine.Place
	regions []string // of the cluster
	logger  *slog.Logger
	plant   func(spec string) (primitive.Material, error)
	// ring, if set, is the key ring of node i, and save what puts it on a disk. Without, nodes share one.
	ring func(i int) *keyring.Ring
	save func(i int) error
	able func(context.Context) (uint32, error)
	// wrap, if set, puts something between a node and its log.
	wrap func(eventlog.Log) eventlog.Log
}

func (w *world) wall(i int) func() time.Time {
	return func() time.Time { return time.Now().Add(time.Duration(w.skew[i].Load())) }
}

var place = keyengine.Place{Partition: "aws", Region: "us-east-1"}

func newWorld(t testing.TB, skew ...time.Duration) *world {
	return newWorldIn(t, setting{place: place, regions: []string{place.Region}, logger: slog.New(slog.DiscardHandler)}, skew...)
}

// newWorldIn is newWorld elsewhere, or of other parts.
func newWorldIn(t testing.TB, in setting, skew ...time.Duration) *world {
	w := &world{t: t, plant: in.plant}
	place := in.place
	for i, d := range skew {
		w.skew[i].Store(int64(d))
	}
	ring, err := keyring.New("cluster", place.Region, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var stores []*keystore.Store
	var machines []eventlog.StateMachine
	behind := make([]atomic.Pointer[region.Region], 3)
	for i := range 3 {
		s, err := keystore.Open(keystore.Config{
			Dir: "state", FS: vfs.NewMem(), ClusterID: "cluster", Region: place.Region, Domain: region.Domain{Place: place},
			Fatal: func(err error) { t.Errorf("store %d: %v", i, err) },
			OnApply: func(c keystore.Change) {
				if r := behind[i].Load(); r != nil {
					r.Changed(c.Keys, c.At, c.All)
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		stores, machines = append(stores, s), append(machines, s)
	}
	w.group = memlog.New(machines...)
	for i := range 3 {
		ring, save := ring, func() error { return nil }
		if in.ring != nil {
			ring, save = in.ring(i), func() error { return in.save(i) }
		}
		log := w.log(i)
		if in.wrap != nil {
			log = in.wrap(log)
		}
		r := region.New(region.Config{
			Place: place, Regions: in.regions, Node: fmt.Sprintf("%s/%d", place.Region, i+1), Nodes: 3, OtherNodes: others(i),
			Store: keystore.Reads{Store: stores[i]}, Log: log, Ring: ring, SaveRing: save, Peers: w,
			Primitives: builtin.Set(), Generator: generator{w}, Random: rand.Reader, Wall: w.wall(i),
			Logger: in.logger, Able: in.able,
		})
		behind[i].Store(r)
		t.Cleanup(r.Close)
		w.nodes = append(w.nodes, r)
	}
	return w
}

// generator makes material for a world.
type generator struct{ w *world }

// Generate implements region.Generator.
func (g generator) Generate(ctx context.Context, spec string) (primitive.Material, error) {
	if g.w.gate != nil && spec == "HMAC_224" {
		select {
		case <-g.w.gate:
		case <-ctx.Done():
			return primitive.Material{}, ctx.Err()
		}
	}
	g.w.made.Add(1)
	if g.w.plant != nil {
		return g.w.plant(spec)
	}
	return builtin.Set().Generate(spec, rand.Reader)
}

// log is node i's part of the log. Node 1 may hear late that it was deposed, as a real node does whose
// goroutines have not run yet.
func (w *world) log(i int) eventlog.Log {
	if i == 0 {
		return late{w.group.Node(0), &w.lies}
	}
	return w.group.Node(i)
}

type late struct {
	*memlog.Log
	lies *atomic.Int64
}

func (l late) Leadership() eventlog.Leadership {
	if l.lies.Add(-1) >= 0 {
		return eventlog.Leadership{Leader: true, Term: 1, ID: "n1", Addr: "n1"}
	}
	return l.Log.Leadership()
}

// others are the addresses of the nodes that are not node i.
func others(i int) (addrs []string) {
	for j, addr := range []string{"n1", "n2", "n3"} {
		if j != i {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

// lead has node i lead, and waits until every node that can hear it is ready.
func (w *world) lead(i int) {
	w.group.Elect(i)
	for _, r := range w.nodes {
		until(w.t.Context(), r.Ready)
	}
}

// until looks every millisecond until done, or ctx ends.
func until(ctx context.Context, done func() bool) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// keepElecting elects a random node whenever nobody leads.
func (w *world) keepElecting(ctx context.Context, source *mathrand.Rand) {
	until(ctx, func() bool {
		if w.group.Leader() < 0 {
			w.group.Elect(source.IntN(3))
		}
		return false
	})
}

// call makes a call at node i as the account root.
func (w *world) call(i int, operation string, invocation string, body string) (any, *kmsapi.Call, error) {
	call := &kmsapi.Call{
		RequestID: "r-" + strconv.FormatInt(w.calls.Add(1), 10), InvocationID: invocation,
		Caller: kmsapi.Principal{Account: "000000000000", ARN: "arn:aws:iam::000000000000:root", AccessKeyID: "test"},
		Raw:    kmsapi.Raw{Header: map[string][]string{"X-Operation": {operation}, "X-Invocation": {invocation}}, Body: []byte(body)},
	}
	out, err := w.dispatch(context.Background(), i, operation, call)
	return out, call, err
}

// callAt is call at a level of consistency.
func (w *world) callAt(i int, operation, level, body string) (any, *kmsapi.Call, error) {
	call := &kmsapi.Call{
		RequestID: "r-" + strconv.FormatInt(w.calls.Add(1), 10), Consistency: level,
		Caller: kmsapi.Principal{Account: "000000000000", ARN: "arn:aws:iam::000000000000:root", AccessKeyID: "test"},
		Raw:    kmsapi.Raw{Header: map[string][]string{"X-Operation": {operation}, "X-Level": {level}}, Body: []byte(body)},
	}
	out, err := w.dispatch(context.Background(), i, operation, call)
	return out, call, err
}

func (w *world) dispatch(ctx context.Context, i int, operation string, call *kmsapi.Call) (any, error) {
	op, ok := kmsapi.Lookup(operation)
	if !ok {
		return nil, fmt.Errorf("no operation %s", operation)
	}
	in := op.New()
	if err := in.UnmarshalJSON(call.Raw.Body); err != nil {
		return nil, err
	}
	if err := in.Validate(); err != nil {
		return nil, err
	}
	return w.nodes[i].Dispatch(ctx, op, call, in)
}

// do is call for a call that must work, decoded into out.
func (w *world) do(i int, operation, body string, out any) {
	w.t.Helper()
	got, _, err := w.call(i, operation, "", body)
	if err != nil {
		w.t.Fatalf("%s at node %d: %v", operation, i+1, err)
	}
	if out != nil {
		decode(w.t, got, out)
	}
}

// decode reads an answer: a structure, or JSON where it came from the leader.
func decode(t testing.TB, answer, into any) {
	t.Helper()
	b, err := json.Marshal(answer)
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

var errDown = errors.New("the network is down")

// Forward implements region.Peers.
func (w *world) Forward(_ context.Context, addr string, c forward.Call) (*forward.Answer, error) {
	if w.down.Load() {
		return nil, errDown
	}
	call := &kmsapi.Call{
		RequestID: c.RequestID, InvocationID: c.Header.Get("X-Invocation"), Forwarded: true, Consistency: c.Header.Get("X-Level"),
		Caller: kmsapi.Principal{Account: "000000000000", ARN: "arn:aws:iam::000000000000:root", AccessKeyID: "test"},
		Raw:    kmsapi.Raw{Header: c.Header, Body: c.Body},
	}
	out, err := w.dispatch(context.Background(), w.index(addr), c.Header.Get("X-Operation"), call)
	a := &forward.Answer{Status: http.StatusOK, Header: http.Header{}}
	for k, v := range call.Reply {
		a.Header.Set(k, v)
	}
	var fault *kmsapi.Fault
	switch {
	case errors.As(err, &fault):
		a.Status = fault.StatusCode()
		a.Body, err = json.Marshal(map[string]string{"__type": fault.Code, "message": fault.Message})
	case err == nil && out != nil:
		a.Body, err = json.Marshal(out)
	}
	return a, err
}

// Position implements region.Peers.
func (w *world) Position(ctx context.Context, addr string) (forward.Position, error) {
	if w.down.Load() {
		return forward.Position{}, errDown
	}
	return w.nodes[w.index(addr)].Position(ctx)
}

// Clock implements region.Peers.
func (w *world) Clock(_ context.Context, addr string) (int64, error) {
	if w.down.Load() {
		return 0, errDown
	}
	return w.nodes[w.index(addr)].WallClock(), nil
}

// ReportUses implements region.Peers.
func (w *world) ReportUses(ctx context.Context, addr string, uses []keyengine.Use) error {
	if w.down.Load() {
		return errDown
	}
	return w.nodes[w.index(addr)].RecordUses(ctx, uses)
}

// index is the node at an address of the modelled log: n1, n2, n3.
func (w *world) index(addr string) int { return int(addr[1] - '1') }
