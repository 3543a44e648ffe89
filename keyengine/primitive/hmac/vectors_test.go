package hmac_test

import (
	"bytes"
	"encoding/hex"
	"os/exec"
	"testing"

	"meridian/keyengine/primitive"
	"meridian/keyengine/primitive/hmac"
)

// TestVectors is from NIST's examples «HMAC_SHA224.pdf» to «HMAC_SHA512.pdf» of the Cryptographic
// Standards and Guidelines: the ones whose key has the length of the hash's output, which is the
// only length that a key spec has. RFC 4231 has none of these.
func TestVectors(t *testing.T) {
	const message = "Sample message for keylen<blocklen"
	for bits, want := range map[int]string{
		224: "e3d249a8cfb67ef8b7a169e9a0a599714a2cecba65999a51beb8fbbe",
		256: "a28cf43130ee696a98f14a37678b56bcfcbdd9e5cf69717fecf5480f0ebdf790",
		384: "6eb242bdbb582ca17bebfa481b1e23211464d2b7f8c20b9ff2201637b93646af5ae9ac316e98db45d9cae773675eeed0",
		512: "fd44c18bda0bb0a6ce0e82b031bf2818f6539bd56ec00bdc10a8a2d730b3634de2545d639b0f2cf710d0692c72a1896f1f211c2b922d1a96c392e07e7ea9fedc",
	} {
		key := make([]byte, bits/8)
		for i := range key {
			key[i] = byte(i)
		}
		p := hmac.Provider{Bits: bits}
		mac, err := p.MAC(primitive.NewMaterial(key))
		if err != nil {
			t.Fatal(err)
		}
		got, err := mac.Generate("HMAC_SHA_"+p.Spec()[len("HMAC_"):], []byte(message))
		if hex.EncodeToString(got) != want || err != nil {
			t.Errorf("%s: %x, %v", p.Spec(), got, err)
		}
	}
}

// TestOpenSSL compares codes with another implementation.
func TestOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed: nothing to compare with")
	}
	message := bytes.Repeat([]byte("message "), 512)
	for _, bits := range []string{"224", "256", "384", "512"} {
		p := providers()["HMAC_"+bits]
		raw := bytes.Repeat([]byte{0xa5}, p.Bits/8)
		mac, err := p.MAC(primitive.NewMaterial(raw))
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(openssl, "dgst", "-sha"+bits, "-mac", "HMAC", "-macopt", "hexkey:"+hex.EncodeToString(raw), "-binary")
		cmd.Stdin = bytes.NewReader(message)
		theirs, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if err := mac.Verify("HMAC_SHA_"+bits, message, theirs); err != nil {
			t.Errorf("HMAC_SHA_%s of openssl: %v", bits, err)
		}
	}
}

func providers() map[string]hmac.Provider {
	m := map[string]hmac.Provider{}
	for _, p := range hmac.Providers() {
		m[p.Spec()] = p.(hmac.Provider)
	}
	return m
}
