package region

import (
	"context"

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
	command := keyengine.ReplicateKey{Request: in}
	pre := replication.Pre{Operation: replication.PreReplicate, Init: replicaInit(call, in)}
	if err := r.consent(ctx, call, command, *in.KeyId, *in.ReplicaRegion, pre); err != nil {
		return nil, err
	}
	return decide[kmsapi.ReplicateKeyResponse](ctx, r, p, call, command)
}

// replicaInit is what the call gives the new replica for its own.
func replicaInit(call *kmsapi.Call, in *kmsapi.ReplicateKeyRequest) family.Init {
	init := family.Init{By: call.Caller.ARN}
	if in.Policy != nil {
		init.Policy = *in.Policy
	}
	for _, t := range in.Tags {
		init.Tags = append(init.Tags, family.Tag{Key: *t.TagKey, Value: *t.TagValue})
	}
	return init
}

// UpdatePrimaryRegion implements kmsapi.Service. It returns when the hand-off has begun.
func (r *Region) UpdatePrimaryRegion(ctx context.Context, call *kmsapi.Call, in *kmsapi.UpdatePrimaryRegionRequest) error {
	p, err := r.decider()
	if err != nil {
		return err
	}
	command := keyengine.UpdatePrimaryRegion{Request: in}
	pre := replication.Pre{Operation: replication.PreUpdatePrimary, Init: family.Init{By: call.Caller.ARN}}
	if err := r.consent(ctx, call, command, *in.KeyId, *in.PrimaryRegion, pre); err != nil {
		return err
	}
	_, err = decide[struct{}](ctx, r, p, call, command)
	return err
}

// consent asks the Region dst whether it would refuse what command is about to begin. A command that
// this Region would refuse anyway, or that a repeat has already carried out, is not asked about: its
// decision says so in the proper order of checks.
func (r *Region) consent(ctx context.Context, call *kmsapi.Call, command keyengine.Command, keyID, dst string, pre replication.Pre) error {
	if r.relay == nil {
		return nil
	}
	view, facts := r.view(), r.facts(call)
	if _, _, repeated := view.Remembered(dedupKey(call, command.Operation())); repeated {
		return nil
	}
	ref, _, err := view.Resolve(facts, command.Operation(), keyID)
	if err != nil {
		return nil
	}
	if _, err := keyengine.Decide(view, facts, command); err != nil {
		return nil
	}
	pre.Partition, pre.Account, pre.KeyID = r.Place.Partition, ref.Account, ref.KeyID
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
	f.snapshot(func(v *keyengine.View) {
		switch pre.Operation {
		case replication.PreReplicate:
			fault = v.PrecheckReplica(ref, pre.Init)
		case replication.PreUpdatePrimary:
			fault = v.PrecheckPrimary(ref)
		}
	})
	if fault != nil {
		// A deposed leader may be behind, and its no would be final: then it says nothing.
		if _, err := f.Position(ctx); err != nil {
			return nil
		}
	}
	return fault
}

// Life implements replication.Region.
func (f forRelay) Life() uint64 { return f.life() }

// Outlived implements replication.Region.
func (f forRelay) Outlived(ctx context.Context, remembered uint64) error {
	return f.outlived(ctx, remembered)
}
