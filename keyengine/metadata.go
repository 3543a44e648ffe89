package keyengine

import (
	"meridian/keyengine/family"
	"meridian/keyengine/keyspec"
	"meridian/keyengine/kmsapi"
)

// DescribeKey answers the operation.
func (v *View) DescribeKey(f Facts, in *kmsapi.DescribeKeyRequest) (*kmsapi.DescribeKeyResponse, error) {
	t, err := v.resolve(f, "DescribeKey", val(in.KeyId), byKeyOrAlias)
	if err != nil {
		return nil, err
	}
	return &kmsapi.DescribeKeyResponse{KeyMetadata: t.metadata()}, nil
}

// metadata is the key as callers see it.
func (t *target) metadata() *kmsapi.KeyMetadata {
	m := sharedMetadata(t.view.place, t.view.place.Region, t.ref, &t.local.Record)
	state, key := shown(t.local), t.key()
	if t.view.managed(t.ref) {
		m.KeyManager = new(kmsapi.KeyManagerType("AWS"))
	}
	m.CreationDate = timestamp(key.CreatedAt)
	m.Description = new(key.Description)
	m.Enabled = new(state == stateEnabled)
	m.KeyState = new(kmsapi.KeyState(state))
	switch t.local.State {
	case family.PendingDeletion:
		m.DeletionDate = timestamp(t.local.DeletionAt)
	case family.PendingReplicaDeletion:
		m.PendingDeletionWindowInDays = new(int32(t.local.WindowDays))
	}
	t.describeImports(m)
	return m
}

// sharedMetadata is the part of a key's metadata that its family's record tells, for the member in a
// Region.
func sharedMetadata(p Place, region string, ref Ref, r *family.Record) *kmsapi.KeyMetadata {
	m := &kmsapi.KeyMetadata{
		AWSAccountId:          new(ref.Account),
		KeyId:                 new(ref.KeyID),
		Arn:                   new(p.keyARN(region, ref)),
		KeyUsage:              new(kmsapi.KeyUsageType(r.Usage)),
		Origin:                new(kmsapi.OriginType(r.Origin)),
		KeyManager:            new(kmsapi.KeyManagerType("CUSTOMER")),
		KeySpec:               new(kmsapi.KeySpec(r.Spec)),
		CustomerMasterKeySpec: new(kmsapi.CustomerMasterKeySpec(r.Spec)),
		MultiRegion:           new(r.Multi),
	}
	describeAlgorithms(m, r)
	spec, _ := keyspec.Lookup(r.Spec)
	if r.Multi {
		m.MultiRegionConfiguration = configuration(p, region, ref, r)
	}
	if spec.Rotates && !r.Current.IsZero() { // of the others there is never a second material
		m.CurrentKeyMaterialId = new(r.Current.String())
	}
	return m
}

func describeAlgorithms(m *kmsapi.KeyMetadata, r *family.Record) {
	spec, _ := keyspec.Lookup(r.Spec)
	usage, _ := spec.Usage(r.Usage)
	for _, name := range usage.Names() {
		switch r.Usage {
		case keyspec.EncryptDecrypt:
			m.EncryptionAlgorithms = append(m.EncryptionAlgorithms, kmsapi.EncryptionAlgorithmSpec(name))
		case keyspec.SignVerify:
			m.SigningAlgorithms = append(m.SigningAlgorithms, kmsapi.SigningAlgorithmSpec(name))
		case keyspec.MAC:
			m.MacAlgorithms = append(m.MacAlgorithms, kmsapi.MacAlgorithmSpec(name))
		case keyspec.KeyAgreement:
			m.KeyAgreementAlgorithms = append(m.KeyAgreementAlgorithms, kmsapi.KeyAgreementAlgorithmSpec(name))
		}
	}
}

// configuration tells the members of a multi-Region key. A replica that waits for its deletion is
// still listed.
func configuration(p Place, region string, ref Ref, r *family.Record) *kmsapi.MultiRegionConfiguration {
	member := func(region string) kmsapi.MultiRegionKey {
		return kmsapi.MultiRegionKey{Arn: new(p.keyARN(region, ref)), Region: new(region)}
	}
	c := &kmsapi.MultiRegionConfiguration{
		MultiRegionKeyType: new(kmsapi.MultiRegionKeyType("REPLICA")),
		PrimaryKey:         new(member(r.Primary)),
		ReplicaKeys:        []kmsapi.MultiRegionKey{},
	}
	if r.Primary == region {
		c.MultiRegionKeyType = new(kmsapi.MultiRegionKeyType("PRIMARY"))
	}
	for _, m := range r.Members {
		if !m.Gone && m.Region != r.Primary {
			c.ReplicaKeys = append(c.ReplicaKeys, member(m.Region))
		}
	}
	return c
}

func timestamp(ms int64) *kmsapi.Timestamp { return new(kmsapi.Timestamp(ms)) }

// ListKeys answers the operation: the account's keys in this Region, in all states.
func (v *View) ListKeys(f Facts, in *kmsapi.ListKeysRequest) (*kmsapi.ListKeysResponse, error) {
	if err := v.AuthorizeAlone(f, "ListKeys", "*"); err != nil {
		return nil, err
	}
	scope := prefixKey + f.Caller.Account + "/"
	page, err := v.page("ListKeys", scope, in.Limit, in.Marker, bounds{normal: 100, most: 1000})
	if err != nil {
		return nil, err
	}
	out := &kmsapi.ListKeysResponse{Keys: []kmsapi.KeyListEntry{}}
	for k := range page.rows {
		ref := parseRef(k[len(prefixKey):])
		out.Keys = append(out.Keys, kmsapi.KeyListEntry{
			KeyId: new(ref.KeyID), KeyArn: new(v.place.keyARN(v.place.Region, ref)),
		})
	}
	out.Truncated, out.NextMarker = page.end()
	return out, nil
}
