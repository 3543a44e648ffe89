package node

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"

	"meridian/keyengine/keyspec"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/primitive/builtin"
)

// Of calls for RSA keys only so many wait; the others are told at once, and other specs do not wait.
func TestRSAKeysAreMadeOneAfterAnother(t *testing.T) {
	g := newGenerator(builtin.Set(), rand.Reader)
	defer g.Close()
	ctx, cancel := context.WithCancel(t.Context())
	const calls = waitingCalls + 8
	results := make(chan error, calls)
	for range calls {
		go func() {
			_, err := g.Generate(ctx, "RSA_4096")
			results <- err
		}()
	}
	throttled := 0
	for range calls - waitingCalls - 1 { // one may be made meanwhile
		var f *kmsapi.Fault
		if err := <-results; errors.As(err, &f) && f.Code == kmsapi.ThrottlingException {
			throttled++
		} else if err != nil {
			t.Error(err)
		}
	}
	if throttled == 0 {
		t.Error("nobody was told to come later")
	}
	m, err := g.Generate(ctx, keyspec.SymmetricDefault)
	if err != nil || m.Len() == 0 {
		t.Errorf("what is quick: %v", err)
	}
	cancel()
	for range waitingCalls + 1 {
		<-results
	}
}
