package sm2_test

import (
	"bytes"
	"testing"

	"meridian/keyengine/primitive"
	"meridian/keyengine/primitive/primitivetest"
	"meridian/keyengine/primitive/sm2"
)

func TestConformance(t *testing.T) { primitivetest.Run(t, sm2.Provider{}) }

func FuzzImport(f *testing.F) { primitivetest.FuzzImport(f, sm2.Provider{}) }

func FuzzPeer(f *testing.F) { primitivetest.FuzzPeer(f, sm2.Provider{}) }

func FuzzDecrypt(f *testing.F) {
	enc, err := sm2.Provider{}.BareEncrypter(generate(f, 1))
	if err != nil {
		f.Fatal(err)
	}
	ciphertext, err := enc.Encrypt(primitivetest.Rand(1), "SM2PKE", []byte("plaintext"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ciphertext)
	f.Fuzz(func(t *testing.T, ciphertext []byte) {
		if plaintext, err := enc.Decrypt("SM2PKE", ciphertext); (err == nil) != (plaintext != nil) || err != nil && err != primitive.ErrOpen {
			t.Fatalf("%q, %v", plaintext, err)
		}
	})
}

func TestOpenSSL(t *testing.T) {
	p := sm2.Provider{}
	key := primitivetest.OpenSSL(t, nil, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2", "-pkeyopt", "ec_param_enc:named_curve")
	der := primitivetest.OpenSSL(t, map[string][]byte{"key": key}, "pkcs8", "-topk8", "-nocrypt", "-in", "key", "-outform", "DER")
	m, err := p.Import(der)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := p.PublicKey(m)
	if err != nil || !bytes.Equal(spki, primitivetest.OpenSSL(t, map[string][]byte{"key": key}, "pkey", "-in", "key", "-pubout", "-outform", "DER")) {
		t.Fatalf("another public key: %v", err)
	}

	t.Run("sign", func(t *testing.T) {
		signer, err := p.Signer(m)
		if err != nil {
			t.Fatal(err)
		}
		message, options := []byte("message"), []string{"-rawin", "-digest", "sm3", "-pkeyopt", "distid:1234567812345678"}
		signature, err := signer.Sign(primitivetest.Rand(1), "SM2DSA", primitive.Raw, message)
		if err != nil {
			t.Fatal(err)
		}
		primitivetest.OpenSSLVerifies(t, spki, message, signature, options...)
		theirs := primitivetest.OpenSSLSigns(t, m.Bytes(), message, options...)
		if err := signer.Verify("SM2DSA", primitive.Raw, message, theirs); err != nil {
			t.Errorf("the signature of openssl: %v", err)
		}
	})

	t.Run("encrypt", func(t *testing.T) {
		enc, err := p.BareEncrypter(m)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := enc.Encrypt(primitivetest.Rand(1), "SM2PKE", []byte("plaintext"))
		if err != nil {
			t.Fatal(err)
		}
		got := primitivetest.OpenSSL(t, map[string][]byte{"key": key, "in": ours}, "pkeyutl", "-decrypt", "-inkey", "key", "-in", "in")
		if string(got) != "plaintext" {
			t.Errorf("by openssl: %q", got)
		}
		theirs := primitivetest.OpenSSL(t, map[string][]byte{"key": key, "in": []byte("plaintext")}, "pkeyutl", "-encrypt", "-inkey", "key", "-in", "in")
		if got, err := enc.Decrypt("SM2PKE", theirs); err != nil || string(got) != "plaintext" {
			t.Errorf("of openssl: %q, %v", got, err)
		}
	})
}

func generate(t testing.TB, seed byte) primitive.Material {
	t.Helper()
	m, err := sm2.Provider{}.Generate(primitivetest.Rand(seed))
	if err != nil {
		t.Fatal(err)
	}
	return m
}
