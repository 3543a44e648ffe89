package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"meridian/cluster/layout"
	"meridian/keyengine"
	"meridian/keyengine/canonical"
	"meridian/keyengine/keyring"
	"meridian/region"
	"meridian/region/keystore"
)

// secrets is what passed through a key and must be in no file: neither as it is nor written out.
type secrets struct {
	key      string
	material string // id, hex
	plain    map[string][]byte
}

// useSecrets encrypts under a key of us-east-1, makes a data key with it, and remembers both.
func useSecrets(t *testing.T, c *cluster, key string) secrets {
	t.Helper()
	us := c.client(east)
	phrase := unique("the bearer of this phrase has read it from a disk")
	encrypt(t, us, key, phrase, nil)
	out, err := us.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: &key, KeySpec: types.DataKeySpecAes256})
	ok(t, err)
	m, err := describe(t, us, key)
	ok(t, err)
	return secrets{
		key:      key,
		material: aws.ToString(m.CurrentKeyMaterialId),
		plain:    map[string][]byte{"a plaintext": []byte(phrase), "a data key": out.Plaintext},
	}
}

// search looks through all files of a cluster that is down. To know the key's material it unwraps it, as only who
// holds a node's root key can.
func (s secrets) search(t *testing.T, c *cluster) {
	t.Helper()
	for _, r := range []string{east, west} {
		wrapped, material := s.unwrap(t, c, r)
		if len(filesWith(t, c.data, wrapped)) == 0 {
			t.Errorf("the wrapped material of %s is in no file: the search finds nothing", r)
		}
		s.plain["the key material, unwrapped in "+r] = material
	}
	for what, secret := range s.plain {
		written := [][]byte{
			secret, []byte(hex.EncodeToString(secret)), bytes.ToUpper([]byte(hex.EncodeToString(secret))),
			[]byte(base64.RawStdEncoding.EncodeToString(secret)), []byte(base64.RawURLEncoding.EncodeToString(secret)),
		}
		for _, form := range written {
			if found := filesWith(t, c.data, form); len(found) > 0 {
				t.Errorf("%s is in %v", what, found)
			}
		}
	}
}

// unwrap returns the key's wrapped and plain material as the first node of a Region holds them.
func (s secrets) unwrap(t *testing.T, c *cluster, in string) (wrapped, plain []byte) {
	t.Helper()
	folder := layout.Dir(c.data).Node(layout.NodeName(in, 1))
	state := t.TempDir() // a copy: opening a state writes to it
	ok(t, os.CopyFS(state, os.DirFS(folder.State())))
	root, err := keyring.LoadRoot(folder.RootKey())
	ok(t, err)
	ring, err := keyring.Load(folder.Keystore(), root)
	ok(t, err)
	store, err := keystore.Open(keystore.Config{
		Dir: state, ClusterID: ring.ClusterID(), Region: in,
		Domain: region.Domain{Place: keyengine.Place{Partition: "aws", Region: in}},
		Fatal:  func(err error) { t.Error(err) },
	})
	ok(t, err)
	defer store.Close()

	binding := keyring.Binding{Partition: "aws", Account: "000000000000", KeyID: s.key, Spec: "SYMMETRIC_DEFAULT"}
	if n, err := hex.Decode(binding.ID[:], []byte(s.material)); err != nil || n != len(binding.ID) {
		t.Fatalf("material id %q: %v", s.material, err)
	}
	value, found := store.Get(keyengine.SecretKey(binding.ID))
	if !found {
		t.Fatalf("%s does not hold material %s", in, s.material)
	}
	var row keyengine.SecretRow
	ok(t, canonical.Unmarshal(value, &row))
	m, err := ring.Unwrap(row.Leaf, binding, row.Wrapped)
	ok(t, err)
	return row.Wrapped, m.Bytes()
}

// filesWith names the files below a folder that hold some bytes.
func filesWith(t *testing.T, folder string, wanted []byte) (found []string) {
	t.Helper()
	ok(t, filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, wanted) {
			found = append(found, path)
		}
		return err
	}))
	return found
}
