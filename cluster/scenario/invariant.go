package scenario

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"meridian/keyengine/kmsapi"
)

// invariants are what must be so at any time, whatever was done: at most one Region acts as a key's primary, and a
// ciphertext decrypts wherever its key is enabled.
type invariants struct{}

func (invariants) holds(ctx context.Context, r *runner) (bool, string, error) {
	for _, k := range r.keys {
		var primaries []string
		for _, region := range r.world.Regions() {
			a, out, err := r.describe(ctx, region, k.name)
			if err != nil {
				return false, "", err
			}
			if a.Code == kmsapi.NotFoundException || unavailable(a) {
				continue
			}
			role, _ := at(out, "KeyMetadata.MultiRegionConfiguration.MultiRegionKeyType")
			state, _ := at(out, "KeyMetadata.KeyState")
			if role == "PRIMARY" && state != "Updating" {
				primaries = append(primaries, region)
			}
			if state != "Enabled" {
				continue
			}
			if got, err := r.opensAll(ctx, k, region); got != "" || err != nil {
				return false, got, err
			}
		}
		if len(primaries) > 1 {
			return false, fmt.Sprintf("%s has primaries in %s", k.name, strings.Join(primaries, " and ")), nil
		}
	}
	return true, "", nil
}

// opensAll decrypts in a Region every ciphertext of a key that the scenario keeps, and returns what was wrong.
func (r *runner) opensAll(ctx context.Context, k key, region string) (string, error) {
	for _, name := range slices.Sorted(maps.Keys(r.ciphers)) {
		if r.sealedBy[name] != k.id {
			continue
		}
		got, err := r.ciphers[name].decrypt(ctx, r.world, region)
		if got != "" || err != nil {
			return fmt.Sprintf("%s does not decrypt in %s, where %s is enabled: %s", name, region, k.name, got), err
		}
	}
	return "", nil
}
