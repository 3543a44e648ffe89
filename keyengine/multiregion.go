package keyengine

import (
	"slices"

	"meridian/keyengine/arn"
	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/policy"
)

// ReplicateKey asks another Region for a replica of a primary key. Caller says who asks, in the form in which that
// Region can decide about the same caller. Empty, or until every Region of the cluster can read it: it goes by the name alone.
type ReplicateKey struct {
	Request *kmsapi.ReplicateKeyRequest
	Caller  []byte
}

// Operation implements Command.
func (ReplicateKey) Operation() string { return "ReplicateKey" }

func (c ReplicateKey) decide(d *draft) (any, error) {
	in := c.Request
	region := val(in.ReplicaRegion)
	t, err := d.multiRegionKey("ReplicateKey", in.KeyId, region)
	if err != nil {
		return nil, err
	}
	if !primaryHere(d.place, t.local) {
		return nil, t.refused(&family.Refusal{Cause: family.NotPrimary})
	}
	if err := d.replicaRegion(region); err != nil {
		return nil, err
	}
	key, err := d.newKey(val(in.Policy), val(in.Description), tagsOf(in.Tags))
	if err != nil {
		return nil, err
	}
	init := family.Init{
		Policy: val(in.Policy), Description: key.Description, Tags: key.Tags,
		By: d.facts.Caller.ARN, BypassSafety: val(in.BypassPolicyLockoutSafetyCheck),
		Caller: d.recordable(c.Caller),
	}
	if region == d.place.Region {
		return nil, t.refused(&family.Refusal{Cause: family.AlreadyExists})
	}
	if pendingInit(&t.local.Record)+initBytes(init) > maxPendingInit {
		return nil, fault(kmsapi.LimitExceededException, "%s is being replicated to other Regions with large policies. Try again when those replicas are no longer Creating.", t.arn)
	}
	if err := d.ask(t, family.Replicate{To: region, Init: init, Life: d.Peer(region)}); err != nil {
		return nil, err
	}
	l, _ := d.Family(t.ref)
	return &kmsapi.ReplicateKeyResponse{
		ReplicaKeyMetadata: d.replicaMetadata(t.ref, region, key, &l.Record),
		ReplicaPolicy:      new(key.Policy),
		ReplicaTags:        apiTags(key.Tags),
	}, nil
}

// maxPendingInit bounds in bytes what a record tells replicas that are not made yet: it must fit, with everything else,
// the one message that carries it. Eight policies of the greatest size do.
const maxPendingInit = 8*policy.MaxBytes + 16<<10

// pendingInit is what a record tells replicas that have not reported yet.
func pendingInit(r *family.Record) (bytes int) {
	for _, m := range r.Members {
		if m.Init != nil {
			bytes += initBytes(*m.Init)
		}
	}
	return bytes
}

func initBytes(i family.Init) int {
	bytes := len(i.Policy) + len(i.Description) + len(i.By) + len(i.Caller)
	for _, tag := range i.Tags {
		bytes += len(tag.Key) + len(tag.Value)
	}
	return bytes
}

// replicaMetadata is the replica as it will be when its Region hears of it.
func (v *View) replicaMetadata(ref Ref, region string, key Key, r *family.Record) *kmsapi.KeyMetadata {
	m := sharedMetadata(v.place, region, ref, r)
	m.CreationDate = timestamp(key.CreatedAt)
	m.Description = new(key.Description)
	m.Enabled = new(false)
	m.KeyState = new(kmsapi.KeyState(stateCreating))
	return m
}

// replicaRegion refuses Regions where no related key can be.
func (d *draft) replicaRegion(region string) error {
	switch {
	case !arn.ValidRegion(region):
		return fault(kmsapi.ValidationException, "ReplicaRegion %s is not a Region.", region)
	case arn.PartitionOf(region) != d.place.Partition:
		return fault(kmsapi.UnsupportedOperationException, "ReplicaRegion %s is in another partition.", region)
	case len(d.facts.Regions) > 0 && !slices.Contains(d.facts.Regions, region):
		return fault(kmsapi.UnsupportedOperationException, "ReplicaRegion %s is not available.", region)
	}
	return nil
}

// multiRegionKey finds a multi-Region key, in a state that allows op, which also names the Region other.
func (d *draft) multiRegionKey(op string, id *string, other string) (*target, error) {
	t, err := d.manage(d.facts, op, id)
	if err != nil {
		return nil, err
	}
	t.other = other
	if !t.local.Record.Multi {
		return nil, t.refused(&family.Refusal{Cause: family.NotMultiRegion})
	}
	return t, nil
}

// UpdatePrimaryRegion begins the hand-off of the primary role to a replica. It has not happened yet
// when the caller hears that it was accepted. Caller is as in ReplicateKey.
type UpdatePrimaryRegion struct {
	Request *kmsapi.UpdatePrimaryRegionRequest
	Caller  []byte
}

// Operation implements Command.
func (UpdatePrimaryRegion) Operation() string { return "UpdatePrimaryRegion" }

func (c UpdatePrimaryRegion) decide(d *draft) (any, error) {
	region := val(c.Request.PrimaryRegion)
	t, err := d.multiRegionKey("UpdatePrimaryRegion", c.Request.KeyId, region)
	if err != nil {
		return nil, err
	}
	if !arn.ValidRegion(region) {
		return nil, fault(kmsapi.ValidationException, "PrimaryRegion %s is not a Region.", region)
	}
	move := family.UpdatePrimary{To: region}
	if caller := d.recordable(c.Caller); len(caller) > 0 {
		move.By, move.Caller = d.facts.Caller.ARN, caller
	}
	return nil, d.ask(t, move)
}
