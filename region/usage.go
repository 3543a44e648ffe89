package region

import (
	"context"
	"sync"
	"time"

	"meridian/keyengine"
	"meridian/keyengine/arn"
	"meridian/keyengine/kmsapi"
)

// How a node reports the use of keys. What it has noted and not reported is lost with it.
const (
	reportEvery   = 2 * time.Second
	reportTimeout = 2 * time.Second // for one command's worth of uses
	maxNoted      = 16_384          // keys; uses of others are not noted before the next report
)

// useNotes holds the newest use of each key that this node has seen and not reported.
type useNotes struct {
	mu     sync.Mutex
	newest map[keyengine.Ref]keyengine.Use
}

func (n *useNotes) note(u keyengine.Use) {
	n.mu.Lock()
	defer n.mu.Unlock()
	known, ok := n.newest[u.Ref()]
	switch {
	case ok && known.At > u.At, !ok && len(n.newest) >= maxNoted:
		return
	case n.newest == nil:
		n.newest = map[keyengine.Ref]keyengine.Use{}
	}
	n.newest[u.Ref()] = u
}

// take returns what is noted and forgets it.
func (n *useNotes) take() []keyengine.Use {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []keyengine.Use
	for _, u := range n.newest {
		all = append(all, u)
	}
	clear(n.newest)
	return all
}

// noteUses notes that a call which is answered with out has used keys. It is the only way to a use: a
// call that fails and one that is answered elsewhere do not come here with an answer of cryptography.
func (r *Region) noteUses(call *kmsapi.Call, operation string, out any) {
	var at int64
	for _, key := range usedKeys(out) {
		if key == nil {
			continue
		}
		name, err := arn.Parse(*key)
		if err != nil {
			continue
		}
		if at == 0 {
			at = r.Now()
		}
		r.useNotes.note(keyengine.Use{
			Account: name.Account, KeyID: name.ID, Operation: operation, At: at, RequestID: call.RequestID,
		})
	}
}

// usedKeys returns the ARNs of the keys that an answer tells the use of.
func usedKeys(out any) (keys [2]*string) {
	switch out := out.(type) {
	case *kmsapi.EncryptResponse:
		keys[0] = out.KeyId
	case *kmsapi.DecryptResponse:
		keys[0] = out.KeyId
	case *kmsapi.ReEncryptResponse:
		keys[0], keys[1] = out.SourceKeyId, out.KeyId
	case *kmsapi.GenerateDataKeyResponse:
		keys[0] = out.KeyId
	case *kmsapi.GenerateDataKeyWithoutPlaintextResponse:
		keys[0] = out.KeyId
	case *kmsapi.GenerateDataKeyPairResponse:
		keys[0] = out.KeyId
	case *kmsapi.GenerateDataKeyPairWithoutPlaintextResponse:
		keys[0] = out.KeyId
	case *kmsapi.SignResponse:
		keys[0] = out.KeyId
	case *kmsapi.VerifyResponse:
		keys[0] = out.KeyId
	case *kmsapi.GenerateMacResponse:
		keys[0] = out.KeyId
	case *kmsapi.VerifyMacResponse:
		keys[0] = out.KeyId
	case *kmsapi.DeriveSharedSecretResponse:
		keys[0] = out.KeyId
	}
	return keys
}

// reportUses brings what is noted to the leader; what does not get there is noted again.
func (r *Region) reportUses(ctx context.Context) {
	noted := r.useNotes.take()
	for len(noted) > 0 {
		n := min(len(noted), keyengine.MaxUses)
		if err := r.report(ctx, noted[:n]); err != nil {
			r.Logger.Debug("uses of keys are not reported yet", "keys", len(noted), "err", err)
			for _, u := range noted {
				r.useNotes.note(u)
			}
			return
		}
		noted = noted[n:]
	}
}

func (r *Region) report(ctx context.Context, uses []keyengine.Use) error {
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	l := r.Log.Leadership()
	switch {
	case l.Leader:
		return r.RecordUses(ctx, uses)
	case l.Addr == "":
		return errNoLeader
	}
	return r.Peers.ReportUses(ctx, l.Addr, uses)
}

// RecordUses implements forward.Peer: it records what a node reports, if this node leads. A report
// that is made twice, because its outcome was unknown, changes nothing.
func (r *Region) RecordUses(ctx context.Context, uses []keyengine.Use) error {
	p, err := r.decider()
	if err != nil {
		return err
	}
	return r.decideOwn(ctx, p, keyengine.RecordUse{Uses: uses}, nil)
}
