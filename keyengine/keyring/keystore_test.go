package keyring_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meridian/keyengine/keyring"
	"meridian/keyengine/primitive"
	"meridian/keyengine/primitive/primitivetest"
)

var rewrite = flag.Bool("rewrite", false, "rewrite testdata")

func newRoot(t testing.TB, seed byte) *keyring.Root {
	t.Helper()
	root, err := keyring.CreateRoot(filepath.Join(t.TempDir(), "root.key"), primitivetest.Rand(seed))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// same reports how two rings differ, by what they do.
func same(t *testing.T, a, b *keyring.Ring) {
	t.Helper()
	if a.ClusterID() != b.ClusterID() || a.Region() != b.Region() || a.SealingStep() != b.SealingStep() {
		t.Errorf("%s, %v, step %d and %s, %v, step %d", a.ClusterID(), a, a.SealingStep(), b.ClusterID(), b, b.SealingStep())
	}
	if !bytes.Equal(a.Sign("x", nil), b.Sign("x", nil)) || a.Public().NKey != b.Public().NKey {
		t.Error("other signing key or nkey")
	}
	m := primitive.NewMaterial([]byte("material"))
	wrapped, err := a.Wrap(rand.Reader, 1, binding, m)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.Unwrap(1, binding, wrapped); err != nil || !got.Equal(m) {
		t.Errorf("other Region key: %v", err)
	}
	token, err := a.SealToken(rand.Reader, "x", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.OpenToken("x", token); err != nil {
		t.Errorf("other token key: %v", err)
	}
	for step := range a.SealingStep() + 2 {
		x, errX := a.SealingKey(step)
		y, errY := b.SealingKey(step)
		if !bytes.Equal(x, y) || (errX == nil) != (errY == nil) {
			t.Errorf("other sealing key of step %d: %v, %v", step, errX, errY)
		}
	}
}

func TestSaveAndLoad(t *testing.T) {
	dir := t.TempDir()
	path, rootPath := filepath.Join(dir, "keystore"), filepath.Join(dir, "root.key")
	root, err := keyring.CreateRoot(rootPath, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ring := newRing(t, "us-east-1", 1)
	for _, step := range []uint64{0, 5} { // the second Save replaces the first
		if err := ring.AdvanceTo(step); err != nil {
			t.Fatal(err)
		}
		if err := ring.Save(path, root, rand.Reader); err != nil {
			t.Fatal(err)
		}
		again, err := keyring.LoadRoot(rootPath)
		if err != nil {
			t.Fatal(err)
		}
		loaded, err := keyring.Load(path, again)
		if err != nil {
			t.Fatal(err)
		}
		same(t, ring, loaded)
	}
	for _, path := range []string{path, rootPath} {
		info, err := os.Stat(path)
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestEachNodeHasARootOfItsOwn(t *testing.T) {
	ring := newRing(t, "us-east-1", 1)
	for seed := range byte(3) {
		root := newRoot(t, seed)
		b, err := ring.Encode(root, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		loaded, err := keyring.Decode(b, root)
		if err != nil {
			t.Fatal(err)
		}
		same(t, ring, loaded)
		if _, err := keyring.Decode(b, newRoot(t, seed+10)); !errors.Is(err, keyring.ErrKeystore) {
			t.Errorf("another root opens it: %v", err)
		}
	}
}

func TestEveryChangedByteIsFound(t *testing.T) {
	root := newRoot(t, 1)
	good, err := newRing(t, "us-east-1", 1).Encode(root, primitivetest.Rand(1))
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, b []byte) {
		t.Helper()
		if _, err := keyring.Decode(b, root); !errors.Is(err, keyring.ErrKeystore) && !errors.Is(err, keyring.ErrNewer) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range good {
		for _, mask := range []byte{1, 0x80} {
			changed := bytes.Clone(good)
			changed[i] ^= mask
			refused(fmt.Sprintf("byte %d changed by %#x", i, mask), changed)
		}
		refused(fmt.Sprintf("cut to %d", i), good[:i])
	}
	refused("longer", append(bytes.Clone(good), 0))
	refused("older", bytes.Replace(good, []byte("MERIDIANKEYS\x00\x01"), []byte("MERIDIANKEYS\x00\x00"), 1))
}

func TestNewerFormatIsNamed(t *testing.T) {
	root := newRoot(t, 1)
	b, err := newRing(t, "us-east-1", 1).Encode(root, primitivetest.Rand(1))
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Replace(b, []byte("MERIDIANKEYS\x00\x01"), []byte("MERIDIANKEYS\x00\x02"), 1)
	if _, err := keyring.Decode(b, root); !errors.Is(err, keyring.ErrNewer) || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("%v", err)
	}
}

func TestTwoFilesShareNoKey(t *testing.T) {
	root, ring := newRoot(t, 1), newRing(t, "us-east-1", 1)
	a, err := ring.Encode(root, primitivetest.Rand(1))
	if err != nil {
		t.Fatal(err)
	}
	b, err := ring.Encode(root, primitivetest.Rand(2))
	if err != nil || bytes.Equal(a[46:], b[46:]) {
		t.Errorf("two files are sealed alike: %v", err)
	}
	if _, err := ring.Encode(root, strings.NewReader("short")); err == nil {
		t.Error("encoded without randomness")
	}
}

func TestFilesThatLetOthersInAreRefused(t *testing.T) {
	dir := t.TempDir()
	path, rootPath := filepath.Join(dir, "keystore"), filepath.Join(dir, "root.key")
	root, err := keyring.CreateRoot(rootPath, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := newRing(t, "us-east-1", 1).Save(path, root, rand.Reader); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []fs.FileMode{0o640, 0o604} {
		if err := errors.Join(os.Chmod(path, mode), os.Chmod(rootPath, mode)); err != nil {
			t.Fatal(err)
		}
		if _, err := keyring.Load(path, root); err == nil || !strings.Contains(err.Error(), "0600") {
			t.Errorf("keystore of mode %v: %v", mode, err)
		}
		if _, err := keyring.LoadRoot(rootPath); err == nil || !strings.Contains(err.Error(), "0600") {
			t.Errorf("root key of mode %v: %v", mode, err)
		}
	}
	if _, err := keyring.Load(filepath.Join(dir, "none"), root); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no keystore: %v", err)
	}
	if _, err := keyring.Load(dir, root); err == nil {
		t.Error("a folder is no keystore")
	}
}

func TestARootIsNeverReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "root.key")
	first, err := keyring.CreateRoot(path, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.CreateRoot(path, rand.Reader); !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v", err)
	}
	loaded, err := keyring.LoadRoot(path)
	if err != nil || !loaded.Equal(first.Material) {
		t.Errorf("the first root is gone: %v", err)
	}
}

func TestBadRootKeys(t *testing.T) {
	good := "meridian-root-key 1\n" + strings.Repeat("ab", 32) + "\n"
	path := filepath.Join(t.TempDir(), "root.key")
	for what, text := range map[string]string{
		"empty": "", "newer": strings.Replace(good, " 1", " 2", 1), "cut": good[:len(good)-3] + "\n", "without its end": good[:len(good)-1],
		"not hexadecimal": strings.Replace(good, "ab", "xy", 1), "longer": good + "\n", "far longer": strings.Repeat(good, 1000),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := keyring.LoadRoot(path); err == nil || strings.Contains(err.Error(), "abab") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := os.WriteFile(path, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.LoadRoot(path); err != nil {
		t.Error(err)
	}
}

// TestGoldenKeystore fixes format version 1: a keystore of the first build opens for ever.
func TestGoldenKeystore(t *testing.T) {
	const golden = "testdata/keystore-v1"
	again, err := newRing(t, "us-east-1", 1).Encode(newRoot(t, 1), primitivetest.Rand(1))
	if err != nil {
		t.Fatal(err)
	}
	if *rewrite {
		if err := os.WriteFile(golden, again, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := keyring.Decode(b, newRoot(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	same(t, newRing(t, "us-east-1", 1), loaded)
	if !bytes.Equal(b, again) {
		t.Error("the format changed without its version")
	}
}

func FuzzDecode(f *testing.F) {
	root := newRoot(f, 1)
	good, err := newRing(f, "us-east-1", 1).Encode(root, primitivetest.Rand(1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:60])
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := keyring.Decode(b, root); (err == nil) != bytes.Equal(b, good) {
			t.Fatalf("%v", err)
		}
	})
}

// TestForAnotherCluster: the keys are the same, the cluster is not, and the ring it was made of is left as it is.
func TestForAnotherCluster(t *testing.T) {
	r := newRing(t, "us-east-1", 1)
	was := r.ClusterID()
	next, err := r.For("another")
	if err != nil {
		t.Fatal(err)
	}
	if next.ClusterID() != "another" || next.Region() != "us-east-1" || r.ClusterID() != was {
		t.Errorf("%s of %q, from %q", next, next.ClusterID(), r.ClusterID())
	}
	if a, b := next.Public(), r.Public(); !bytes.Equal(a.Signing, b.Signing) || a.NKey != b.NKey {
		t.Error("the keys differ")
	}
	if !bytes.Equal(next.Sign("t", []byte("m")), r.Sign("t", []byte("m"))) {
		t.Error("the signatures differ")
	}
	if _, err := r.For(""); err == nil {
		t.Error("a ring for no cluster")
	}
}
