package region

import (
	"context"
	"errors"

	"meridian/eventlog"
	"meridian/keyengine"
	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
	"meridian/replication"
)

// ReplicateKey implements kmsapi.Service. The other Region is asked first, for a second at most, so
// that a definite no reaches the caller; what it cannot say in time it says when the record arrives.
func (r *Region) ReplicateKey(ctx context.Context, call *kmsapi.Call, in *kmsapi.ReplicateKeyRequest) (*kmsapi.ReplicateKeyResponse, error) {
	p, err := r.decider()
	if err != nil {
		return nil, err
	}
	traveller, err := r.travelling(call)
	if err != nil {
		return nil, err
	}
	command := keyengine.ReplicateKey{Request: in, Caller: traveller}
	pre := replication.Pre{Operation: replication.PreReplicate, Init: replicaInit(call, in)}
	pre.Init.Caller = traveller
	if err := r.consent(ctx, call, command, *in.KeyId, *in.ReplicaRegion, pre); err != nil {
		return nil, err
	}
	return decide[kmsapi.ReplicateKeyResponse](ctx, r, p, call, command)
}

// replicaInit is what the call gives the new replica for its own.
func replicaInit(call *kmsapi.Call, in *kmsapi.ReplicateKeyRequest) family.Init {
	init := family.Init{By: call.Caller.ARN, BypassSafety: in.BypassPolicyLockoutSafetyCheck != nil && *in.BypassPolicyLockoutSafetyCheck}
	if in.Policy != nil {
		init.Policy = *in.Policy
	}
	for _, t := range in.Tags {
		init.Tags = append(init.Tags, family.Tag{Key: *t.TagKey, Value: *t.TagValue})
	}
	return init
}

// UpdatePrimaryRegion implements kmsapi.Service. It returns when the hand-off has begun. What the other Region cannot say
// in time it decides when the record arrives: until then the role does not move, and a no takes the hand-off back.
func (r *Region) UpdatePrimaryRegion(ctx context.Context, call *kmsapi.Call, in *kmsapi.UpdatePrimaryRegionRequest) error {
	p, err := r.decider()
	if err != nil {
		return err
	}
	traveller, err := r.travelling(call)
	if err != nil {
		return err
	}
	command := keyengine.UpdatePrimaryRegion{Request: in, Caller: traveller}
	pre := replication.Pre{Operation: replication.PreUpdatePrimary, Init: family.Init{By: call.Caller.ARN, Caller: traveller}}
	if err := r.consent(ctx, call, command, *in.KeyId, *in.PrimaryRegion, pre); err != nil {
		return err
	}
	_, err = decide[struct{}](ctx, r, p, call, command)
	return err
}

// consent asks the Region dst whether it would refuse what command is about to begin. A repeat of what
// was carried out is not asked about. What this Region refuses now is refused here: a moment later its
// decision could be another, and nobody would have asked the other Region.
func (r *Region) consent(ctx context.Context, call *kmsapi.Call, command keyengine.Command, keyID, dst string, pre replication.Pre) error {
	if r.relay == nil {
		return nil
	}
	view, facts := r.view(), r.facts(call)
	if _, _, repeated := view.Remembered(dedupKey(call, command.Operation())); repeated {
		return nil
	}
	ref, spec, err := view.Resolve(facts, command.Operation(), keyID)
	if err == nil {
		_, err = keyengine.Decide(view, facts, command)
	}
	if err != nil {
		if _, deposed := r.Position(ctx); deposed != nil { // it may be behind, and its no would be final
			return deposed
		}
		return err
	}
	pre.Partition, pre.Account, pre.KeyID, pre.Spec = r.Place.Partition, ref.Account, ref.KeyID, spec
	if l, ok := view.Family(ref); ok {
		pre.Usage, pre.Origin = l.Record.Usage, l.Record.Origin
	}
	if fault := r.relay.Precheck(ctx, dst, pre); fault != nil {
		return fault
	}
	return nil
}

// forRelay is the Region as its relay sees it.
type forRelay struct{ *Region }

var _ replication.Region = forRelay{}

// View implements replication.Region.
func (f forRelay) View(read func(*keyengine.View)) { f.snapshot(read) }

// Propose implements replication.Region.
func (f forRelay) Propose(ctx context.Context, c keyengine.Command, secrets []eventlog.Secret) error {
	p, err := f.decider()
	if err != nil {
		return err
	}
	return f.decideOwn(ctx, p, c, secrets)
}

// NextLeaf implements replication.Region. Where this node does not lead any more, the leaf is one
// that no record can use: Propose will fail.
func (f forRelay) NextLeaf() uint64 {
	if p, err := f.decider(); err == nil {
		return p.nextLeaf()
	}
	return 0
}

// Precheck implements replication.Region.
func (f forRelay) Precheck(ctx context.Context, pre replication.Pre) (fault *kmsapi.Fault) {
	ref := keyengine.Ref{Account: pre.Account, KeyID: pre.KeyID}
	facts := f.ownFacts()
	facts.Now = f.Now()
	if fault = f.cameFrom(pre, &facts); fault == nil {
		f.snapshot(func(v *keyengine.View) { fault = judge(v, facts, ref, pre) })
	}
	if fault != nil {
		// A deposed leader may be behind, and its no would be final: then it says nothing.
		if _, err := f.Position(ctx); err != nil {
			return nil
		}
	}
	return fault
}

// judge says whether this Region would do what another asks for: who may, then what can be.
func judge(v *keyengine.View, f keyengine.Facts, ref keyengine.Ref, pre replication.Pre) *kmsapi.Fault {
	var fault *kmsapi.Fault
	switch pre.Operation {
	case replication.PreReplicate:
		kind := keyengine.Kind{Spec: pre.Spec, Usage: pre.Usage, Origin: pre.Origin}
		if err := v.AuthorizeReplica(f, ref, kind, pre.Init); errors.As(err, &fault) {
			return fault
		}
		return v.PrecheckReplica(ref, pre.Init)
	case replication.PreUpdatePrimary:
		if err := v.AuthorizePrimary(f, ref); errors.As(err, &fault) {
			return fault
		}
		if pre.Arrived { // whether the key is fit the family says itself, in the log's order
			return nil
		}
		return v.PrecheckPrimary(ref)
	}
	return nil
}

// Life implements replication.Region.
func (f forRelay) Life() uint64 { return f.life() }

// Outlived implements replication.Region.
func (f forRelay) Outlived(ctx context.Context, remembered uint64) error {
	return f.outlived(ctx, remembered)
}
