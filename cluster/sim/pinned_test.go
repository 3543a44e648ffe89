package sim

import "testing"

// TestOnceBroken plays seeds that broke a promise once. Why they did is told by the stories of keyengine/family, which
// keep their meaning when the simulation draws differently: these seeds may not.
func TestOnceBroken(t *testing.T) {
	for _, pinned := range []struct {
		seed    uint64
		hostile bool
		broke   Invariant
	}{
		// Secrets of an earlier life were taken in by a Region that had answered the new one.
		{seed: 10075099, broke: DecryptAnywhere},
		{seed: 10332974, broke: DecryptAnywhere},
		// All materials were lost with a history and deleted elsewhere; the primary waited for ever.
		{seed: 10106644, broke: TokenNotLost},
		{seed: 10120402, broke: TokenNotLost},
		{seed: 10144147, broke: TokenNotLost},
		{seed: 10182635, broke: TokenNotLost},
		{seed: 10363883, broke: TokenNotLost},
		{seed: 10403600, broke: TokenNotLost},
		{seed: 10479364, broke: TokenNotLost},
		// Two Regions were restored at once.
		{seed: 10144540, broke: CryptoContinuity},
		// Two lives of a Region began in one epoch, and nobody knew of the first.
		{seed: 10585520, broke: SingleWriter},
		// A reborn orphan erased what a reborn primary had forgotten.
		{seed: 11865601, broke: NoSilentMaterialLoss},
		// A primary promoted by force held a material that it alone knew.
		{seed: 30087156, hostile: true, broke: SharedPropertiesConverge},
		// Two Regions began a life of their own in one epoch.
		{seed: 100332126, broke: AtMostOnePrimaryPerEpoch},
		// A Region took in another's secrets after the primary had heard it.
		{seed: 101986714, broke: DecryptAnywhere},
		// Callers deleted the last copy of what a restored Region had forgotten.
		{seed: 101744525, broke: NoSilentMaterialLoss},
		// Two members were promoted by force, and the second had not heard of the first.
		{seed: 300308346, hostile: true, broke: DecryptAnywhere},
	} {
		for _, f := range Run(Options{Base: pinned.seed, Seeds: 1, Hostile: pinned.hostile, Workers: 1}).Failures {
			t.Errorf("broke %s once: %v", pinned.broke, f)
		}
	}
}
