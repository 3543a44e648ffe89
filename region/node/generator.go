package node

import (
	"context"
	"errors"
	"io"

	"meridian/keyengine/kmsapi"
	"meridian/keyengine/primitive"
	"meridian/keyengine/primitive/rsa"
)

// Bounds of the pool of RSA keys: a key of 4096 bits takes seconds, and a node has other work.
const (
	readyKeys    = 2
	waitingCalls = 16
)

// generator makes material: RSA keys one after another in the background, some ahead, all else at once.
type generator struct {
	pool   *rsa.Pool
	set    primitive.Set
	random io.Reader
}

// newGenerator returns a generator whose pool Close ends.
func newGenerator(set primitive.Set, random io.Reader) *generator {
	return &generator{
		pool: rsa.NewPool(rsa.Config{Rand: random, Ready: readyKeys, Waiting: waitingCalls}),
		set:  set, random: random,
	}
}

// Generate implements region.Generator.
func (g *generator) Generate(ctx context.Context, spec string) (primitive.Material, error) {
	if !g.pool.Has(spec) {
		return g.set.Generate(spec, g.random)
	}
	m, err := g.pool.Generate(ctx, spec)
	if errors.Is(err, rsa.ErrBusy) {
		return m, kmsapi.Errorf(kmsapi.ThrottlingException, "Too many calls wait for RSA keys. Reduce the frequency of your calls.")
	}
	return m, err
}

// Close ends the pool.
func (g *generator) Close() { g.pool.Close() }
