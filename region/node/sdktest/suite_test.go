package sdktest

import (
	"context"
	"crypto/rand"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"meridian/keyengine/attestation"
	"meridian/keyengine/attestation/attestationtest"
	"meridian/keyengine/primitive"
	"meridian/keyengine/primitive/builtin"
	"meridian/region/node"
	"meridian/region/node/nodetest"
)

const (
	account = "000000000000"
	root    = "arn:aws:iam::" + account + ":root"
	alice   = "arn:aws:iam::" + account + ":user/alice"
)

// world is the cluster that the cases share.
type world struct {
	cluster           *nodetest.Cluster
	recorder          *recorder
	keys              *generator
	east, west, china *kms.Client
	enclave           *attestationtest.Enclave
	document          []byte // the enclave's
	ran               atomic.Int32
}

// part is a part of the suite. Parts on their own run after those that run side by side, in their order.
type part struct {
	name  string
	run   func(*testing.T, *world)
	alone bool
}

func parts() []part {
	return []part{
		{name: "keys of every spec", run: keysOfEverySpec},
		{name: "keys of China", run: keysOfChina},
		{name: "symmetric cryptography", run: symmetricCryptography},
		{name: "data keys", run: dataKeys},
		{name: "recipients", run: recipients},
		{name: "aliases", run: aliases},
		{name: "properties of a key", run: properties},
		{name: "grants", run: grants},
		{name: "rotation", run: rotation},
		{name: "imports", run: imports},
		{name: "import of every spec", run: importOfEverySpec},
		{name: "several Regions", run: severalRegions},
		{name: "pages", run: pages},
		{name: "the AWS CLI", run: commandLine},
		{name: "errors", run: errorsOfEveryOperation},
		{name: "a service that cannot answer", run: outage},
		{name: "Regions cut apart", run: cutApart, alone: true},
		{name: "time", run: timePasses, alone: true},
	}
}

// do runs a part. An answer without a member that must be there ends this part alone.
func (p part) do(t *testing.T, w *world) {
	w.ran.Add(1)
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("an answer lacks a member: %v\n%s", r, debug.Stack())
		}
	}()
	p.run(t, w)
}

// TestSDK runs the suite and compares what it has seen with what the service model knows.
func TestSDK(t *testing.T) {
	w := newWorld(t)
	t.Run("at once", func(t *testing.T) {
		for _, p := range parts() {
			if !p.alone {
				t.Run(p.name, func(t *testing.T) {
					t.Parallel()
					p.do(t, w)
				})
			}
		}
	})
	for _, p := range parts() {
		if p.alone {
			t.Run(p.name, func(t *testing.T) { p.do(t, w) })
		}
	}
	if int(w.ran.Load()) != len(parts()) {
		t.Log("parts of the suite were left out: what it has seen is not compared with the service model")
		return
	}
	w.recorder.compare(t)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	authority := attestationtest.NewAuthority(time.Now())
	roots, err := attestation.ParseRoots(authority.Root())
	if err != nil {
		t.Fatal(err)
	}
	keys := &generator{set: builtin.Set(), made: map[string][]byte{}}
	w := &world{recorder: newRecorder(), keys: keys, enclave: attestationtest.NewEnclave()}
	w.document = authority.Document(w.enclave, time.Now())
	w.cluster = nodetest.NewWith(t, func(c *node.Config) { c.Attestation, c.Generator = roots, keys }, 1, "us-east-1", "eu-west-1", "cn-north-1")
	w.cluster.Ready()
	w.east, w.west, w.china = w.client("us-east-1/1"), w.client("eu-west-1/1"), w.client("cn-north-1/1")
	return w
}

func (w *world) client(name string) *kms.Client { return w.recorder.client(w.cluster, name) }

// recipient is the request's half of an attested answer.
func (w *world) recipient() *types.RecipientInfo {
	return &types.RecipientInfo{AttestationDocument: w.document, KeyEncryptionAlgorithm: types.KeyEncryptionMechanismRsaesOaepSha256}
}

// generator makes one RSA key of a size and hands it out again and again: what a key is good for does not depend on
// its being the only one, and the real pool's keys are its own tests' business.
type generator struct {
	set  primitive.Set
	mu   sync.Mutex
	made map[string][]byte // PKCS #8
}

// Generate implements region.Generator.
func (g *generator) Generate(_ context.Context, spec string) (primitive.Material, error) {
	if len(spec) < 4 || spec[:4] != "RSA_" {
		return g.set.Generate(spec, rand.Reader)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.made[spec] == nil {
		m, err := g.set.Generate(spec, rand.Reader)
		if err != nil {
			return m, err
		}
		g.made[spec] = m.Bytes()
	}
	return primitive.NewMaterial(g.made[spec]), nil
}

// must returns what a call that must succeed answered.
func must[T any](t *testing.T) func(*T, error) *T {
	return func(out *T, err error) *T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// equal fails a test unless a value that was answered is the expected one.
func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// val is what p points to, or the zero value.
func val[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// create makes a key and returns its metadata.
func create(t *testing.T, client *kms.Client, in kms.CreateKeyInput) *types.KeyMetadata {
	t.Helper()
	return must[kms.CreateKeyOutput](t)(client.CreateKey(t.Context(), &in)).KeyMetadata
}

// describe returns a key's metadata.
func describe(t *testing.T, client *kms.Client, id *string) *types.KeyMetadata {
	t.Helper()
	return must[kms.DescribeKeyOutput](t)(client.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: id})).KeyMetadata
}
