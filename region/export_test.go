package region

import (
	"context"

	"meridian/keyengine"
	"meridian/keyengine/kmsapi"
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
