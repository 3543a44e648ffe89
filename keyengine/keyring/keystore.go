package keyring

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"meridian/keyengine/arn"
	"meridian/keyengine/canonical"
	"meridian/keyengine/primitive"
)

// Errors of reading a keystore.
var (
	// ErrKeystore refuses bytes that are no keystore, were changed, or are sealed under another root.
	ErrKeystore = errors.New("keystore is damaged or sealed under another root key")
	// ErrNewer refuses a file that a later build wrote.
	ErrNewer = errors.New("it is of a newer format")
)

// A keystore is magic, version, salt, then the sealed contents. The key is derived from the root and
// the salt, so each file written has a key of its own; all before the contents is authenticated.
const (
	keystoreMagic   = "MERIDIANKEYS"
	keystoreVersion = 1
	saltBytes       = 32
	headerBytes     = len(keystoreMagic) + 2 + saltBytes
)

// contents is what a keystore holds.
type contents struct {
	ClusterID string `cbor:"1,keyasint"`
	Region    string `cbor:"2,keyasint"`
	Signing   []byte `cbor:"3,keyasint"`
	NKey      []byte `cbor:"4,keyasint"`
	Master    []byte `cbor:"5,keyasint"`
	Token     []byte `cbor:"6,keyasint"`
	Step      uint64 `cbor:"7,keyasint"` // the current sealing step
	Oldest    uint64 `cbor:"8,keyasint"` // the step of Seed
	Seed      []byte `cbor:"9,keyasint"`
}

// secrets lists the fields that are keys.
func (c *contents) secrets() [][]byte {
	return [][]byte{c.Signing, c.NKey, c.Master, c.Token, c.Seed}
}

func (c *contents) clear() {
	for _, secret := range c.secrets() {
		clear(secret)
	}
}

// Save writes the ring to a file of mode 0600, in place of what was there: after a crash the file
// is the old one or the new one, whole.
func (r *Ring) Save(path string, root *Root, rand io.Reader) error {
	b, err := r.Encode(root, rand)
	if err != nil {
		return fmt.Errorf("save key ring: %w", err)
	}
	if err := replaceFile(path, b); err != nil {
		return fmt.Errorf("save key ring: %w", err)
	}
	return nil
}

// Load reads a ring that was saved under the same root. It refuses a file that others than its
// owner may read.
func Load(path string, root *Root) (*Ring, error) {
	b, err := readSecretFile(path)
	if err != nil {
		return nil, fmt.Errorf("load key ring: %w", err)
	}
	r, err := Decode(b, root)
	if err != nil {
		return nil, fmt.Errorf("load key ring %s: %w", path, err)
	}
	return r, nil
}

// Encode returns the bytes of a keystore.
func (r *Ring) Encode(root *Root, rand io.Reader) ([]byte, error) {
	header := binary.BigEndian.AppendUint16([]byte(keystoreMagic), keystoreVersion)
	salt := make([]byte, saltBytes)
	if _, err := io.ReadFull(rand, salt); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	header = append(header, salt...)
	aead, nonce, err := root.fileCipher(salt)
	if err != nil {
		return nil, err
	}
	c := r.contents()
	defer c.clear()
	plaintext := canonical.Marshal(c)
	defer clear(plaintext)
	return aead.Seal(bytes.Clone(header), nonce, plaintext, header), nil
}

// Decode reads the bytes of a keystore.
func Decode(b []byte, root *Root) (*Ring, error) {
	if !bytes.HasPrefix(b, []byte(keystoreMagic)) || len(b) < headerBytes {
		return nil, ErrKeystore
	}
	if v := binary.BigEndian.Uint16(b[len(keystoreMagic):]); v > keystoreVersion {
		return nil, fmt.Errorf("%w: it has version %d, this build reads up to %d", ErrNewer, v, keystoreVersion)
	}
	header := b[:headerBytes]
	aead, nonce, err := root.fileCipher(header[headerBytes-saltBytes:])
	if err != nil {
		return nil, err
	}
	plaintext, err := aead.Open(nil, nonce, b[headerBytes:], header)
	if err != nil {
		return nil, ErrKeystore
	}
	defer clear(plaintext)
	return decodeContents(plaintext)
}

// fileCipher returns the cipher and nonce of the one file that has this salt.
func (root *Root) fileCipher(salt []byte) (aead cipher.AEAD, nonce []byte, err error) {
	const nonceBytes = 12
	err = root.Use(func(secret []byte) error {
		out, err := hkdf.Key(sha256.New, secret, salt, "meridian/keystore/1", keyBytes+nonceBytes)
		if err != nil {
			return err
		}
		defer clear(out[:keyBytes])
		nonce = out[keyBytes:]
		aead, err = gcm(out[:keyBytes])
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("root key: %w", err)
	}
	return aead, nonce, nil
}

func (r *Ring) contents() *contents {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &contents{
		ClusterID: r.clusterID, Region: r.region,
		Signing: r.signing.Bytes(), NKey: r.nkey.Bytes(), Master: r.master.Bytes(), Token: r.token.Bytes(),
		Step: r.chain.current, Oldest: r.chain.oldest, Seed: r.chain.seed.Bytes(),
	}
}

func decodeContents(b []byte) (*Ring, error) {
	var c contents
	defer c.clear()
	if err := canonical.Unmarshal(b, &c); err != nil {
		return nil, ErrKeystore // not the error itself, which may quote the contents
	}
	for _, secret := range c.secrets() {
		if len(secret) != keyBytes {
			return nil, ErrKeystore
		}
	}
	if c.Oldest > c.Step || c.Step-c.Oldest > kept {
		return nil, ErrKeystore
	}
	return assemble(&Ring{
		clusterID: c.ClusterID, region: c.Region,
		signing: primitive.NewMaterial(c.Signing), nkey: primitive.NewMaterial(c.NKey),
		master: primitive.NewMaterial(c.Master), token: primitive.NewMaterial(c.Token),
		chain: chain{current: c.Step, oldest: c.Oldest, seed: primitive.NewMaterial(c.Seed)},
	})
}

// checkNames refuses a ring for nothing.
func checkNames(clusterID, region string) error {
	if clusterID == "" || len(clusterID) > 64 {
		return errors.New("key ring without a cluster id")
	}
	if !arn.ValidRegion(region) {
		return errors.New("key ring without a region")
	}
	return nil
}
