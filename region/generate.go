package region

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"meridian/keyengine/kmsapi"
	"meridian/keyengine/primitive"
)

// Generator makes key material. RSA takes seconds of a processor: a Generator bounds how much of that
// goes on at once, and only the calls that need it wait.
type Generator interface {
	// Generate makes material of a key spec. Its errors are a *kmsapi.Fault for the caller, ctx's error
	// or a defect.
	Generate(ctx context.Context, spec string) (primitive.Material, error)
}

// slowExtra is how much longer a call may take that makes material of a slow spec.
const slowExtra = 2 * time.Second

// errSlow is the fault of a call that ended before its material was made.
var errSlow = &kmsapi.Fault{
	Code: kmsapi.DependencyTimeoutException, Message: "The system timed out while it made key material. Try again.",
}

// slow reports whether material of a spec takes long to make.
func slow(spec string) bool { return strings.HasPrefix(spec, "RSA_") }

// bounded makes material when it is asked for.
type bounded struct {
	set    primitive.Set
	random io.Reader
	slots  chan struct{} // of slow specs at once
}

// newBounded returns a Generator that leaves a processor to the rest of the node.
func newBounded(set primitive.Set, random io.Reader) *bounded {
	return &bounded{set: set, random: random, slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1))}
}

// Generate implements Generator.
func (b *bounded) Generate(ctx context.Context, spec string) (primitive.Material, error) {
	if slow(spec) {
		select {
		case b.slots <- struct{}{}:
			defer func() { <-b.slots }()
		case <-ctx.Done():
			return primitive.Material{}, ctx.Err()
		}
	}
	return b.set.Generate(spec, b.random)
}

// generate makes material for a call. Its errors are faults, but for defects.
func (r *Region) generate(ctx context.Context, spec string) (primitive.Material, error) {
	m, err := r.Generator.Generate(ctx, spec)
	if ctx.Err() != nil { // nobody waits for it any more
		m.Destroy()
		return primitive.Material{}, errSlow
	}
	var fault *kmsapi.Fault
	switch {
	case errors.As(err, &fault):
		return primitive.Material{}, fault
	case err != nil:
		return primitive.Material{}, fmt.Errorf("make key material: %w", err)
	}
	return m, nil
}

// patience is how long a call may take at the leader.
func patience(in kmsapi.Input) time.Duration {
	if create, ok := in.(*kmsapi.CreateKeyRequest); ok && (create.KeySpec != nil && slow(string(*create.KeySpec)) ||
		create.CustomerMasterKeySpec != nil && slow(string(*create.CustomerMasterKeySpec))) {
		return leaderTimeout + slowExtra
	}
	return leaderTimeout
}
