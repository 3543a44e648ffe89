package keyengine_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"meridian/keyengine/kmsapi"
	"meridian/keyengine/policy"
)

// The two sides say what callers of a Region see in the same words, so that they can be compared.

// show writes down a Region as the model has it.
func (m *model) show(region string) string {
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m.aliases[region])) {
		a := m.aliases[region][name]
		fmt.Fprintf(&out, "%s -> %s made %d moved %d\n", name, a.key, a.created, a.updated)
	}
	for _, id := range slices.Sorted(maps.Keys(m.keys[region])) {
		k := m.keys[region][id]
		fmt.Fprintf(&out, "%s %s %s managed=%t created %d deletion %d window %d %q current %s\n",
			id, k.spec, k.shown(), k.managed, k.created, k.deletion, k.pendingWindow(), k.text, k.currentShown())
		fmt.Fprintf(&out, "  enabled=%t use %s imported %s\n", k.shown() == "Enabled", m.use(k), k.expiry())
		if k.multi {
			replicas := slices.DeleteFunc(slices.Clone(k.members), func(r string) bool { return r == k.primary })
			fmt.Fprintf(&out, "  primary=%t %s replicas %v\n", k.primary == region, k.primary, replicas)
		}
		text := k.policy
		if text == "" {
			text = policy.Default("aws", account)
		}
		if k.managed {
			text = ""
		}
		fmt.Fprintf(&out, "  tags %v policy %q\n", k.tags, text)
		k.showRotation(&out, region)
		for _, id := range slices.Sorted(maps.Keys(k.grants)) {
			g := k.grants[id]
			fmt.Fprintf(&out, "  grant %s to %s retired by %q named %q of %v under %s made %d\n", id, g.grantee, g.retiring, g.name, g.ops, g.constraints, g.created)
		}
	}
	return out.String()
}

func (k *modelKey) pendingWindow() int {
	if k.state == "PendingReplicaDeletion" {
		return k.window
	}
	return 0
}

func (k *modelKey) currentShown() string {
	if k.spec == "SYMMETRIC_DEFAULT" {
		return k.current
	}
	return ""
}

// expiry is the date at which the first of the permanent imported materials goes.
func (k *modelKey) expiry() string {
	earliest, any := int64(0), false
	for id, until := range k.held {
		if id == k.pending {
			continue
		}
		any = true
		if until != 0 && (earliest == 0 || until < earliest) {
			earliest = until
		}
	}
	if !k.external || !any {
		return "-"
	}
	return fmt.Sprint(earliest)
}

func (k *modelKey) showRotation(out *strings.Builder, region string) {
	period, next, began := k.period, k.next, int64(0)
	if strings.HasPrefix(k.state, "Pending") && k.state != "PendingImport" {
		period = 0
	}
	if period == 0 {
		next = 0
	}
	if !k.external {
		began = k.pendingAt
	}
	for _, mat := range k.materials {
		if mat.id == k.pending && mat.how == "AUTOMATIC" {
			began = 0
		}
	}
	fmt.Fprintf(out, "  rotates %d next %d on demand since %d\n", period, next, began)
	if k.spec != "SYMMETRIC_DEFAULT" {
		fmt.Fprintf(out, "  materials UnsupportedOperationException\n")
		return
	}
	for _, mat := range k.materials {
		state := "NON_CURRENT"
		switch {
		case mat.id == k.current:
			state = "CURRENT"
		case mat.id == k.pending && !k.external:
			continue
		case mat.id == k.pending && k.multi && !k.everywhere(region, mat.id):
			state = "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"
		case mat.id == k.pending:
			state = "PENDING_ROTATION"
		}
		imported := ""
		if until, here := k.held[mat.id]; k.external {
			imported = fmt.Sprintf("%t %d %q", here, until, k.called[mat.id])
		}
		fmt.Fprintf(out, "  material %s %s %s %d %s\n", mat.id, state, mat.how, mat.rotated, imported)
	}
}

// outcomeOf is the code of a fault, or nothing.
func outcomeOf(err error) string {
	var f *kmsapi.Fault
	switch {
	case err == nil:
		return ""
	case errors.As(err, &f):
		return f.Code
	}
	return err.Error()
}

// val is what a pointer points to, or the zero value.
func val[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// ask makes a read of the engine.
func ask[T any](t tb, w *world, s *site, op string, in map[string]any) T {
	t.Helper()
	reply, _, err := w.call(s, account, op, asJSON(t, in))
	if err != nil {
		t.Fatalf("%s %s %v: %v", s.place.Region, op, in, err)
	}
	return reply.(T)
}

// showEngine writes down a Region as the engine's reads have it.
func showEngine(t tb, w *world, s *site) string {
	t.Helper()
	var out strings.Builder
	for _, a := range ask[*kmsapi.ListAliasesResponse](t, w, s, "ListAliases", map[string]any{"Limit": 100}).Aliases {
		if a.TargetKeyId != nil {
			fmt.Fprintf(&out, "%s -> %s made %d moved %d\n", *a.AliasName, *a.TargetKeyId, *a.CreationDate, *a.LastUpdatedDate)
		}
	}
	for _, k := range ask[*kmsapi.ListKeysResponse](t, w, s, "ListKeys", map[string]any{}).Keys {
		showEngineKey(t, w, s, *k.KeyId, &out)
	}
	return out.String()
}

func showEngineKey(t tb, w *world, s *site, id string, out *strings.Builder) {
	t.Helper()
	in := map[string]any{"KeyId": id}
	d := ask[*kmsapi.DescribeKeyResponse](t, w, s, "DescribeKey", in).KeyMetadata
	managed := val(d.KeyManager) == "AWS"
	fmt.Fprintf(out, "%s %s %s managed=%t created %d deletion %d window %d %q current %s\n", val(d.KeyId), val(d.KeySpec), val(d.KeyState),
		managed, val(d.CreationDate), val(d.DeletionDate), val(d.PendingDeletionWindowInDays), describedText(d, managed), val(d.CurrentKeyMaterialId))
	_, useErr := s.view().Use(w.factsAt(s, account), "Encrypt", id)
	imported := "-"
	if d.ExpirationModel != nil {
		imported = fmt.Sprint(int64(val(d.ValidTo)))
	}
	fmt.Fprintf(out, "  enabled=%t use %s imported %s\n", *d.Enabled, outcomeOf(useErr), imported)
	if c := d.MultiRegionConfiguration; c != nil {
		replicas := []string{}
		for _, r := range c.ReplicaKeys {
			replicas = append(replicas, *r.Region)
		}
		fmt.Fprintf(out, "  primary=%t %s replicas %v\n", *c.MultiRegionKeyType == "PRIMARY", *c.PrimaryKey.Region, replicas)
	}
	tags := map[string]string{}
	for _, tag := range ask[*kmsapi.ListResourceTagsResponse](t, w, s, "ListResourceTags", in).Tags {
		tags[*tag.TagKey] = *tag.TagValue
	}
	text := *ask[*kmsapi.GetKeyPolicyResponse](t, w, s, "GetKeyPolicy", in).Policy
	if managed {
		text = ""
	}
	fmt.Fprintf(out, "  tags %v policy %q\n", tags, text)
	showEngineRotation(t, w, s, in, out)
	for _, g := range ask[*kmsapi.ListGrantsResponse](t, w, s, "ListGrants", map[string]any{"KeyId": id, "Limit": 100}).Grants {
		fmt.Fprintf(out, "  grant %s to %s retired by %q named %q of %v under %s made %d\n", *g.GrantId, *g.GranteePrincipal,
			val(g.RetiringPrincipal), *g.Name, g.Operations, constraintsShown(g.Constraints), *g.CreationDate)
	}
}

// describedText is the description; that of an AWS managed key is not the model's matter.
func describedText(d *kmsapi.KeyMetadata, managed bool) string {
	if managed {
		return ""
	}
	return val(d.Description)
}

func constraintsShown(c *kmsapi.GrantConstraints) string {
	all := map[string]map[string]string{}
	if c != nil && c.EncryptionContextEquals != nil {
		all["EncryptionContextEquals"] = c.EncryptionContextEquals
	}
	if c != nil && c.EncryptionContextSubset != nil {
		all["EncryptionContextSubset"] = c.EncryptionContextSubset
	}
	if len(all) == 0 {
		return ""
	}
	return fmt.Sprint(all)
}

func showEngineRotation(t tb, w *world, s *site, in map[string]any, out *strings.Builder) {
	t.Helper()
	r := ask[*kmsapi.GetKeyRotationStatusResponse](t, w, s, "GetKeyRotationStatus", in)
	fmt.Fprintf(out, "  rotates %d next %d on demand since %d\n", val(r.RotationPeriodInDays), val(r.NextRotationDate), val(r.OnDemandRotationStartDate))
	if *r.KeyRotationEnabled != (r.RotationPeriodInDays != nil) {
		t.Errorf("rotation is enabled: %t, but has a period: %t", *r.KeyRotationEnabled, r.RotationPeriodInDays != nil)
	}
	reply, _, err := w.call(s, account, "ListKeyRotations", asJSON(t, map[string]any{"KeyId": in["KeyId"], "IncludeKeyMaterial": "ALL_KEY_MATERIAL"}))
	if err != nil {
		fmt.Fprintf(out, "  materials %s\n", outcomeOf(err))
		return
	}
	for _, e := range reply.(*kmsapi.ListKeyRotationsResponse).Rotations {
		imported := ""
		if e.ImportState != nil {
			imported = fmt.Sprintf("%t %d %q", *e.ImportState == "IMPORTED", val(e.ValidTo), val(e.KeyMaterialDescription))
		}
		fmt.Fprintf(out, "  material %s %s %s %d %s\n", *e.KeyMaterialId, *e.KeyMaterialState, val(e.RotationType), val(e.RotationDate), imported)
	}
}
