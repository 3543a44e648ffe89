package keyengine

import (
	"slices"
	"strings"
	"unicode/utf8"

	"meridian/keyengine/keyspec"
	"meridian/keyengine/kmsapi"
)

// Bounds of a grant's constraints.
const (
	maxConstraintPairs = 8
	maxConstraintChars = 384  // of one value
	maxConstraintBytes = 8192 // of all names and values of one constraint: no encryption context is longer
)

// Pair is one name and value of an encryption context that a grant speaks of.
type Pair struct {
	_     struct{} `cbor:",toarray"`
	Name  string
	Value string
}

// grantConstraints checks the constraints of a grant.
func grantConstraints(in *kmsapi.GrantConstraints, spec keyspec.Spec) (equals, subset []Pair, err error) {
	if in == nil {
		return nil, nil, nil
	}
	if spec.Class != keyspec.Symmetric && (in.EncryptionContextEquals != nil || in.EncryptionContextSubset != nil) {
		return nil, nil, fault(kmsapi.ValidationException, "A grant for a key with KeySpec %s cannot be constrained by an encryption context.", spec.Name)
	}
	if in.EncryptionContextEquals != nil && len(in.EncryptionContextEquals) == 0 {
		return nil, nil, fault(kmsapi.ValidationException, "EncryptionContextEquals must not be empty.")
	}
	if equals, err = constraintPairs(in.EncryptionContextEquals); err != nil {
		return nil, nil, err
	}
	subset, err = constraintPairs(in.EncryptionContextSubset)
	return equals, subset, err
}

func constraintPairs(context map[string]string) ([]Pair, error) {
	if len(context) > maxConstraintPairs {
		return nil, fault(kmsapi.ValidationException, "A grant constraint may have at most %d encryption context pairs.", maxConstraintPairs)
	}
	size := 0
	for name, value := range context {
		size += len(name) + len(value)
		if utf8.RuneCountInString(value) > maxConstraintChars {
			return nil, fault(kmsapi.ValidationException, "An encryption context value in a grant constraint may have at most %d characters.", maxConstraintChars)
		}
	}
	if size > maxConstraintBytes {
		return nil, fault(kmsapi.ValidationException, "A grant constraint may have at most %d bytes.", maxConstraintBytes)
	}
	return pairsOf(context), nil
}

// pairsOf are the pairs of an encryption context, sorted.
func pairsOf(context map[string]string) []Pair {
	var pairs []Pair
	for name, value := range context {
		pairs = append(pairs, Pair{Name: name, Value: value})
	}
	slices.SortFunc(pairs, comparePairs)
	return pairs
}

func comparePairs(a, b Pair) int {
	if c := strings.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	return strings.Compare(a.Value, b.Value)
}

// contextOf is the reverse of pairsOf.
func contextOf(pairs []Pair) map[string]string {
	if len(pairs) == 0 {
		return nil
	}
	context := map[string]string{}
	for _, p := range pairs {
		context[p.Name] = p.Value
	}
	return context
}

// Allows reports whether the grant covers an operation with this encryption context. Who the grantee
// is, and whether a grant that a grant allows to be made is as strict as it, is not looked at.
func (g *Grant) Allows(op string, context map[string]string) bool {
	if !slices.Contains(g.Operations, op) {
		return false
	}
	return !takesContext(op) || g.matches(context)
}

// WhyNot says why the grant does not allow an operation with this encryption context; empty if it does.
func (g *Grant) WhyNot(op string, context map[string]string) string {
	switch {
	case !slices.Contains(g.Operations, op):
		return "the operation " + op + " is not among " + strings.Join(g.Operations, ", ")
	case takesContext(op) && !g.matches(context):
		return "the encryption context does not meet the grant's constraints"
	}
	return ""
}

// takesContext reports whether an operation has an encryption context, which constraints are about.
func takesContext(op string) bool {
	switch op {
	case "DescribeKey", "RetireGrant", "CreateGrant", "GetPublicKey":
		return false
	}
	return true
}

// matches reports whether an encryption context meets the grant's constraints. In a constraint names
// count without regard to case, values with.
func (g *Grant) matches(context map[string]string) bool {
	given := folded(pairsOf(context))
	if len(g.Equals) > 0 && !slices.Equal(given, folded(g.Equals)) {
		return false
	}
	for _, p := range folded(g.Subset) {
		if !slices.Contains(given, p) {
			return false
		}
	}
	return true
}

func folded(pairs []Pair) []Pair {
	out := slices.Clone(pairs)
	for i := range out {
		out[i].Name = strings.ToLower(out[i].Name)
	}
	slices.SortFunc(out, comparePairs)
	return out
}
