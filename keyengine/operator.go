package keyengine

import (
	"errors"

	"meridian/keyengine/arn"
	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
)

// The commands of an operator who has lost a Region for good. They are acts of last resort: nothing in
// the API leads to them.
type (
	// FenceLost declares the member of a Region lost for ever. It is a command of the primary's Region.
	FenceLost struct {
		Ref    Ref
		Region string
	}
	// ForcePromote makes this Region's member primary without the consent of the old one, which is
	// fenced.
	ForcePromote struct{ Ref Ref }
)

// Operation implements Command.
func (FenceLost) Operation() string { return "FenceLost" }

// Operation implements Command.
func (ForcePromote) Operation() string { return "ForcePromote" }

func (c FenceLost) decide(d *draft) (any, error) {
	if !arn.ValidRegion(c.Region) {
		return nil, fault(kmsapi.ValidationException, "not a Region")
	}
	return nil, d.operate(c.Ref, family.FenceLost{Region: c.Region})
}

func (c ForcePromote) decide(d *draft) (any, error) {
	return nil, d.operate(c.Ref, family.ForcePromote{})
}

// operate is ask for an operator, who names keys of any account.
func (d *draft) operate(ref Ref, c family.Command) error {
	if err := d.checkRef(ref); err != nil {
		return err
	}
	err := d.family(ref, c)
	var r *family.Refusal
	if errors.As(err, &r) {
		return fault(kmsapi.KMSInvalidStateException, "%v", r)
	}
	return err
}
