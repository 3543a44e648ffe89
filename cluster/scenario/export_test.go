package scenario

import (
	"context"
	"io"

	"meridian/cluster/world"
)

// Steps is the number of a scenario's steps outside of blocks.
func (s *Scenario) Steps() int { return len(s.steps) }

// A Stage is where a scenario was stopped.
type Stage struct{ r *runner }

// RunTo plays the first steps of a scenario.
func RunTo(ctx context.Context, s *Scenario, w world.World, steps int) (*Stage, Report) {
	part := *s
	part.steps = s.steps[:steps]
	r, report := run(ctx, &part, w, io.Discard)
	return &Stage{r}, report
}

// Ciphertexts are the names of those that were saved and are of a key.
func (s *Stage) Ciphertexts(keyID string) (names []string) {
	for name, id := range s.r.sealedBy {
		if _, ok := s.r.ciphers[name]; ok && id == keyID {
			names = append(names, name)
		}
	}
	return names
}

// Decrypt says what is wrong with decrypting a ciphertext in a Region; empty: nothing.
func (s *Stage) Decrypt(ctx context.Context, name, region string) (string, error) {
	return s.r.ciphers[name].decrypt(ctx, s.r.world, region)
}
