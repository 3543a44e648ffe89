package keyring

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"meridian/keyengine/primitive"
)

// ErrRoot refuses a file that is no root key of a format that this build reads.
var ErrRoot = errors.New("not a root key")

// rootHeader is the first line of a root key's file, rootForm its form; the number is the version of the format.
const (
	rootForm    = "meridian-root-key %d\n"
	rootHeader  = "meridian-root-key 1\n"
	rootVersion = 1
)

// Root is the key of one node under which its keystore is sealed. It prints as «redacted».
type Root struct{ primitive.Material }

// CreateRoot makes a root key and writes it to a new file of mode 0600. It never replaces a file:
// losing a root loses the keystore under it.
func CreateRoot(path string, rand io.Reader) (*Root, error) {
	m, err := primitive.ReadMaterial(rand, keyBytes)
	if err != nil {
		return nil, fmt.Errorf("make root key: %w", err)
	}
	text := []byte(rootHeader)
	_ = m.Use(func(secret []byte) error {
		text = hex.AppendEncode(text, secret)
		return nil
	})
	text = append(text, '\n')
	defer clear(text)
	if err := createFile(path, text); err != nil {
		return nil, fmt.Errorf("make root key: %w", err)
	}
	return &Root{m}, nil
}

// LoadRoot reads a root key. It refuses a file that others than its owner may read.
func LoadRoot(path string) (*Root, error) {
	text, err := readSecretFile(path)
	if err != nil {
		return nil, fmt.Errorf("load root key: %w", err)
	}
	defer clear(text)
	root, err := parseRoot(text)
	if err != nil {
		return nil, fmt.Errorf("load root key %s: %w", path, err)
	}
	return root, nil
}

func parseRoot(text []byte) (*Root, error) {
	digits, ok := bytes.CutPrefix(text, []byte(rootHeader))
	if !ok {
		if v, ok := rootFormat(text); ok && v > rootVersion {
			return nil, fmt.Errorf("%w: it has version %d, this build reads up to %d", ErrNewer, v, rootVersion)
		}
		return nil, ErrRoot
	}
	digits, ok = bytes.CutSuffix(digits, []byte("\n"))
	if !ok || len(digits) != 2*keyBytes {
		return nil, ErrRoot
	}
	secret := make([]byte, keyBytes)
	defer clear(secret)
	if _, err := hex.Decode(secret, digits); err != nil {
		return nil, ErrRoot // not the error itself, which quotes the file
	}
	return &Root{primitive.NewMaterial(secret)}, nil
}

// rootFormat reads the version of a root key of any version.
func rootFormat(text []byte) (version int, ok bool) {
	_, err := fmt.Fscanf(bytes.NewReader(text), rootForm, &version)
	return version, err == nil
}
