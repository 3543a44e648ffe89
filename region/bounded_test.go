package region

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"meridian/keyengine/primitive"
)

// blocking is a provider whose material is made when the test says so.
type blocking struct {
	spec    string
	running *atomic.Int32
	release chan struct{}
}

func (b blocking) Spec() string { return b.spec }

func (b blocking) Generate(io.Reader) (primitive.Material, error) {
	b.running.Add(1)
	defer b.running.Add(-1)
	<-b.release
	return primitive.NewMaterial([]byte(b.spec)), nil
}

func (b blocking) Import([]byte) (primitive.Material, error) {
	return primitive.Material{}, primitive.ErrMaterial
}

func TestSlowMaterialIsMadeAFewAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rsa := blocking{"RSA_2048", new(atomic.Int32), make(chan struct{})}
		aes := blocking{"SYMMETRIC_DEFAULT", new(atomic.Int32), make(chan struct{})}
		close(aes.release)
		b := newBounded(primitive.NewSet(rsa, aes), nil)
		b.slots = make(chan struct{}, 2)
		made := make(chan error, 5)
		for range 5 {
			go func() {
				_, err := b.Generate(t.Context(), "RSA_2048")
				made <- err
			}()
		}
		synctest.Wait()
		if n := rsa.running.Load(); n != 2 {
			t.Errorf("%d are made at once", n)
		}
		if m, err := b.Generate(t.Context(), "SYMMETRIC_DEFAULT"); err != nil || m.Len() == 0 {
			t.Errorf("what is quick had to wait: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := b.Generate(ctx, "RSA_2048"); !errors.Is(err, context.Canceled) {
			t.Errorf("a call that has ended still waits: %v", err)
		}
		close(rsa.release)
		for range 5 {
			if err := <-made; err != nil {
				t.Error(err)
			}
		}
	})
}
