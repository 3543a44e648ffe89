package sdktest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

func aliases(t *testing.T, w *world) {
	ctx, c := t.Context(), w.east
	one, two := create(t, c, kms.CreateKeyInput{}), create(t, c, kms.CreateKeyInput{})
	name := new("alias/moves/from_one-to:two")
	must[kms.CreateAliasOutput](t)(c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: name, TargetKeyId: one.KeyId}))
	must[kms.UpdateAliasOutput](t)(c.UpdateAlias(ctx, &kms.UpdateAliasInput{AliasName: name, TargetKeyId: two.Arn}))
	list := must[kms.ListAliasesOutput](t)(c.ListAliases(ctx, &kms.ListAliasesInput{KeyId: two.KeyId})).Aliases
	if len(list) != 1 {
		t.Fatalf("the other key has %d aliases", len(list))
	}
	equal(t, "AliasName", *list[0].AliasName, *name)
	equal(t, "AliasArn", *list[0].AliasArn, "arn:aws:kms:us-east-1:"+account+":"+*name)
	equal(t, "TargetKeyId", *list[0].TargetKeyId, *two.KeyId)
	equal(t, "it was updated after it was made", list[0].LastUpdatedDate.Before(*list[0].CreationDate), false)
	equal(t, "the key behind the alias", *describe(t, c, name).KeyId, *two.KeyId)
	must[kms.DeleteAliasOutput](t)(c.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: name}))
	fails(t, c, "DescribeKey", "NotFound", &kms.DescribeKeyInput{KeyId: name})
	all := must[kms.ListAliasesOutput](t)(c.ListAliases(ctx, &kms.ListAliasesInput{Limit: new(int32(100))})).Aliases
	predefined := slices.IndexFunc(all, func(a types.AliasListEntry) bool { return *a.AliasName == "alias/aws/xray" })
	if predefined < 0 || all[predefined].TargetKeyId != nil {
		t.Error("an alias that AWS predefines is not listed, or has a target that nobody has used")
	}
}

// properties changes what a key has of its own.
func properties(t *testing.T, w *world) {
	ctx, c := t.Context(), w.east
	policy := policyOf(root)
	key := create(t, c, kms.CreateKeyInput{Policy: &policy, Tags: tags(2), BypassPolicyLockoutSafetyCheck: true, Description: new("before"), Origin: types.OriginTypeAwsKms})
	got := must[kms.GetKeyPolicyOutput](t)(c.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: key.KeyId, PolicyName: new("default")}))
	equal(t, "the policy", *got.Policy, policy)
	equal(t, "its name", *got.PolicyName, "default")
	other := policyOf(account)
	must[kms.PutKeyPolicyOutput](t)(c.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: key.Arn, Policy: &other, PolicyName: new("default"), BypassPolicyLockoutSafetyCheck: true}))
	equal(t, "the other policy", *must[kms.GetKeyPolicyOutput](t)(c.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: key.KeyId})).Policy, other)
	names := must[kms.ListKeyPoliciesOutput](t)(c.ListKeyPolicies(ctx, &kms.ListKeyPoliciesInput{KeyId: key.KeyId, Limit: new(int32(1000))}))
	equal(t, "the policies' names", fmt.Sprint(names.PolicyNames), "[default]")
	equal(t, "there are more", names.Truncated, false)

	must[kms.UpdateKeyDescriptionOutput](t)(c.UpdateKeyDescription(ctx, &kms.UpdateKeyDescriptionInput{KeyId: key.KeyId, Description: new("after")}))
	equal(t, "the description", *describe(t, c, key.KeyId).Description, "after")
	must[kms.TagResourceOutput](t)(c.TagResource(ctx, &kms.TagResourceInput{KeyId: key.KeyId, Tags: []types.Tag{{TagKey: new("key-00"), TagValue: new("")}}}))
	must[kms.UntagResourceOutput](t)(c.UntagResource(ctx, &kms.UntagResourceInput{KeyId: key.KeyId, TagKeys: []string{"key-01", "never there"}}))
	left := must[kms.ListResourceTagsOutput](t)(c.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: key.KeyId})).Tags
	if len(left) != 1 || *left[0].TagKey != "key-00" || *left[0].TagValue != "" {
		t.Errorf("the tags are %v", left)
	}

	must[kms.DisableKeyOutput](t)(c.DisableKey(ctx, &kms.DisableKeyInput{KeyId: key.KeyId}))
	equal(t, "the state", describe(t, c, key.KeyId).KeyState, types.KeyStateDisabled)
	must[kms.EnableKeyOutput](t)(c.EnableKey(ctx, &kms.EnableKeyInput{KeyId: key.KeyId}))
	equal(t, "the state", describe(t, c, key.KeyId).KeyState, types.KeyStateEnabled)

	scheduled := must[kms.ScheduleKeyDeletionOutput](t)(c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: key.KeyId, PendingWindowInDays: new(int32(7))}))
	equal(t, "ScheduleKeyDeletion's KeyId", *scheduled.KeyId, *key.Arn)
	equal(t, "its KeyState", scheduled.KeyState, types.KeyStatePendingDeletion)
	equal(t, "its window", *scheduled.PendingWindowInDays, 7)
	m := describe(t, c, key.KeyId)
	equal(t, "the dates agree", m.DeletionDate.Equal(*scheduled.DeletionDate), true)
	equal(t, "Enabled", m.Enabled, false)
	equal(t, "CancelKeyDeletion's KeyId", *must[kms.CancelKeyDeletionOutput](t)(c.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: key.KeyId})).KeyId, *key.Arn)
	m = describe(t, c, key.KeyId)
	equal(t, "the state", m.KeyState, types.KeyStateDisabled)
	equal(t, "there is a date", m.DeletionDate != nil, false)
}

func grants(t *testing.T, w *world) {
	ctx, c := t.Context(), w.east
	bob := new("arn:aws:iam::" + account + ":role/bob")
	for k, operations := range grantable() {
		key := create(t, c, inputOf(k))
		in := kms.CreateGrantInput{KeyId: key.KeyId, GranteePrincipal: new(alice), RetiringPrincipal: bob, Operations: operations, Name: new("of-" + string(k[:3]))}
		if k == symmetric {
			in.Constraints = &types.GrantConstraints{
				EncryptionContextEquals: map[string]string{"a": "b"}, EncryptionContextSubset: map[string]string{"a": "b"},
			}
		}
		first := must[kms.CreateGrantOutput](t)(c.CreateGrant(ctx, &in))
		in.GrantTokens = []string{*first.GrantToken}
		again := must[kms.CreateGrantOutput](t)(c.CreateGrant(ctx, &in))
		equal(t, "the grant of the repeated call", *again.GrantId, *first.GrantId)
		equal(t, "it has a token of its own", *again.GrantToken != *first.GrantToken, true)
		describe := must[kms.DescribeKeyOutput](t)(c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: key.KeyId, GrantTokens: in.GrantTokens}))
		equal(t, "the key", *describe.KeyMetadata.KeyId, *key.KeyId)
		for _, list := range []*kms.ListGrantsInput{{KeyId: key.KeyId}, {KeyId: key.Arn, GrantId: first.GrantId}, {KeyId: key.KeyId, GranteePrincipal: new(alice)}} {
			out := must[kms.ListGrantsOutput](t)(c.ListGrants(ctx, list))
			if len(out.Grants) != 1 {
				t.Fatalf("%d grants are listed", len(out.Grants))
			}
			g := out.Grants[0]
			equal(t, "KeyId", *g.KeyId, *key.Arn)
			equal(t, "GrantId", *g.GrantId, *first.GrantId)
			equal(t, "Name", *g.Name, *in.Name)
			equal(t, "GranteePrincipal", *g.GranteePrincipal, alice)
			equal(t, "RetiringPrincipal", *g.RetiringPrincipal, *bob)
			equal(t, "IssuingAccount", *g.IssuingAccount, root)
			equal(t, "Operations", fmt.Sprint(g.Operations), fmt.Sprint(operations))
			equal(t, "there are Constraints", g.Constraints != nil, k == symmetric)
			equal(t, "there is a CreationDate", g.CreationDate != nil, true)
		}
		with(t, c, k, key.KeyId, in.GrantTokens)
		retirable := must[kms.ListRetirableGrantsOutput](t)(c.ListRetirableGrants(ctx, &kms.ListRetirableGrantsInput{RetiringPrincipal: bob, Limit: new(int32(100))}))
		equal(t, "the grant can be retired", slices.ContainsFunc(retirable.Grants, func(g types.GrantListEntry) bool { return *g.GrantId == *first.GrantId }), true)
		fails(t, c, "RetireGrant", "DryRunOperation", &kms.RetireGrantInput{GrantToken: first.GrantToken, DryRun: new(true)})
		fails(t, c, "RetireGrant", "DryRunOperation", &kms.RetireGrantInput{KeyId: key.Arn, GrantId: first.GrantId, DryRun: new(true)})
		if k == symmetric {
			must[kms.RevokeGrantOutput](t)(c.RevokeGrant(ctx, &kms.RevokeGrantInput{KeyId: key.KeyId, GrantId: first.GrantId}))
		} else {
			must[kms.RetireGrantOutput](t)(c.RetireGrant(ctx, &kms.RetireGrantInput{GrantToken: again.GrantToken}))
		}
		fails(t, c, "RetireGrant", "NotFound", &kms.RetireGrantInput{GrantToken: first.GrantToken})
	}
}

// grantable are the operations that a grant may hold, by the kind of its key.
func grantable() map[kind][]types.GrantOperation {
	return map[kind][]types.GrantOperation{
		symmetric: {
			"Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo",
			"CreateGrant", "RetireGrant", "DescribeKey", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
		},
		signing:   {"Sign", "Verify", "GetPublicKey"},
		macs:      {"GenerateMac", "VerifyMac"},
		agreement: {"DeriveSharedSecret"},
	}
}

// with uses a key with a token of one of its grants.
func with(t *testing.T, c *kms.Client, k kind, key *string, tokens []string) {
	t.Helper()
	ctx, message := t.Context(), []byte("x")
	switch k {
	case signing:
		signed := must[kms.SignOutput](t)(c.Sign(ctx, &kms.SignInput{KeyId: key, Message: message, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256, GrantTokens: tokens}))
		must[kms.VerifyOutput](t)(c.Verify(ctx, &kms.VerifyInput{
			KeyId: key, Message: message, Signature: signed.Signature, SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256, GrantTokens: tokens,
		}))
		must[kms.GetPublicKeyOutput](t)(c.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: key, GrantTokens: tokens}))
	case macs:
		mac := must[kms.GenerateMacOutput](t)(c.GenerateMac(ctx, &kms.GenerateMacInput{KeyId: key, Message: message, MacAlgorithm: types.MacAlgorithmSpecHmacSha256, GrantTokens: tokens}))
		must[kms.VerifyMacOutput](t)(c.VerifyMac(ctx, &kms.VerifyMacInput{KeyId: key, Message: message, Mac: mac.Mac, MacAlgorithm: mac.MacAlgorithm, GrantTokens: tokens}))
	case agreement:
		must[kms.DeriveSharedSecretOutput](t)(c.DeriveSharedSecret(ctx, &kms.DeriveSharedSecretInput{
			KeyId: key, KeyAgreementAlgorithm: types.KeyAgreementAlgorithmSpecEcdh, PublicKey: peer("ECC_NIST_P256"), GrantTokens: tokens,
		}))
	}
}

// rotation turns it on, changes it, turns it off, and rotates on demand as often as a key allows.
func rotation(t *testing.T, w *world) {
	ctx, c := t.Context(), w.east
	key := create(t, c, kms.CreateKeyInput{})
	status := func() *kms.GetKeyRotationStatusOutput {
		t.Helper()
		s := must[kms.GetKeyRotationStatusOutput](t)(c.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: key.Arn}))
		equal(t, "GetKeyRotationStatus's KeyId", *s.KeyId, *key.KeyId)
		return s
	}
	off := func() {
		t.Helper()
		if s := status(); s.KeyRotationEnabled || s.RotationPeriodInDays != nil || s.NextRotationDate != nil || s.OnDemandRotationStartDate != nil {
			t.Errorf("the status of a key without automatic rotation is %+v", s)
		}
	}
	off()
	for _, days := range []int32{90, 2560} {
		must[kms.EnableKeyRotationOutput](t)(c.EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{KeyId: key.KeyId, RotationPeriodInDays: &days}))
		s := status()
		equal(t, "KeyRotationEnabled", s.KeyRotationEnabled, true)
		equal(t, "RotationPeriodInDays", *s.RotationPeriodInDays, days)
		equal(t, "days until NextRotationDate", int32(s.NextRotationDate.Sub(*key.CreationDate).Hours()/24), days)
	}
	must[kms.EnableKeyRotationOutput](t)(c.EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{KeyId: key.KeyId}))
	equal(t, "RotationPeriodInDays without one", *status().RotationPeriodInDays, 365)
	must[kms.DisableKeyRotationOutput](t)(c.DisableKeyRotation(ctx, &kms.DisableKeyRotationInput{KeyId: key.KeyId}))
	off()

	sealed := must[kms.EncryptOutput](t)(c.Encrypt(ctx, &kms.EncryptInput{KeyId: key.KeyId, Plaintext: []byte("x")})).CiphertextBlob
	for range 25 {
		equal(t, "RotateKeyOnDemand's KeyId", *must[kms.RotateKeyOnDemandOutput](t)(c.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: key.KeyId})).KeyId, *key.KeyId)
	}
	fails(t, c, "RotateKeyOnDemand", "LimitExceeded", &kms.RotateKeyOnDemandInput{KeyId: key.KeyId})
	now := describe(t, c, key.KeyId)
	equal(t, "the material changed", *now.CurrentKeyMaterialId != *key.CurrentKeyMaterialId, true)
	opened := must[kms.DecryptOutput](t)(c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed}))
	equal(t, "the material that opens what is old", *opened.KeyMaterialId, *key.CurrentKeyMaterialId)
	rotations := must[kms.ListKeyRotationsOutput](t)(c.ListKeyRotations(ctx, &kms.ListKeyRotationsInput{KeyId: key.KeyId, IncludeKeyMaterial: types.IncludeKeyMaterialRotationsOnly})).Rotations
	equal(t, "rotations", len(rotations), 25)
	all := must[kms.ListKeyRotationsOutput](t)(c.ListKeyRotations(ctx, &kms.ListKeyRotationsInput{KeyId: key.KeyId, IncludeKeyMaterial: types.IncludeKeyMaterialAllKeyMaterial})).Rotations
	equal(t, "materials", len(all), 26)
	first, last := all[0], all[25]
	equal(t, "the first material", *first.KeyMaterialId, *key.CurrentKeyMaterialId)
	equal(t, "its state", first.KeyMaterialState, types.KeyMaterialStateNonCurrent)
	equal(t, "it came by a rotation", first.RotationDate != nil || first.RotationType != "", false)
	equal(t, "the last material", *last.KeyMaterialId, *now.CurrentKeyMaterialId)
	equal(t, "its state", last.KeyMaterialState, types.KeyMaterialStateCurrent)
	equal(t, "its rotation", last.RotationType, types.RotationTypeOnDemand)
	equal(t, "it has a date", last.RotationDate != nil, true)
	equal(t, "KeyId", *last.KeyId, *key.KeyId)

	sign := create(t, c, inputOf(signing))
	s := must[kms.GetKeyRotationStatusOutput](t)(c.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: sign.KeyId}))
	equal(t, "an asymmetric key rotates", s.KeyRotationEnabled, false)
}

// pages reads every list item by item: all are there, once.
func pages(t *testing.T, w *world) {
	ctx, c, limit := t.Context(), w.east, new(int32(1))
	key := create(t, c, kms.CreateKeyInput{Tags: tags(3)})
	carol := new("arn:aws:iam::" + account + ":user/carol")
	for i := range 3 {
		must[kms.CreateAliasOutput](t)(c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: new(fmt.Sprintf("alias/pages-%d", i)), TargetKeyId: key.KeyId}))
		must[kms.CreateGrantOutput](t)(c.CreateGrant(ctx, &kms.CreateGrantInput{
			KeyId: key.KeyId, GranteePrincipal: carol, RetiringPrincipal: carol, Operations: []types.GrantOperation{types.GrantOperationDecrypt},
		}))
		must[kms.RotateKeyOnDemandOutput](t)(c.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: key.KeyId}))
	}
	for list, next := range map[string]func(marker *string) (items int, truncated bool, next *string, err error){
		"ListAliases": func(m *string) (int, bool, *string, error) {
			o, err := c.ListAliases(ctx, &kms.ListAliasesInput{KeyId: key.KeyId, Limit: limit, Marker: m})
			return len(o.Aliases), o.Truncated, o.NextMarker, err
		},
		"ListGrants": func(m *string) (int, bool, *string, error) {
			o, err := c.ListGrants(ctx, &kms.ListGrantsInput{KeyId: key.KeyId, Limit: limit, Marker: m})
			return len(o.Grants), o.Truncated, o.NextMarker, err
		},
		"ListRetirableGrants": func(m *string) (int, bool, *string, error) {
			o, err := c.ListRetirableGrants(ctx, &kms.ListRetirableGrantsInput{RetiringPrincipal: carol, Limit: limit, Marker: m})
			return len(o.Grants), o.Truncated, o.NextMarker, err
		},
		"ListKeyRotations": func(m *string) (int, bool, *string, error) {
			o, err := c.ListKeyRotations(ctx, &kms.ListKeyRotationsInput{KeyId: key.KeyId, Limit: limit, Marker: m})
			return len(o.Rotations), o.Truncated, o.NextMarker, err
		},
		"ListResourceTags": func(m *string) (int, bool, *string, error) {
			o, err := c.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: key.KeyId, Limit: limit, Marker: m})
			return len(o.Tags), o.Truncated, o.NextMarker, err
		},
	} {
		var marker *string
		for i := range 3 {
			items, truncated, next, err := next(marker)
			ok(t, err)
			if items != 1 || truncated != (i < 2) || (next != nil) != truncated {
				t.Errorf("%s: page %d has %d items, truncated %t, marker %t", list, i, items, truncated, next != nil)
			}
			marker = next
		}
	}
	var ids []string
	for p := kms.NewListKeysPaginator(c, &kms.ListKeysInput{Limit: new(int32(7))}); p.HasMorePages(); {
		for _, k := range must[kms.ListKeysOutput](t)(p.NextPage(ctx)).Keys {
			equal(t, "KeyArn", *k.KeyArn, keyARN(*k.KeyId))
			ids = append(ids, *k.KeyId)
		}
	}
	equal(t, "the key is listed", slices.Contains(ids, *key.KeyId), true)
	equal(t, "keys that are listed twice", len(ids)-len(slices.Compact(slices.Sorted(slices.Values(ids)))), 0)
}
