package keyengine

import "slices"

// MayMake reports whether this grant, by its operation CreateGrant, lets another be made: one of no
// more operations, whose constraints are at least as strict. A subset may gain pairs or become
// equality, never the reverse.
func (g *Grant) MayMake(child *Grant) bool {
	if !slices.Contains(g.Operations, "CreateGrant") {
		return false
	}
	for _, op := range child.Operations {
		if !slices.Contains(g.Operations, op) {
			return false
		}
	}
	if len(g.Equals) > 0 && !slices.Equal(folded(child.Equals), folded(g.Equals)) {
		return false
	}
	given := append(folded(child.Equals), folded(child.Subset)...)
	for _, p := range folded(g.Subset) {
		if !slices.Contains(given, p) {
			return false
		}
	}
	return true
}
