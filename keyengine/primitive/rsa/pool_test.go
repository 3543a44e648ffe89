package rsa_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"

	"meridian/keyengine/primitive"
	"meridian/keyengine/primitive/rsa"
)

// slow is a provider whose keys are made when the test says so.
type slow struct {
	spec  string
	keys  chan primitive.Material
	fails chan error
}

func newSlow(spec string) slow {
	return slow{spec, make(chan primitive.Material), make(chan error)}
}

func (s slow) Spec() string { return s.spec }
func (s slow) Generate(io.Reader) (primitive.Material, error) {
	select {
	case m := <-s.keys:
		return m, nil
	case err := <-s.fails:
		return primitive.Material{}, err
	}
}
func (s slow) Import([]byte) (primitive.Material, error) { panic("not asked for") }

// begun reports whether a key of this spec is being made.
func (s slow) begun() bool {
	synctest.Wait()
	select {
	case s.fails <- errors.New("looked at"):
		return true
	default:
		return false
	}
}

func (s slow) make(name string) primitive.Material {
	m := primitive.NewMaterial([]byte(name))
	s.keys <- m
	return m
}

// got is what a call of Generate returned.
type got struct {
	material primitive.Material
	err      error
}

func ask(ctx context.Context, p *rsa.Pool, spec string) chan got {
	c := make(chan got, 1)
	go func() {
		m, err := p.Generate(ctx, spec)
		c <- got{m, err}
	}()
	synctest.Wait()
	return c
}

func (g got) is(t *testing.T, name string) {
	t.Helper()
	if g.err != nil || string(g.material.Bytes()) != name {
		t.Errorf("got %q, %v, want %q", g.material.Bytes(), g.err, name)
	}
}

func TestPoolServesInOrderAndKeepsSomeReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newSlow("A"), newSlow("B")
		p := rsa.NewPool(rsa.Config{Providers: []primitive.Provider{a, b}, Ready: 2, Waiting: 3})
		if a.begun() || b.begun() {
			t.Error("keys that nobody asked for")
		}
		first, second, third := ask(t.Context(), p, "A"), ask(t.Context(), p, "B"), ask(t.Context(), p, "A")
		if _, err := p.Generate(t.Context(), "A"); err != rsa.ErrBusy {
			t.Errorf("the fourth: %v", err)
		}
		a.make("a1")
		(<-first).is(t, "a1")
		b.make("b1")
		(<-second).is(t, "b1")
		a.make("a2")
		(<-third).is(t, "a2")
		spares := []primitive.Material{a.make("a3"), a.make("a4"), b.make("b2"), b.make("b3")}
		if a.begun() || b.begun() {
			t.Error("more keys than are to be ready")
		}
		(<-ask(t.Context(), p, "A")).is(t, "a3") // at once
		last := a.make("a5")
		p.Close()
		for _, m := range append(spares[1:], last) {
			if m.Bytes() != nil {
				t.Errorf("%q outlives the pool", m.Bytes())
			}
		}
		if spares[0].Bytes() == nil {
			t.Error("a key that was given away is destroyed")
		}
		if _, err := p.Generate(t.Context(), "A"); err != rsa.ErrClosed {
			t.Error(err)
		}
		p.Close() // twice is no error
	})
}

func TestPoolFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newSlow("A")
		p := rsa.NewPool(rsa.Config{Providers: []primitive.Provider{a}, Ready: 1, Waiting: 1})
		call := ask(t.Context(), p, "A")
		want := errors.New("no randomness")
		a.fails <- want
		if got := <-call; got.err != want {
			t.Error(got.err)
		}
		if !a.begun() { // which fails it
			t.Error("no try to have one ready")
		}
		if a.begun() {
			t.Error("tried again though nobody asks")
		}
		call = ask(t.Context(), p, "A")
		a.make("a1")
		(<-call).is(t, "a1")
		a.make("a2")
		p.Close()
	})
}

func TestPoolCallThatLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newSlow("A")
		p := rsa.NewPool(rsa.Config{Providers: []primitive.Provider{a}, Ready: 1, Waiting: 2})
		ctx, cancel := context.WithCancel(t.Context())
		leaves, stays := ask(ctx, p, "A"), ask(t.Context(), p, "A")
		cancel()
		if got := <-leaves; got.err != context.Canceled {
			t.Error(got.err)
		}
		a.make("a1")
		(<-stays).is(t, "a1")
		a.make("a2")
		p.Close()
	})
}

func TestPoolClosesWhileCallsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newSlow("A")
		p := rsa.NewPool(rsa.Config{Providers: []primitive.Provider{a}, Ready: 1, Waiting: 1})
		call := ask(t.Context(), p, "A")
		closed := make(chan struct{})
		go func() { p.Close(); close(closed) }()
		if got := <-call; got.err != rsa.ErrClosed {
			t.Error(got.err)
		}
		late := a.make("a1") // what was begun is ended
		<-closed
		if late.Bytes() != nil {
			t.Error("a key that nobody got is not destroyed")
		}
	})
}

func TestPoolOfRealKeys(t *testing.T) {
	p := rsa.NewPool(rsa.Config{Waiting: 1})
	defer p.Close()
	m, err := p.Generate(t.Context(), "RSA_2048")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (rsa.Provider{Bits: 2048}).Signer(m); err != nil {
		t.Error(err)
	}
	if _, err := p.Generate(t.Context(), "HMAC_256"); !errors.Is(err, primitive.ErrSpec) {
		t.Error(err)
	}
	if p.Has("HMAC_256") || !p.Has("RSA_4096") {
		t.Error("another set of specs")
	}
}
