package region

import (
	"context"

	"meridian/keyengine"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/rows"
)

// GrantTokens is grantTokens.
func GrantTokens(in kmsapi.Input) []string { return grantTokens(in) }

// ReportUses is reportUses.
func (r *Region) ReportUses(ctx context.Context) { r.reportUses(ctx) }

// StepSealingKey is stepSealingKey.
func (r *Region) StepSealingKey(ctx context.Context) { r.stepSealingKey(ctx) }

// LookAtLevel is raiseLevel.
func (r *Region) LookAtLevel(ctx context.Context) { r.raiseLevel(ctx) }

// OpenGrantToken is openGrantToken, as far as who ends a grant needs it.
func (r *Region) OpenGrantToken(text string) (keyengine.GrantRef, error) {
	t, err := r.openGrantToken(text)
	if err != nil {
		return keyengine.GrantRef{}, err
	}
	return t.ref(), nil
}

// AskerOf is the asker of a call, as Dispatch makes it.
func (r *Region) AskerOf(call *kmsapi.Call, in kmsapi.Input) *keyengine.Asker {
	return r.asker(call, in, nil)
}

// Kept is kept.
type Kept = kept

// NewKept returns what a node keeps of rows.
func NewKept(rows rows.Reader, place keyengine.Place) *Kept { return &kept{rows: rows, place: place} }

// Changed is changed.
func (k *kept) Changed(rows [][]byte) { k.changed(rows) }

// Clear is clear.
func (k *kept) Clear() { k.clear() }

// GrantBytes is what the indexes of grants take.
func (k *kept) GrantBytes() int { return k.grants.size }

// DispatchBare is Dispatch of an operation of cryptography that nobody decides about.
func (r *Region) DispatchBare(ctx context.Context, op *kmsapi.Operation, call *kmsapi.Call, in kmsapi.Input) (any, error) {
	call.Asker = (*keyengine.Asker)(nil)
	level, err := r.level(ctx, call)
	if err != nil {
		return nil, err
	}
	out, err := r.crypto(ctx, level, op, call, in)
	if err == nil {
		r.noteUses(call, op.Name, out)
	}
	return out, err
}
