package region

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"meridian/eventlog"
	"meridian/keyengine"
	"meridian/keyengine/kmsapi"
)

// dedupKey is the key under which a repeat of the call finds the first reply. It is scoped by the
// caller and the body: the header amz-sdk-invocation-id that identifies a retry is not signed.
func dedupKey(call *kmsapi.Call, operation string) []byte {
	id := call.InvocationID
	if id == "" {
		id = call.RequestID // of the node that the call entered by
	}
	h := sha256.New()
	for _, part := range []string{call.Caller.Account, call.Caller.AccessKeyID, operation, id, string(call.BodyHash[:])} {
		var size [4]byte
		binary.BigEndian.PutUint32(size[:], uint32(len(part)))
		h.Write(size[:])
		h.Write([]byte(part))
	}
	return h.Sum(nil)
}

// decider is the proposer of the present term; eventlog.ErrNotLeader if this node does not lead.
func (r *Region) decider() (*proposer, error) {
	if r.still {
		return r.deciderInPlace()
	}
	if p := r.proposer.Load(); p != nil {
		return p, nil
	}
	return nil, eventlog.ErrNotLeader
}

// decide carries a caller's command through the log and returns the decision's reply.
func decide[Reply any](ctx context.Context, r *Region, p *proposer, call *kmsapi.Call, c keyengine.Command, secrets ...eventlog.Secret) (*Reply, error) {
	reply, _, err := decideAt[Reply](ctx, r, p, call, c, secrets...)
	return reply, err
}

// decideAt is decide for who needs to know by which record the reply is true.
func decideAt[Reply any](ctx context.Context, r *Region, p *proposer, call *kmsapi.Call, c keyengine.Command, secrets ...eventlog.Secret) (reply *Reply, seq uint64, err error) {
	o := p.submit(ctx, &proposal{
		dedup: dedupKey(call, c.Operation()), command: c, secrets: secrets,
		facts: keyengine.Facts{
			RequestID: call.RequestID, Caller: call.Caller, HandoffTimeout: r.handoffTimeout(), Regions: r.Regions,
			Asker: r.askerOf(call),
		},
	})
	if o.err != nil {
		return nil, 0, o.err
	}
	seq = max(o.seq, r.Store.Applied().Seq)
	r.setSession(call, seq)
	switch reply := o.reply.(type) {
	case nil:
		return nil, seq, nil
	case *Reply:
		return reply, seq, nil
	case json.RawMessage: // remembered from an earlier attempt
		v := new(Reply)
		if err := json.Unmarshal(reply, v); err != nil {
			return nil, 0, fmt.Errorf("remembered reply of %s: %w", c.Operation(), err)
		}
		return v, seq, nil
	default:
		return nil, 0, fmt.Errorf("reply of %s is a %T", c.Operation(), reply)
	}
}

// simple is decide for a command that needs no fact but the caller.
func simple[Reply any](ctx context.Context, r *Region, call *kmsapi.Call, c keyengine.Command) (*Reply, error) {
	p, err := r.decider()
	if err != nil {
		return nil, err
	}
	return decide[Reply](ctx, r, p, call, c)
}

// silent is simple for an operation without output.
func silent(ctx context.Context, r *Region, call *kmsapi.Call, c keyengine.Command) error {
	_, err := simple[struct{}](ctx, r, call, c)
	return err
}
