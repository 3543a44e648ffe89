package keyengine

import (
	"encoding/hex"
	"slices"

	"meridian/keyengine/family"
	"meridian/keyengine/keyspec"
	"meridian/keyengine/kmsapi"
)

const (
	originExternal = "EXTERNAL"

	modelExpires = kmsapi.ExpirationModelType("KEY_MATERIAL_EXPIRES")
	modelForever = kmsapi.ExpirationModelType("KEY_MATERIAL_DOES_NOT_EXPIRE")

	// longestImport is how far ahead an imported material may expire.
	longestImport = 365 * day
)

// ImportKeyMaterial brings key material that a caller made. What the token and the wrapped bytes say was
// found out before.
type ImportKeyMaterial struct {
	Request      *kmsapi.ImportKeyMaterialRequest
	TokenExpires int64         // Region time, ms since 1970 UTC; 0: the token is not readable
	Material     NewMaterial   // its id follows from the bytes
	Unusable     *kmsapi.Fault // why there is no Material; it is told once the key itself is in order
}

// Operation implements Command.
func (ImportKeyMaterial) Operation() string { return "ImportKeyMaterial" }

func (c ImportKeyMaterial) decide(d *draft) (any, error) {
	t, err := d.importable(d.facts, "ImportKeyMaterial", c.Request.KeyId)
	if err != nil {
		return nil, err
	}
	terms, err := t.terms(d.facts.Now, c.Request)
	if err != nil {
		return nil, err
	}
	switch named := val(c.Request.KeyMaterialId); {
	case c.TokenExpires != 0 && d.facts.Now >= c.TokenExpires:
		return nil, fault(kmsapi.ExpiredImportTokenException, "The import token has expired. Use GetParametersForImport to get another.")
	case c.Unusable != nil:
		return nil, c.Unusable
	case c.Material.ID.IsZero():
		return nil, fault(kmsapi.KMSInternalException, "What stood against the import has gone meanwhile. Try again.")
	case named != "" && named != c.Material.ID.String():
		return nil, fault(kmsapi.IncorrectKeyMaterialException, "The key material is not %s.", named)
	}
	terms.ID = c.Material.ID
	if c.Request.KeyMaterialDescription == nil {
		terms.Description = t.local.ImportOf(terms.ID).Description
	}
	if err := d.ask(t, family.ImportMaterial{Import: terms, New: t.importsNew(c.Request)}, c.Material); err != nil {
		return nil, err
	}
	return &kmsapi.ImportKeyMaterialResponse{KeyId: new(t.arn), KeyMaterialId: t.materialName(terms.ID)}, nil
}

// importable finds a key that takes imported material, in a state that allows op.
func (v *View) importable(f Facts, op string, id *string) (*target, error) {
	t, err := v.manage(f, op, id)
	if err != nil {
		return nil, err
	}
	return t, t.wrongKind(op)
}

// terms are until when a material is to be kept, and what it is called.
func (t *target) terms(now int64, in *kmsapi.ImportKeyMaterialRequest) (family.Import, error) {
	symmetric := t.rotates() == nil
	switch {
	case !symmetric && (in.ImportType != nil || in.KeyMaterialId != nil || in.KeyMaterialDescription != nil):
		return family.Import{}, fault(kmsapi.ValidationException, "ImportType, KeyMaterialId and KeyMaterialDescription are only valid for symmetric encryption keys.")
	case in.KeyMaterialId != nil && string(val(in.ImportType)) == "NEW_KEY_MATERIAL":
		return family.Import{}, fault(kmsapi.ValidationException, "KeyMaterialId is not valid with ImportType NEW_KEY_MATERIAL.")
	}
	terms := family.Import{Description: val(in.KeyMaterialDescription)}
	if in.ExpirationModel != nil && *in.ExpirationModel == modelForever {
		if in.ValidTo != nil {
			return family.Import{}, fault(kmsapi.ValidationException, "ValidTo is not valid with ExpirationModel %s.", modelForever)
		}
		return terms, nil
	}
	if in.ValidTo == nil {
		return family.Import{}, fault(kmsapi.ValidationException, "ValidTo is required with ExpirationModel %s.", modelExpires)
	}
	terms.Expires, terms.ValidTo = true, int64(*in.ValidTo)
	if terms.ValidTo <= now || terms.ValidTo > now+longestImport {
		return family.Import{}, fault(kmsapi.ValidationException, "ValidTo must be in the future, and within 365 days.")
	}
	return terms, nil
}

// importsNew reports whether an import is meant to bring material that the key does not have.
func (t *target) importsNew(in *kmsapi.ImportKeyMaterialRequest) bool {
	if in.ImportType != nil {
		return *in.ImportType == "NEW_KEY_MATERIAL"
	}
	return len(t.local.Record.Materials) == 0 && in.KeyMaterialId == nil
}

// materialName is the id of a material as an answer shows it: of keys that can have several.
func (t *target) materialName(id family.MaterialID) *string {
	if id.IsZero() || t.rotates() != nil {
		return nil
	}
	return new(id.String())
}

// DeleteImportedKeyMaterial erases imported key material in this Region.
type DeleteImportedKeyMaterial struct {
	Request *kmsapi.DeleteImportedKeyMaterialRequest
}

// Operation implements Command.
func (DeleteImportedKeyMaterial) Operation() string { return "DeleteImportedKeyMaterial" }

func (c DeleteImportedKeyMaterial) decide(d *draft) (any, error) {
	t, err := d.importable(d.facts, "DeleteImportedKeyMaterial", c.Request.KeyId)
	if err != nil {
		return nil, err
	}
	id := t.local.Record.Current
	if named := c.Request.KeyMaterialId; named != nil {
		if !t.lists(*named) {
			return nil, fault(kmsapi.NotFoundException, "Key material %s of %s does not exist", *named, t.arn)
		}
		_, _ = hex.Decode(id[:], []byte(*named)) // a listed id is well formed
	}
	if err := d.ask(t, family.DeleteMaterial{Material: id}); err != nil {
		return nil, err
	}
	return &kmsapi.DeleteImportedKeyMaterialResponse{KeyId: new(t.arn), KeyMaterialId: t.materialName(id)}, nil
}

// ImportParameters is which key a GetParametersForImport makes parameters for.
type ImportParameters struct {
	Ref Ref
	ARN string
}

// GetParametersForImport finds the key of the operation, if it takes material that comes in this wrapping.
func (v *View) GetParametersForImport(f Facts, in *kmsapi.GetParametersForImportRequest) (*ImportParameters, error) {
	t, err := v.importable(f, "GetParametersForImport", in.KeyId)
	if err != nil {
		return nil, err
	}
	if err := t.wrapping(string(val(in.WrappingAlgorithm)), string(val(in.WrappingKeySpec))); err != nil {
		return nil, err
	}
	return &ImportParameters{Ref: t.ref, ARN: t.arn}, nil
}

// wrapping refuses algorithms and wrapping keys that do not go together, or not with the key's material.
func (t *target) wrapping(algorithm, wrapper string) error {
	const sm2, pkcs1 = "SM2", "RSAES_PKCS1_V1_5"
	direct := algorithm == "RSAES_OAEP_SHA_1" || algorithm == "RSAES_OAEP_SHA_256"
	spec := t.local.Record.Spec
	unsupported := func(format string, args ...any) error {
		return fault(kmsapi.UnsupportedOperationException, format, args...)
	}
	w, _ := keyspec.Lookup(wrapper)
	switch {
	case !w.In(t.view.place.Partition):
		return unsupported("WrappingKeySpec %s is not supported in this Region.", wrapper)
	case algorithm == pkcs1:
		return unsupported("WrappingAlgorithm %s is not supported any more.", algorithm)
	case (algorithm == "SM2PKE") != (wrapper == sm2):
		return unsupported("WrappingAlgorithm %s is not valid with WrappingKeySpec %s.", algorithm, wrapper)
	case direct && (spec == "RSA_2048" || spec == "RSA_3072" || spec == "RSA_4096"):
		return unsupported("WrappingAlgorithm %s cannot wrap material of key spec %s.", algorithm, spec)
	case direct && wrapper == "RSA_2048" && spec == "ECC_NIST_P521":
		return unsupported("WrappingAlgorithm %s with WrappingKeySpec %s cannot wrap material of key spec %s.", algorithm, wrapper, spec)
	}
	return nil
}

// ImportTarget finds the key that an ImportKeyMaterial names, and its spec, so that the material can be
// read. The state of the key is left to the decision.
func (v *View) ImportTarget(f Facts, in *kmsapi.ImportKeyMaterialRequest) (Ref, string, error) {
	return v.Resolve(f, "ImportKeyMaterial", val(in.KeyId))
}

// importExpired reports whether a material that the key needs is beyond its date and not erased yet.
func (t *target) importExpired(now int64) bool {
	for _, m := range t.local.Imports {
		if m.Expires && m.ValidTo <= now && t.local.Record.Permanent(m.ID) {
			return true
		}
	}
	return false
}

// describeImports tells until when a key has all its material.
func (t *target) describeImports(m *kmsapi.KeyMetadata) {
	if t.local.Record.Origin != originExternal {
		return
	}
	for _, id := range t.local.Held {
		if !t.local.Record.Permanent(id) {
			continue
		}
		imported := t.local.ImportOf(id)
		switch {
		case !imported.Expires && m.ExpirationModel == nil:
			m.ExpirationModel = new(modelForever)
		case imported.Expires && (m.ValidTo == nil || imported.ValidTo < int64(*m.ValidTo)):
			m.ExpirationModel, m.ValidTo = new(modelExpires), timestamp(imported.ValidTo)
		}
	}
}

// describeImport adds to a list's entry what imported material has beyond others.
func (t *target) describeImport(e *kmsapi.RotationsListEntry, id family.MaterialID) {
	r := &t.local.Record
	if r.Origin != originExternal {
		return
	}
	if id == r.Pending {
		e.KeyMaterialState = new(kmsapi.KeyMaterialState("PENDING_MULTI_REGION_IMPORT_AND_ROTATION"))
		if !r.Multi || family.EverywhereHeld(t.view.place.Region, t.local, id) {
			e.KeyMaterialState = new(kmsapi.KeyMaterialState("PENDING_ROTATION"))
		}
	}
	imported := t.local.ImportOf(id)
	if imported.Description != "" {
		e.KeyMaterialDescription = new(imported.Description)
	}
	e.ImportState = new(kmsapi.ImportStatePendingImport)
	if !t.holds(id) {
		return
	}
	e.ImportState, e.ExpirationModel = new(kmsapi.ImportStateImported), new(modelForever)
	if imported.Expires {
		e.ExpirationModel, e.ValidTo = new(modelExpires), timestamp(imported.ValidTo)
	}
}

func (t *target) holds(id family.MaterialID) bool { return slices.Contains(t.local.Held, id) }

// lists reports whether a material of that name is associated with the key.
func (t *target) lists(name string) bool {
	return slices.ContainsFunc(t.local.Record.Materials, func(m family.Material) bool { return m.ID.String() == name })
}
