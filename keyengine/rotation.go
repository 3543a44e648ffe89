package keyengine

import (
	"fmt"

	"meridian/keyengine/family"
	"meridian/keyengine/keyspec"
	"meridian/keyengine/kmsapi"
)

const (
	// MaxOnDemandRotations is how often a key may be rotated on demand in its life.
	MaxOnDemandRotations = 25

	day                = 24 * 60 * 60 * 1000 // ms
	defaultPeriodDays  = 365
	shortestPeriodDays = 90
	longestPeriodDays  = 2560
	// tooClose is how long before an automatic rotation none on demand begins.
	tooClose = 20 * 60 * 1000 // ms
)

// EnableKeyRotation turns the automatic rotation on, or changes its period.
type EnableKeyRotation struct {
	Request *kmsapi.EnableKeyRotationRequest
}

// Operation implements Command.
func (EnableKeyRotation) Operation() string { return "EnableKeyRotation" }

func (c EnableKeyRotation) decide(d *draft) (any, error) {
	t, err := d.rotatable("EnableKeyRotation", c.Request.KeyId)
	if err != nil {
		return nil, err
	}
	days := int32(defaultPeriodDays)
	if c.Request.RotationPeriodInDays != nil {
		days = *c.Request.RotationPeriodInDays
	}
	if days < shortestPeriodDays || days > longestPeriodDays {
		return nil, fault(kmsapi.ValidationException, "RotationPeriodInDays must be between %d and %d.", shortestPeriodDays, longestPeriodDays)
	}
	return nil, d.ask(t, family.SetRotation{Rotation: rotationFrom(d.facts.Now, uint16(days))})
}

func rotationFrom(now int64, days uint16) family.Rotation {
	return family.Rotation{Enabled: true, PeriodDays: days, NextAt: now + int64(days)*day}
}

// DisableKeyRotation turns the automatic rotation off. A rotation that has begun goes on.
type DisableKeyRotation struct {
	Request *kmsapi.DisableKeyRotationRequest
}

// Operation implements Command.
func (DisableKeyRotation) Operation() string { return "DisableKeyRotation" }

func (c DisableKeyRotation) decide(d *draft) (any, error) {
	t, err := d.rotatable("DisableKeyRotation", c.Request.KeyId)
	if err != nil || !t.local.Record.Rotation.Enabled {
		return nil, err
	}
	return nil, d.ask(t, family.SetRotation{})
}

// RotateKeyOnDemand gives a key new material. It becomes current when all members have it. Imported
// material is brought beforehand: then Material is ignored.
type RotateKeyOnDemand struct {
	Request  *kmsapi.RotateKeyOnDemandRequest
	Material NewMaterial
}

// Operation implements Command.
func (RotateKeyOnDemand) Operation() string { return "RotateKeyOnDemand" }

func (c RotateKeyOnDemand) decide(d *draft) (any, error) {
	t, err := d.rotatable("RotateKeyOnDemand", c.Request.KeyId)
	if err != nil {
		return nil, err
	}
	r := &t.local.Record
	if r.Origin == originAWS && !r.Pending.IsZero() {
		return nil, t.refused(&family.Refusal{Cause: family.RotationInProgress})
	}
	if r.Rotation.Enabled && r.Rotation.NextAt-d.facts.Now < tooClose {
		return nil, fault(kmsapi.ConflictException, "An automatic rotation of %s begins within 20 minutes.", t.arn)
	}
	if onDemandRotations(r) >= MaxOnDemandRotations {
		return nil, fault(kmsapi.LimitExceededException, "%s has been rotated on demand %d times, the most for a key.", t.arn, MaxOnDemandRotations)
	}
	if err := d.ask(t, family.Rotate{Material: c.Material.ID, Type: family.OnDemand}, c.Material); err != nil {
		return nil, err
	}
	return &kmsapi.RotateKeyOnDemandResponse{KeyId: new(t.ref.KeyID)}, nil
}

func onDemandRotations(r *family.Record) (n int) {
	for _, m := range r.Materials {
		if m.Type == family.OnDemand {
			n++
		}
	}
	return n
}

// rotatable finds a key whose rotation this Region may change.
func (d *draft) rotatable(op string, id *string) (*target, error) {
	t, err := d.manage(d.facts, op, id)
	if err != nil {
		return nil, err
	}
	if err := t.rotates(); err != nil {
		return nil, err
	}
	if err := t.wrongKind(op); err != nil {
		return nil, err
	}
	if t.local.Updating && !primaryHere(d.place, t.local) {
		return nil, inState(t.arn, stateUpdating) // the role is on its way to another Region
	}
	if !primaryHere(d.place, t.local) {
		return nil, t.refused(&family.Refusal{Cause: family.NotPrimary})
	}
	return t, nil
}

// rotates refuses a key whose spec has no rotation.
func (t *target) rotates() error {
	r := &t.local.Record
	if spec, ok := keyspec.Lookup(r.Spec); !ok || !spec.Rotates {
		return fault(kmsapi.UnsupportedOperationException, "%s has a key spec that does not support rotation: %s.", t.arn, r.Spec)
	}
	return nil
}

// GetKeyRotationStatus answers the operation, from the record that this Region has applied.
func (v *View) GetKeyRotationStatus(f Facts, in *kmsapi.GetKeyRotationStatusRequest) (*kmsapi.GetKeyRotationStatusResponse, error) {
	t, err := v.manage(f, "GetKeyRotationStatus", in.KeyId)
	if err != nil {
		return nil, err
	}
	out := &kmsapi.GetKeyRotationStatusResponse{KeyId: new(t.ref.KeyID), KeyRotationEnabled: new(false)}
	r := &t.local.Record
	if r.Rotation.Enabled && setOf(shown(t.local)) != onPending {
		out.KeyRotationEnabled = new(true)
		out.RotationPeriodInDays = new(int32(r.Rotation.PeriodDays))
		out.NextRotationDate = timestamp(r.Rotation.NextAt)
	}
	for _, m := range r.Materials {
		if m.ID == r.Pending && m.Type == family.OnDemand {
			out.OnDemandRotationStartDate = timestamp(r.PendingAt)
		}
	}
	return out, nil
}

// ListKeyRotations answers the operation, oldest first, from the record that this Region has applied.
func (v *View) ListKeyRotations(f Facts, in *kmsapi.ListKeyRotationsRequest) (*kmsapi.ListKeyRotationsResponse, error) {
	t, err := v.manage(f, "ListKeyRotations", in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := t.rotates(); err != nil {
		return nil, err
	}
	all := string(val(in.IncludeKeyMaterial)) == "ALL_KEY_MATERIAL"
	var listed []family.Material
	for _, m := range t.local.Record.Materials {
		if m.RotatedAt != 0 || all && m.Type == family.Initial { // the first, or one that was imported and waits
			listed = append(listed, m)
		}
	}
	shown, truncated, next, err := pageOf(listed, func(m family.Material) string { return fmt.Sprintf("%010d%s", m.Number, m.ID) },
		"ListKeyRotations", t.ref.String()+fmt.Sprint(all), in.Limit, in.Marker, bounds{normal: 100, most: 1000})
	if err != nil {
		return nil, err
	}
	out := &kmsapi.ListKeyRotationsResponse{Rotations: []kmsapi.RotationsListEntry{}, Truncated: truncated, NextMarker: next}
	for _, m := range shown {
		out.Rotations = append(out.Rotations, t.rotation(m))
	}
	return out, nil
}

func (t *target) rotation(m family.Material) kmsapi.RotationsListEntry {
	e := kmsapi.RotationsListEntry{
		KeyId: new(t.ref.KeyID), KeyMaterialId: new(m.ID.String()),
		KeyMaterialState: new(kmsapi.KeyMaterialState("NON_CURRENT")),
	}
	if m.ID == t.local.Record.Current {
		e.KeyMaterialState = new(kmsapi.KeyMaterialState("CURRENT"))
	}
	t.describeImport(&e, m.ID)
	switch m.Type {
	case family.Automatic:
		e.RotationType = new(kmsapi.RotationType("AUTOMATIC"))
	case family.OnDemand:
		e.RotationType = new(kmsapi.RotationType("ON_DEMAND"))
	}
	if m.RotatedAt != 0 {
		e.RotationDate = timestamp(m.RotatedAt)
	}
	return e
}
