package region

import (
	"context"
	"hash/fnv"
	"math/rand/v2"
	"sync"

	"meridian/keyengine/kmsapi"
	"meridian/region/forward"
)

// flaps draws the nodes that answer flapping reads: the same ones for the same seed, node and order of reads.
type flaps struct {
	mu   sync.Mutex
	seed uint64
	rand *rand.Rand
}

// draw returns a number below n.
func (f *flaps) draw(seed uint64, node string, n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.rand == nil || f.seed != seed {
		h := fnv.New64a()
		h.Write([]byte(node)) // never fails, says its documentation
		f.seed, f.rand = seed, rand.New(rand.NewPCG(seed, h.Sum64()))
	}
	return f.rand.IntN(n)
}

// flap has a random node of the Region answer a read from whatever it has applied: what one read showed the next one
// may not show yet. A node that does not answer leaves the read to this one.
func (r *Region) flap(ctx context.Context, seed uint64, op *kmsapi.Operation, call *kmsapi.Call, in kmsapi.Input) (any, error) {
	others := r.around.Load().Others
	i := r.flaps.draw(seed, r.Node, len(others)+1)
	if i == len(others) {
		return r.here(ctx, op, call, in)
	}
	asking, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	a, err := r.Peers.Forward(asking, others[i], forward.Call{
		Host: call.Raw.Host, Query: call.Raw.Query, Header: call.Raw.Header, Body: call.Raw.Body, RequestID: call.RequestID,
	})
	if err != nil {
		return r.here(ctx, op, call, in)
	}
	return answered(call, a)
}
