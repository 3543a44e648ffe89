package keyengine

import "meridian/keyengine/kmsapi"

// RevokeGrant ends a grant by the will of who looks after the key.
type RevokeGrant struct{ Request *kmsapi.RevokeGrantRequest }

// Operation implements Command.
func (RevokeGrant) Operation() string { return "RevokeGrant" }

func (c RevokeGrant) decide(d *draft) (any, error) {
	t, err := d.grantToEnd("RevokeGrant", c.Request.KeyId, c.Request.GrantId, c.Request.DryRun)
	if err != nil {
		return nil, err
	}
	d.emit(GrantRevoked{Account: t.ref.Account, KeyID: t.ref.KeyID, GrantID: *c.Request.GrantId})
	return nil, nil
}

// RetireGrant ends a grant by the will of who used it. Token is the grant that the request's token
// names, nil where it has none.
type RetireGrant struct {
	Request *kmsapi.RetireGrantRequest
	Token   *GrantRef
}

// Operation implements Command.
func (RetireGrant) Operation() string { return "RetireGrant" }

func (c RetireGrant) decide(d *draft) (any, error) {
	in := c.Request
	keyID, grantID := in.KeyId, in.GrantId
	switch {
	case in.GrantToken != nil && (keyID != nil || grantID != nil):
		return nil, fault(kmsapi.ValidationException, "Specify either a grant token, or a grant ID and a key, not both.")
	case in.GrantToken != nil && c.Token == nil:
		panic("keyengine: RetireGrant with a token that was not opened")
	case in.GrantToken != nil:
		keyID, grantID = new(d.place.keyARN(d.place.Region, c.Token.Key)), new(c.Token.ID)
	case keyID == nil || grantID == nil:
		return nil, fault(kmsapi.ValidationException, "Specify either a grant token, or a grant ID and a key.")
	}
	t, err := d.grantToEnd("RetireGrant", keyID, grantID, in.DryRun)
	if err != nil {
		return nil, err
	}
	d.emit(GrantRetired{Account: t.ref.Account, KeyID: t.ref.KeyID, GrantID: *grantID})
	return nil, nil
}

// grantToEnd finds the grant that a command ends, and its key.
func (d *draft) grantToEnd(op string, keyID, grantID *string, dry *bool) (*target, error) {
	t, err := d.locate(d.facts, op, val(keyID), byKey)
	if err != nil {
		return nil, err
	}
	if op != "RetireGrant" {
		if err := t.authorize(d.facts, op); err != nil {
			return nil, err
		}
	}
	if err := checkGrantID(*grantID); err != nil {
		return nil, err
	}
	g, ok := d.Grant(GrantRef{t.ref, *grantID})
	switch {
	case !ok && op == "RetireGrant" && t.ref.Account != d.facts.Caller.Account:
		return nil, d.deniedAbroad(d.facts, op, t.arn, t.ref.Account)
	case !ok:
		return nil, fault(kmsapi.NotFoundException, "Grant ID %s not found", *grantID)
	}
	if op == "RetireGrant" {
		if err := t.authorizeRetire(d.facts, *grantID, g); err != nil {
			return nil, err
		}
	}
	if err := t.check(op); err != nil {
		return nil, err
	}
	return t, dryRun(dry)
}

// checkGrantID refuses what can name no grant.
func checkGrantID(id string) error {
	if ValidGrantID(id) {
		return nil
	}
	return fault(kmsapi.InvalidGrantIdException, "Invalid grant ID %s", id)
}
