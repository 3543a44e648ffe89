package throttle_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"meridian/keyengine/kmsapi"
	"meridian/region/throttle"
)

const me, other = "111122223333", "444455556666"

// clock is a clock that a test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func op(name string) *kmsapi.Operation {
	found, ok := kmsapi.Lookup(name)
	if !ok {
		panic(name)
	}
	return found
}

// passed makes calls until one is throttled, at most 1000, and says how many were not.
func passed(t *testing.T, call func() *kmsapi.Fault) int {
	t.Helper()
	for n := range 1000 {
		f := call()
		if f == nil {
			continue
		}
		if f.Code != "ThrottlingException" || f.StatusCode() != 400 || !strings.HasPrefix(f.Message, "You have exceeded the rate at which you may call KMS.") {
			t.Errorf("the fault is %d %v", f.StatusCode(), f)
		}
		return n
	}
	return 1000
}

func TestRates(t *testing.T) {
	c := &clock{time.Unix(1000, 0)}
	l := throttle.New(throttle.Profile{"CreateKey": 5, "ListKeys": 30, "EnableKey": 0, "GetParametersForImport": 0.25}, 3, c.now)
	create := func(id string) func() *kmsapi.Fault {
		return func() *kmsapi.Fault { return l.Admit(id, op("CreateKey"), &kmsapi.CreateKeyRequest{}) }
	}
	list := func() *kmsapi.Fault { return l.AdmitShare(me, op("ListKeys"), &kmsapi.ListKeysRequest{}) }
	enable := func() *kmsapi.Fault { return l.Admit(me, op("EnableKey"), &kmsapi.EnableKeyRequest{}) }
	parameters := func() *kmsapi.Fault {
		return l.Admit(me, op("GetParametersForImport"), &kmsapi.GetParametersForImportRequest{})
	}
	describe := func() *kmsapi.Fault { return l.AdmitShare(me, op("DescribeKey"), &kmsapi.DescribeKeyRequest{}) }
	for _, step := range []struct {
		what  string
		wait  time.Duration
		call  func() *kmsapi.Fault
		wants int
	}{
		{"a second's worth at once", 0, create(me), 5},
		{"another account has its own", 0, create(other), 5},
		{"another operation has its own, and a node its share", 0, list, 10},
		{"what has no rate is not limited", 0, describe, 1000},
		{"of rate 0 nothing passes", 0, enable, 0},
		{"one, although the rate is less", 0, parameters, 1},
		{"not yet", 3 * time.Second, parameters, 0},
		{"it comes back", time.Second, parameters, 1},
		{"no more than a second's worth is saved", time.Hour, create(me), 5},
		{"a fifth of a second is a call", 200 * time.Millisecond, create(me), 1},
		{"the other account's too", 0, create(other), 5},
		{"time does not help rate 0", time.Hour, enable, 0},
	} {
		c.at = c.at.Add(step.wait)
		if got := passed(t, step.call); got != step.wants {
			t.Errorf("%s: %d calls passed, want %d", step.what, got, step.wants)
		}
	}
}

// TestPools draws from each pool what belongs to it.
func TestPools(t *testing.T) {
	algorithm := func(a kmsapi.EncryptionAlgorithmSpec) *kmsapi.EncryptionAlgorithmSpec { return &a }
	rsa := algorithm(kmsapi.EncryptionAlgorithmSpecRsaesOaepSha256)
	for _, tc := range []struct {
		op   string
		in   kmsapi.Input
		want string
	}{
		{"Encrypt", &kmsapi.EncryptRequest{}, "symmetric "},
		{"Encrypt", &kmsapi.EncryptRequest{EncryptionAlgorithm: rsa}, "rsa "},
		{"Decrypt", &kmsapi.DecryptRequest{EncryptionAlgorithm: algorithm(kmsapi.EncryptionAlgorithmSpecSm2pke)}, "sm2 "},
		{"Decrypt", &kmsapi.DecryptRequest{EncryptionAlgorithm: algorithm(kmsapi.EncryptionAlgorithmSpecSymmetricDefault)}, "symmetric "},
		{"ReEncrypt", &kmsapi.ReEncryptRequest{}, "symmetric "},
		{"ReEncrypt", &kmsapi.ReEncryptRequest{SourceEncryptionAlgorithm: rsa}, "rsa symmetric"},
		{"Sign", &kmsapi.SignRequest{SigningAlgorithm: new(kmsapi.SigningAlgorithmSpecEcdsaSha256)}, "ecc "},
		{"Sign", &kmsapi.SignRequest{SigningAlgorithm: new(kmsapi.SigningAlgorithmSpecSm2dsa)}, "sm2 "},
		{"Verify", &kmsapi.VerifyRequest{SigningAlgorithm: new(kmsapi.SigningAlgorithmSpecRsassaPssSha256)}, "rsa "},
		{"Verify", &kmsapi.VerifyRequest{SigningAlgorithm: new(kmsapi.SigningAlgorithmSpecMlDsaShake256)}, "ml-dsa "},
		{"GenerateMac", &kmsapi.GenerateMacRequest{}, "symmetric "},
		{"GenerateRandom", &kmsapi.GenerateRandomRequest{}, "symmetric "},
		{"DeriveSharedSecret", &kmsapi.DeriveSharedSecretRequest{}, "ecc "},
		{"GenerateDataKeyPair", &kmsapi.GenerateDataKeyPairRequest{KeyPairSpec: new(kmsapi.DataKeyPairSpecRsa2048)}, "GenerateDataKeyPair/RSA_2048 "},
		{"DescribeKey", &kmsapi.DescribeKeyRequest{}, "DescribeKey "},
	} {
		first, second := throttle.QuotasOf(op(tc.op), tc.in)
		if got := fmt.Sprintf("%s %s", first, second); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.op, got, tc.want)
		}
	}
	// A call that needs two pools takes from both or from none.
	frozen := time.Now()
	l := throttle.New(throttle.Profile{throttle.RSA: 1, throttle.Symmetric: 3}, 1, func() time.Time { return frozen })
	both := func() *kmsapi.Fault {
		return l.Admit(me, op("ReEncrypt"), &kmsapi.ReEncryptRequest{SourceEncryptionAlgorithm: rsa})
	}
	one := func() *kmsapi.Fault { return l.Admit(me, op("Encrypt"), &kmsapi.EncryptRequest{}) }
	if n := passed(t, both); n != 1 {
		t.Errorf("%d calls of both pools passed, want 1", n)
	}
	if n := passed(t, one); n != 2 {
		t.Errorf("%d calls of the other pool passed, want 2: refused ones take nothing", n)
	}
}

// TestEveryOperationHasAQuota asks AWS's profile for each operation and spec of the service model.
func TestEveryOperationHasAQuota(t *testing.T) {
	p := throttle.AWS("us-east-1")
	for o := range kmsapi.Operations() {
		first, _ := throttle.QuotasOf(o, o.New())
		if rate := p[first]; rate == 0 && !strings.HasPrefix(string(first), "GenerateDataKeyPair/") {
			t.Errorf("%s has no quota %q", o.Name, first)
		}
	}
	if a, b, c := p[throttle.Symmetric], throttle.AWS("eu-central-1")[throttle.Symmetric], throttle.AWS("sa-east-1")[throttle.Symmetric]; a != 50000 || b != 10000 || c != 5500 {
		t.Errorf("symmetric cryptography: %v, %v, %v", a, b, c)
	}
}

// TestManyAccounts bounds what inventions of accounts can take.
func TestManyAccounts(t *testing.T) {
	frozen := time.Unix(1, 0)
	l := throttle.New(throttle.AWS("us-east-1"), 1, func() time.Time { return frozen })
	for i := range 50_000 {
		if f := l.Admit(fmt.Sprint(i), op("CreateKey"), &kmsapi.CreateKeyRequest{}); f != nil {
			t.Fatal(f)
		}
	}
	if n := l.Buckets(); n > 16_384 {
		t.Errorf("%d buckets are kept", n)
	}
}

func TestFiles(t *testing.T) {
	for _, tc := range []struct{ text, says string }{
		{"base: aws\nrates:\n  CreateKey: 0.5\n", ""},
		{"rates: {symmetric: 100, GenerateDataKeyPair/RSA_2048: 0}\n", ""},
		{"base: off\n", ""},
		{"base: ours\n", `"ours"`},
		{"rates: {CreateKeys: 1}\n", "CreateKeys"},
		{"rates: {CreateKey: -1}\n", "line 1"},
		{"rates: {CreateKey: .nan}\n", "CreateKey"},
		{"rates: {CreateKey: often}\n", "CreateKey"},
		{"rate: {}\n", "rate"},
		{"[]", "line 1"},
	} {
		p, err := throttle.Parse([]byte(tc.text), "eu-west-1")
		if tc.says == "" && (err != nil || p == nil) || tc.says != "" && (err == nil || !strings.Contains(err.Error(), tc.says)) {
			t.Errorf("%q: %v, want %q", tc.text, err, tc.says)
		}
	}
	p, err := throttle.Parse([]byte("base: aws\nrates:\n  CreateKey: 0.5\n"), "eu-west-1")
	if err != nil || p["CreateKey"] != 0.5 || p["ListKeys"] != 500 {
		t.Errorf("%v, %v", p, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("base: aws\nrates:\n  CreateKey: 0.5\n"))
	f.Add([]byte("rates: &a [*a]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := throttle.Parse(text, "eu-west-1")
		if err != nil {
			return
		}
		l := throttle.New(p, 3, time.Now)
		l.Admit(me, op("CreateKey"), &kmsapi.CreateKeyRequest{})
		for q, rate := range p {
			if !(rate >= 0 && rate <= 1e6) {
				t.Errorf("%s: %v", q, rate)
			}
		}
	})
}

func BenchmarkAdmitShare(b *testing.B) {
	l := throttle.New(throttle.AWS("us-east-1"), 3, time.Now)
	o, in := op("Encrypt"), &kmsapi.EncryptRequest{}
	for b.Loop() {
		l.AdmitShare(me, o, in)
	}
}

// TestNodesShareTheRate: a node's share grows when another leaves its Region.
func TestNodesShareTheRate(t *testing.T) {
	c := &clock{time.Unix(1000, 0)}
	l := throttle.New(throttle.Profile{"ListKeys": 30}, 3, c.now)
	list := func() *kmsapi.Fault { return l.AdmitShare(me, op("ListKeys"), &kmsapi.ListKeysRequest{}) }
	for _, step := range []struct{ nodes, wants int }{{3, 10}, {2, 15}, {5, 6}, {1, 30}} {
		l.SetNodes(step.nodes)
		c.at = c.at.Add(time.Minute)
		if got := passed(t, list); got != step.wants {
			t.Errorf("of %d nodes one lets %d pass, want %d", step.nodes, got, step.wants)
		}
	}
}
