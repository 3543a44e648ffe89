package rsa_test

import (
	"strings"
	"testing"

	"meridian/keyengine/primitive"
	"meridian/keyengine/primitive/primitivetest"
)

func TestOpenSSLVerifies(t *testing.T) {
	p := keep(2048)
	m := generate(t, p)
	spki, err := p.PublicKey(m)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := p.Signer(m)
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("message")
	for _, hash := range []string{"256", "384", "512"} {
		for scheme, options := range map[string][]string{
			"RSASSA_PKCS1_V1_5_SHA_": nil,
			"RSASSA_PSS_SHA_":        {"-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"},
		} {
			signature, err := signer.Sign(primitivetest.Rand(1), scheme+hash, primitive.Raw, message)
			if err != nil {
				t.Fatal(err)
			}
			files := map[string][]byte{"key": spki, "message": message, "signature": signature}
			args := append([]string{"dgst", "-sha" + hash, "-verify", "key", "-keyform", "DER", "-signature", "signature"}, options...)
			if out := primitivetest.OpenSSL(t, files, append(args, "message")...); !strings.Contains(string(out), "Verified OK") {
				t.Errorf("%s%s: %s", scheme, hash, out)
			}
			args = append([]string{"dgst", "-sha" + hash, "-sign", "private", "-keyform", "DER"}, options...)
			theirs := primitivetest.OpenSSL(t, map[string][]byte{"private": m.Bytes(), "message": message}, append(args, "message")...)
			if err := signer.Verify(scheme+hash, primitive.Raw, message, theirs); err != nil {
				t.Errorf("%s%s of openssl: %v", scheme, hash, err)
			}
		}
	}
}

func TestOpenSSLEncrypts(t *testing.T) {
	p := keep(2048)
	m := generate(t, p)
	spki, err := p.PublicKey(m)
	if err != nil {
		t.Fatal(err)
	}
	enc, err := p.BareEncrypter(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, hash := range []string{"1", "256"} {
		options := []string{
			"-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha" + hash, "-pkeyopt", "rsa_mgf1_md:sha" + hash, "-in", "in",
		}
		theirs := primitivetest.OpenSSL(t, map[string][]byte{"key": spki, "in": []byte("plaintext")},
			append([]string{"pkeyutl", "-encrypt", "-pubin", "-inkey", "key", "-keyform", "DER"}, options...)...)
		if got, err := enc.Decrypt("RSAES_OAEP_SHA_"+hash, theirs); err != nil || string(got) != "plaintext" {
			t.Errorf("SHA-%s of openssl: %q, %v", hash, got, err)
		}
		ours, err := enc.Encrypt(primitivetest.Rand(1), "RSAES_OAEP_SHA_"+hash, []byte("plaintext"))
		if err != nil {
			t.Fatal(err)
		}
		got := primitivetest.OpenSSL(t, map[string][]byte{"key": m.Bytes(), "in": ours},
			append([]string{"pkeyutl", "-decrypt", "-inkey", "key", "-keyform", "DER"}, options...)...)
		if string(got) != "plaintext" {
			t.Errorf("SHA-%s by openssl: %q", hash, got)
		}
	}
}
