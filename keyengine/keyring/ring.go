// Package keyring is a Region's key hierarchy.
//
//	root      of one node: the file root.key
//	ring      of a Region, the same on all its nodes: the file keystore, sealed under the root
//	KEK       one for each material, derived from the ring and the material's leaf
//	material  wrapped under its KEK: the only form in which it is ever stored
//
// Beside the wrapping of material the ring signs what the Region says to others, logs in to their
// brokers, opens what they seal to it, and seals tokens that callers keep.
//
// It promises that a keystore which was changed, belongs to another root or is of a newer format is
// refused; that a material opens only for the key, Region and leaf it was wrapped for; that sealing
// keys more than two steps old are gone; and that nothing in it prints a secret. It does not store
// material, and it does not hide a ring from who holds both root.key and keystore.
//
//	root, err := keyring.CreateRoot(rootPath, rand.Reader)
//	ring, err := keyring.New(clusterID, "us-east-1", rand.Reader)
//	err = ring.Save(keystorePath, root, rand.Reader)
//	…
//	root, err = keyring.LoadRoot(rootPath)
//	ring, err = keyring.Load(keystorePath, root)
//
// It starts no goroutines. A Ring is safe for concurrent use; a Sealer and an Opener are not.
package keyring

import (
	"crypto/ed25519"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/nats-io/nkeys"

	"meridian/keyengine/canonical"
	"meridian/keyengine/primitive"
)

// keyBytes is the length of every symmetric key and seed here.
const keyBytes = 32

// Ring is the keys of one Region.
type Ring struct {
	clusterID string
	region    string

	signing primitive.Material // seed of the Ed25519 key
	nkey    primitive.Material // seed of the user nkey
	master  primitive.Material // the Region key, from which KEKs are derived
	token   primitive.Material // from which token keys are derived
	public  Public

	// sign and signNonce hold the keys made of the two seeds; functions, because nothing prints them.
	sign      func(message []byte) []byte
	signNonce func(nonce []byte) ([]byte, error)

	mu    sync.Mutex
	chain chain // of sealing seeds
}

// Public is what other Regions learn of a ring.
type Public struct {
	Signing []byte // Ed25519 public key
	NKey    string // NATS public user nkey
}

// New makes the ring of a Region, of randomness from rand alone.
func New(clusterID, region string, rand io.Reader) (*Ring, error) {
	var seeds [5]primitive.Material
	for i := range seeds {
		m, err := primitive.ReadMaterial(rand, keyBytes)
		if err != nil {
			return nil, fmt.Errorf("make key ring of %s: %w", region, err)
		}
		seeds[i] = m
	}
	return assemble(&Ring{
		clusterID: clusterID, region: region,
		signing: seeds[0], nkey: seeds[1], master: seeds[2], token: seeds[3],
		chain: chain{seed: seeds[4]},
	})
}

// assemble makes the keys that the ring's seeds stand for.
func assemble(r *Ring) (*Ring, error) {
	if err := checkNames(r.clusterID, r.region); err != nil {
		return nil, err
	}
	err := r.signing.Use(func(seed []byte) error {
		key := ed25519.NewKeyFromSeed(seed)
		r.sign = func(message []byte) []byte { return ed25519.Sign(key, message) }
		r.public.Signing = []byte(key.Public().(ed25519.PublicKey))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	err = r.nkey.Use(func(seed []byte) error {
		pair, err := nkeys.FromRawSeed(nkeys.PrefixByteUser, seed)
		if err != nil {
			return err
		}
		r.signNonce = pair.Sign
		r.public.NKey, err = pair.PublicKey()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("nkey: %w", err)
	}
	return r, nil
}

// For returns the same keys as the ring of another cluster: of one that goes on from a backup of this one.
func (r *Ring) For(clusterID string) (*Ring, error) {
	c := r.contents()
	defer c.clear()
	c.ClusterID = clusterID
	plaintext := canonical.Marshal(c)
	defer clear(plaintext)
	return decodeContents(plaintext)
}

// ClusterID returns the id of the cluster that the ring was made for.
func (r *Ring) ClusterID() string { return r.clusterID }

// Region returns the Region that the ring was made for.
func (r *Ring) Region() string { return r.region }

// Public returns the ring's public keys.
func (r *Ring) Public() Public {
	return Public{Signing: append([]byte(nil), r.public.Signing...), NKey: r.public.NKey}
}

// String names the ring without showing any of it.
func (r *Ring) String() string { return "keyring(" + r.region + ")" }

// Format implements fmt.Formatter, so that no verb prints fields.
func (r *Ring) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// LogValue implements slog.LogValuer.
func (r *Ring) LogValue() slog.Value { return slog.StringValue(r.String()) }
