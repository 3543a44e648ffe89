package keyengine_test

import (
	"errors"
	"testing"

	"meridian/keyengine"
	"meridian/keyengine/keyspec"
	"meridian/keyengine/kmsapi"
)

// TestEveryAlgorithmOfTheTable asks a key of every spec and usage for every algorithm there is: it has
// those of its own usage alone.
func TestEveryAlgorithmOfTheTable(t *testing.T) {
	all := map[string]bool{}
	for _, s := range keyspec.All() {
		for _, u := range s.Usages {
			for _, name := range u.Names() {
				all[name] = true
			}
		}
	}
	for _, s := range keyspec.All() {
		for _, usage := range s.Usages {
			key := &keyengine.Usable{Spec: s.Name, Usage: usage.Name}
			if key.Symmetric() != (s.Name == keyspec.SymmetricDefault) {
				t.Errorf("%s: symmetric %t", s.Name, key.Symmetric())
			}
			for name := range all {
				want, has := usage.Algorithm(name)
				got, err := key.Algorithm(name)
				if has && (err != nil || got != want) {
					t.Errorf("%s %s %s: %+v, %v", s.Name, usage.Name, name, got, err)
				}
				words := "InvalidKeyUsageException: Algorithm " + name + " is incompatible with key spec " + s.Name + "."
				if !has && (err == nil || err.Error() != words) {
					t.Errorf("%s %s %s: %v", s.Name, usage.Name, name, err)
				}
			}
		}
	}
}

func TestMessages(t *testing.T) {
	for _, c := range []struct {
		spec, algorithm, kind string
		size                  int
		want                  string // "": allowed
	}{
		{"RSA_2048", "RSASSA_PSS_SHA_384", "", 4096, ""},
		{"RSA_2048", "RSASSA_PSS_SHA_384", "RAW", 1, ""},
		{"RSA_2048", "RSASSA_PSS_SHA_384", "RAW", 4097, "Message of 4097 bytes is longer than 4096."},
		{"RSA_2048", "RSASSA_PSS_SHA_384", "DIGEST", 48, ""},
		{"RSA_2048", "RSASSA_PSS_SHA_384", "DIGEST", 32, "Digest is invalid length for algorithm RSASSA_PSS_SHA_384."},
		{"RSA_2048", "RSASSA_PSS_SHA_384", "EXTERNAL_MU", 64, "Message type EXTERNAL_MU is incompatible with algorithm RSASSA_PSS_SHA_384."},
		{"ECC_NIST_P521", "ECDSA_SHA_512", "DIGEST", 64, ""},
		{"ECC_NIST_P521", "ECDSA_SHA_512", "DIGEST", 66, "Digest is invalid length for algorithm ECDSA_SHA_512."},
		{"ECC_NIST_EDWARDS25519", "ED25519_SHA_512", "RAW", 64, ""},
		{"ECC_NIST_EDWARDS25519", "ED25519_SHA_512", "DIGEST", 64, "Message type DIGEST is incompatible with algorithm ED25519_SHA_512."},
		{"ECC_NIST_EDWARDS25519", "ED25519_PH_SHA_512", "DIGEST", 64, ""},
		{"ECC_NIST_EDWARDS25519", "ED25519_PH_SHA_512", "DIGEST", 63, "Digest is invalid length for algorithm ED25519_PH_SHA_512."},
		{"ECC_NIST_EDWARDS25519", "ED25519_PH_SHA_512", "", 64, "Message type RAW is incompatible with algorithm ED25519_PH_SHA_512."},
		{"ML_DSA_65", "ML_DSA_SHAKE_256", "RAW", 4096, ""},
		{"ML_DSA_65", "ML_DSA_SHAKE_256", "EXTERNAL_MU", 64, ""},
		{"ML_DSA_65", "ML_DSA_SHAKE_256", "EXTERNAL_MU", 32, "External mu is invalid length for algorithm ML_DSA_SHAKE_256."},
		{"ML_DSA_65", "ML_DSA_SHAKE_256", "DIGEST", 64, "Message type DIGEST is incompatible with algorithm ML_DSA_SHAKE_256."},
	} {
		a, err := (&keyengine.Usable{Spec: c.spec, Usage: keyspec.SignVerify}).Algorithm(c.algorithm)
		if err != nil {
			t.Fatal(err)
		}
		var asked *kmsapi.MessageType
		wantKind := "RAW"
		if c.kind != "" {
			asked, wantKind = new(kmsapi.MessageType(c.kind)), c.kind
		}
		kind, err := keyengine.CheckMessage(a, asked, c.size)
		check(t, c.algorithm+" "+c.kind, err, c.want)
		if c.want == "" && kind != wantKind {
			t.Errorf("%s %q: type %s", c.algorithm, c.kind, kind)
		}
	}
}

func TestPlaintexts(t *testing.T) {
	for _, c := range []struct {
		spec, algorithm string
		size            int
		want            string
	}{
		{"SYMMETRIC_DEFAULT", "SYMMETRIC_DEFAULT", 4096, ""},
		{"RSA_2048", "RSAES_OAEP_SHA_1", 214, ""},
		{"RSA_2048", "RSAES_OAEP_SHA_256", 190, ""},
		{"RSA_2048", "RSAES_OAEP_SHA_256", 191, "Algorithm RSAES_OAEP_SHA_256 and key spec RSA_2048 cannot encrypt data larger than 190 bytes."},
		{"RSA_3072", "RSAES_OAEP_SHA_256", 318, ""},
		{"RSA_4096", "RSAES_OAEP_SHA_1", 471, "Algorithm RSAES_OAEP_SHA_1 and key spec RSA_4096 cannot encrypt data larger than 470 bytes."},
		{"SM2", "SM2PKE", 1025, "Algorithm SM2PKE and key spec SM2 cannot encrypt data larger than 1024 bytes."},
	} {
		key := &keyengine.Usable{Spec: c.spec, Usage: keyspec.EncryptDecrypt}
		a, err := key.Algorithm(c.algorithm)
		if err != nil {
			t.Fatal(err)
		}
		check(t, c.spec+" "+c.algorithm, key.CheckPlaintext(a, c.size), c.want)
	}
}

// check compares an error with the text of a ValidationException, "" for none.
func check(t *testing.T, what string, err error, want string) {
	t.Helper()
	var f *kmsapi.Fault
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: %v", what, err)
	case want != "" && (!errors.As(err, &f) || f.Code != kmsapi.ValidationException || f.Message != want):
		t.Errorf("%s: got %v, want %q", what, err, want)
	}
}

// TestNewKeySpec asks for keys before there is a key: the partition decides, and the spec's own row.
func TestNewKeySpec(t *testing.T) {
	aws, china := keyengine.Place{Partition: "aws", Region: "us-east-1"}, keyengine.Place{Partition: "aws-cn", Region: "cn-north-1"}
	for _, s := range keyspec.All() {
		for _, u := range s.Usages {
			for _, p := range []keyengine.Place{aws, china} {
				name, err := keyengine.NewKeySpec(p, &kmsapi.CreateKeyRequest{
					KeySpec: new(kmsapi.KeySpec(s.Name)), KeyUsage: new(kmsapi.KeyUsageType(u.Name)),
				})
				if s.Built && s.In(p.Partition) {
					if err != nil || name != s.Name {
						t.Errorf("%s %s in %s: %s, %v", s.Name, u.Name, p.Region, name, err)
					}
					continue
				}
				var f *kmsapi.Fault
				if !errors.As(err, &f) || f.Code != kmsapi.UnsupportedOperationException {
					t.Errorf("%s %s in %s: %s, %v", s.Name, u.Name, p.Region, name, err)
				}
			}
		}
	}
	_, err := keyengine.NewKeySpec(china, &kmsapi.CreateKeyRequest{
		KeySpec: new(kmsapi.KeySpec("SM2")), KeyUsage: new(kmsapi.KeyUsageType("SIGN_VERIFY")), MultiRegion: new(true),
	})
	if want := "UnsupportedOperationException: KeySpec SM2 does not support multi-Region keys."; err == nil || err.Error() != want {
		t.Errorf("SM2 in several Regions: %v", err)
	}
}
