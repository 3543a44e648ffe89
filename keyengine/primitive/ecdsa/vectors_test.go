package ecdsa_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/hex"
	"math/big"
	"testing"

	"meridian/keyengine/primitive"
	provider "meridian/keyengine/primitive/ecdsa"
)

// TestSignatureVectors is from RFC 6979, sections A.2.5 to A.2.7: the message «sample», with the
// hash that is paired with the curve.
func TestSignatureVectors(t *testing.T) {
	for bits, v := range map[int]struct{ algorithm, x, r, s string }{
		256: {
			"ECDSA_SHA_256", "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
			"efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
			"f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
		},
		384: {
			"ECDSA_SHA_384", "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5",
			"94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46",
			"99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8",
		},
		521: {
			"ECDSA_SHA_512", "00fad06daa62ba3b25d2fb40133da757205de67f5bb0018fee8c86e1b68c7e75caa896eb32f1f47c70855836a6d16fcc1466f6d8fbec67db89ec0c08b0e996b83538",
			"00c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f174e25a1ee9017b5d450606add152b534931d7d4e8455cc91f9b15bf05ec36e377fa",
			"00617cce7cf5064806c467f678d3b4080d6f1cc50af26ca209417308281b68af282623eaa63e5b5c0723d8b8c37ff0777b1a20f8ccb1dccc43997f1ee0e44da4a67a",
		},
	} {
		signer, err := provider.Provider{Bits: bits}.Signer(material(t, bits, v.x))
		if err != nil {
			t.Fatal(err)
		}
		want := encode(t, struct{ R, S *big.Int }{number(t, v.r), number(t, v.s)})
		if err := signer.Verify(v.algorithm, primitive.Raw, []byte("sample"), want); err != nil {
			t.Errorf("P-%d: %v", bits, err)
		}
	}
}

// TestAgreementVectors is from NIST's CAVS 14.1, ECC CDH Primitive (SP 800-56A), COUNT = 0.
func TestAgreementVectors(t *testing.T) {
	for bits, v := range map[int]struct{ private, peerX, peerY, secret string }{
		256: {
			"7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534",
			"700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287",
			"db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac",
			"46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b",
		},
		384: {
			"3cc3122a68f0d95027ad38c067916ba0eb8c38894d22e1b15618b6818a661774ad463b205da88cf699ab4d43c9cf98a1",
			"a7c76b970c3b5fe8b05d2838ae04ab47697b9eaf52e764592efda27fe7513272734466b400091adbf2d68c58e0c50066",
			"ac68f19f2e1cb879aed43a9969b91a0839c4c38a49749b661efedf243451915ed0905a32b060992b468c64766fc8437a",
			"5f9d29dc5e31a163060356213669c8ce132e22f57c9a04f40ba7fcead493b457e5621e766c40a2e3d4d6a04b25e533f1",
		},
		521: {
			"017eecc07ab4b329068fba65e56a1f8890aa935e57134ae0ffcce802735151f4eac6564f6ee9974c5e6887a1fefee5743ae2241bfeb95d5ce31ddcb6f9edb4d6fc47",
			"00685a48e86c79f0f0875f7bc18d25eb5fc8c0b07e5da4f4370f3a9490340854334b1e1b87fa395464c60626124a4e70d0f785601d37c09870ebf176666877a2046d",
			"01ba52c56fc8776d9e8f5db4f0cc27636d0b741bbe05400697942e80b739884a83bde99e0f6716939e632bc8986fa18dccd443a348b6c3e522497955a4f3c302f676",
			"005fc70477c3e63bc3954bd0df3ea0d1f41ee21746ed95fc5e1fdf90930d5e136672d72cc770742d1711c3c3a4c334a0ad9759436a4d3c5bf6e74b9578fac148c831",
		},
	} {
		agreement, err := provider.Provider{Bits: bits}.Agreement(material(t, bits, v.private))
		if err != nil {
			t.Fatal(err)
		}
		peer, err := ecdsa.ParseUncompressedPublicKey(curves[bits], append([]byte{4}, unhex(t, v.peerX+v.peerY)...))
		if err != nil {
			t.Fatal(err)
		}
		spki, err := x509.MarshalPKIXPublicKey(peer)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := agreement.Derive(spki); err != nil || hex.EncodeToString(got) != v.secret {
			t.Errorf("P-%d: %x, %v", bits, got, err)
		}
	}
}

var curves = map[int]elliptic.Curve{256: elliptic.P256(), 384: elliptic.P384(), 521: elliptic.P521()}

func material(t *testing.T, bits int, scalar string) primitive.Material {
	t.Helper()
	key, err := ecdsa.ParseRawPrivateKey(curves[bits], unhex(t, scalar))
	if err != nil {
		t.Fatal(err)
	}
	m, err := primitive.MarshalPKCS8(key)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func number(t *testing.T, s string) *big.Int { return new(big.Int).SetBytes(unhex(t, s)) }

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
