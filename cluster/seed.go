package cluster

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"meridian/cluster/control"
	"meridian/cluster/seed"
	"meridian/keyengine/kmsapi"
)

// seedPause is the time between two looks at a replica that is being made.
const seedPause = 50 * time.Millisecond

// Seeded says what became of a seed file.
type Seeded struct {
	Made int `json:"made"` // keys
	Left int `json:"left"` // keys that were there already, or had been deleted
}

// Seed makes the keys of a seed file that the cluster does not know. A key that it knows is left as it is; aliases
// and replicas that such a key lacks are made, because an earlier attempt may have ended before them.
func (c *Cluster) Seed(ctx context.Context, f *seed.File) (s Seeded, err error) {
	for i := range f.Keys {
		k := &f.Keys[i]
		made, err := c.seedKey(ctx, k)
		if err != nil {
			return s, fmt.Errorf("line %d: key %s: %w", k.Line, k.ID, err)
		}
		if made {
			s.Made++
		} else {
			s.Left++
		}
	}
	return s, nil
}

func (c *Cluster) seedKey(ctx context.Context, k *seed.Key) (made bool, err error) {
	at := seeder{c, k.Account}
	known, err := at.known(ctx, k)
	if err != nil {
		return false, err
	}
	if !known {
		if made, err = at.make(ctx, k); err != nil {
			return false, err
		}
	}
	if made {
		if err := at.finish(ctx, k); err != nil {
			return true, err
		}
	}
	steps := []func() error{}
	for _, name := range k.Aliases {
		steps = append(steps, func() error { return at.alias(ctx, k.Region, k.ID, name) })
	}
	for i := range k.Replicas {
		steps = append(steps, func() error { return at.replica(ctx, k, &k.Replicas[i]) })
	}
	for _, step := range steps {
		err := step()
		var fault *control.Fault
		switch {
		case errors.As(err, &fault) && !made: // what became of the key since is not for a seed file to mend
			c.Note("seed: line %d: key %s is left as it is: %v", k.Line, k.ID, fault)
			return false, nil
		case err != nil:
			return made, err
		}
	}
	return made, nil
}

// seeder makes calls as the root of an account.
type seeder struct {
	*Cluster
	account string
}

// known says whether any Region has the key already. A multi-Region key may have moved: made anew it would be a
// second key of the same id.
func (s seeder) known(ctx context.Context, k *seed.Key) (bool, error) {
	if k.Create.MultiRegion == nil {
		return false, nil // its Region knows
	}
	for _, r := range s.File.Regions {
		err := s.call(ctx, r.Name, "DescribeKey", &kmsapi.DescribeKeyRequest{KeyId: new(k.ID)}, nil)
		if err == nil {
			return true, nil
		}
		if !is(err, kmsapi.NotFoundException) {
			return false, fmt.Errorf("look for it in %s: %w", r.Name, err)
		}
	}
	return false, nil
}

// make makes the key itself.
func (s seeder) make(ctx context.Context, k *seed.Key) (made bool, err error) {
	client, err := s.leaderOf(ctx, k.Region)
	if err != nil {
		return false, err
	}
	request, err := json.Marshal(k.Create)
	if err != nil {
		return false, err
	}
	asked := control.SeedKey{Account: s.account, KeyID: k.ID, Request: request}
	if !k.External() {
		asked.Material = k.Material
	}
	answer, err := client.SeedKey(ctx, asked)
	if err == nil && answer.Fault != nil {
		err = answer.Fault
	}
	return answer.Made, err
}

// finish gives a new key what its making could not.
func (s seeder) finish(ctx context.Context, k *seed.Key) error {
	if k.External() && k.Material != nil {
		if err := s.importMaterial(ctx, k); err != nil {
			return err
		}
	}
	if k.RotationDays == 0 {
		return nil
	}
	return s.call(ctx, k.Region, "EnableKeyRotation", &kmsapi.EnableKeyRotationRequest{
		KeyId: new(k.ID), RotationPeriodInDays: new(k.RotationDays),
	}, nil)
}

// importMaterial brings material into a key of origin EXTERNAL the way every caller does.
func (s seeder) importMaterial(ctx context.Context, k *seed.Key) error {
	var p kmsapi.GetParametersForImportResponse
	err := s.call(ctx, k.Region, "GetParametersForImport", &kmsapi.GetParametersForImportRequest{
		KeyId: new(k.ID), WrappingAlgorithm: new(kmsapi.AlgorithmSpec("RSAES_OAEP_SHA_256")), WrappingKeySpec: new(kmsapi.WrappingKeySpec("RSA_2048")),
	}, &p)
	if err != nil {
		return err
	}
	parsed, err := x509.ParsePKIXPublicKey(p.PublicKey)
	if err != nil {
		return fmt.Errorf("wrapping key: %w", err)
	}
	public, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return fmt.Errorf("wrapping key: a %T", parsed)
	}
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public, k.Material, nil)
	if err != nil {
		return fmt.Errorf("wrap the material: %w", err)
	}
	return s.call(ctx, k.Region, "ImportKeyMaterial", &kmsapi.ImportKeyMaterialRequest{
		KeyId: new(k.ID), ImportToken: p.ImportToken, EncryptedKeyMaterial: wrapped,
		ExpirationModel: new(kmsapi.ExpirationModelType("KEY_MATERIAL_DOES_NOT_EXPIRE")),
	}, nil)
}

// alias makes an alias of a key. One that leads to another key is an error: nobody's alias is moved.
func (s seeder) alias(ctx context.Context, region, keyID, name string) error {
	err := s.call(ctx, region, "CreateAlias", &kmsapi.CreateAliasRequest{AliasName: &name, TargetKeyId: &keyID}, nil)
	if !is(err, kmsapi.AlreadyExistsException) {
		return err
	}
	var d kmsapi.DescribeKeyResponse
	if asked := s.call(ctx, region, "DescribeKey", &kmsapi.DescribeKeyRequest{KeyId: &name}, &d); asked != nil {
		return asked
	}
	if there := *d.KeyMetadata.KeyId; there != keyID {
		return fmt.Errorf("%w It leads to key %s; delete it, or take it out of the file", err, there)
	}
	return nil
}

// replica makes a replica and its aliases. It waits for the replica, because an alias needs its key.
func (s seeder) replica(ctx context.Context, k *seed.Key, x *seed.Replica) error {
	err := s.call(ctx, k.Region, "ReplicateKey", x.Replicate, nil)
	if err != nil && !is(err, kmsapi.AlreadyExistsException) {
		return err
	}
	for {
		var d kmsapi.DescribeKeyResponse
		err := s.call(ctx, x.Region, "DescribeKey", &kmsapi.DescribeKeyRequest{KeyId: new(k.ID)}, &d)
		if err == nil && *d.KeyMetadata.KeyState != "Creating" {
			break
		}
		if err != nil && !is(err, kmsapi.NotFoundException) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: its replica in %s is not there yet", ErrUnknown, x.Region)
		case <-time.After(seedPause):
		}
	}
	for _, name := range x.Aliases {
		if err := s.alias(ctx, x.Region, k.ID, name); err != nil {
			return err
		}
	}
	return nil
}

// call makes a call at a Region's leader; a fault is a *control.Fault.
func (s seeder) call(ctx context.Context, region, operation string, in, out any) error {
	client, err := s.leaderOf(ctx, region)
	if err != nil {
		return err
	}
	input, err := json.Marshal(in)
	if err != nil {
		return err
	}
	answer, err := client.Call(ctx, control.Call{Account: s.account, Operation: operation, Input: input})
	if err != nil {
		return fmt.Errorf("%s in %s: %w", operation, region, err)
	}
	if answer.Fault != nil {
		return fmt.Errorf("%s in %s: %w", operation, region, answer.Fault)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer.Output, out)
}

func (s seeder) leaderOf(ctx context.Context, region string) (*control.Client, error) {
	i := slices.Index(s.File.Names(), region)
	if i < 0 {
		return nil, fmt.Errorf("%w: the cluster has no Region %q", ErrUsage, region)
	}
	return s.toLeader(ctx, i)
}

// is says whether err is a fault of that code.
func is(err error, code string) bool {
	var fault *control.Fault
	return errors.As(err, &fault) && fault.Code == code
}
