package keyspec

import "strconv"

// message is the longest raw message and the longest symmetric plaintext.
const message = 4096

// table is never changed.
var table = build()

// All returns every spec, in the order of the service model.
func All() []Spec { return table }

func build() []Spec {
	return []Spec{
		rsa(2048), rsa(3072), rsa(4096),
		ecc("ECC_NIST_P256", "ECDSA_SHA_256", 32, true),
		ecc("ECC_NIST_P384", "ECDSA_SHA_384", 48, true),
		ecc("ECC_NIST_P521", "ECDSA_SHA_512", 64, true),
		ecc("ECC_SECG_P256K1", "ECDSA_SHA_256", 32, false),
		{
			Name: SymmetricDefault, Class: Symmetric,
			Usages:      []Usage{{EncryptDecrypt, []Algorithm{{Name: SymmetricDefault, MaxBytes: message}}}},
			MultiRegion: true, Importable: true, CustomStore: true, Rotates: true, KeyBytes: 32, Built: true,
		},
		hmac(224), hmac(256), hmac(384), hmac(512),
		sm2(),
		mldsa(44), mldsa(65), mldsa(87),
		ed25519(),
	}
}

func rsa(bits int) Spec {
	return built(asymmetric("RSA_"+strconv.Itoa(bits),
		Usage{EncryptDecrypt, []Algorithm{oaep("1", bits, 20), oaep("256", bits, 32)}},
		Usage{SignVerify, []Algorithm{
			sign("RSASSA_PSS_SHA_256", 32), sign("RSASSA_PSS_SHA_384", 48), sign("RSASSA_PSS_SHA_512", 64),
			sign("RSASSA_PKCS1_V1_5_SHA_256", 32), sign("RSASSA_PKCS1_V1_5_SHA_384", 48), sign("RSASSA_PKCS1_V1_5_SHA_512", 64),
		}}))
}

// oaep takes what the padding leaves of the modulus: RFC 8017, section 7.1.1.
func oaep(hash string, bits, hashBytes int) Algorithm {
	return Algorithm{Name: "RSAES_OAEP_SHA_" + hash, MaxBytes: bits/8 - 2*hashBytes - 2}
}

func ecc(name, algorithm string, digest int, agrees bool) Spec {
	s := asymmetric(name, Usage{SignVerify, []Algorithm{sign(algorithm, digest)}})
	if agrees {
		s.Usages = append(s.Usages, agreement())
	}
	return built(s)
}

// ed25519 has one algorithm for messages and one for digests, none for both.
func ed25519() Spec {
	return built(asymmetric("ECC_NIST_EDWARDS25519", Usage{SignVerify, []Algorithm{
		{Name: "ED25519_SHA_512", MaxBytes: message},
		{Name: "ED25519_PH_SHA_512", DigestBytes: 64},
	}}))
}

func mldsa(set int) Spec {
	return built(asymmetric("ML_DSA_"+strconv.Itoa(set),
		Usage{SignVerify, []Algorithm{{Name: "ML_DSA_SHAKE_256", MaxBytes: message, MuBytes: 64}}}))
}

func hmac(bits int) Spec {
	n := strconv.Itoa(bits)
	return Spec{
		Name: "HMAC_" + n, Class: HMAC,
		Usages:      []Usage{{MAC, []Algorithm{{Name: "HMAC_SHA_" + n, MaxBytes: message}}}},
		MultiRegion: true, Importable: true, KeyBytes: bits / 8, Built: true,
	}
}

// sm2 exists in China alone, where there are no multi-Region keys of it.
func sm2() Spec {
	s := asymmetric("SM2",
		Usage{EncryptDecrypt, []Algorithm{{Name: "SM2PKE", MaxBytes: 1024}}},
		Usage{SignVerify, []Algorithm{sign("SM2DSA", 32)}},
		agreement())
	s.MultiRegion, s.Partition = false, "aws-cn"
	return built(s)
}

func asymmetric(name string, usages ...Usage) Spec {
	return Spec{Name: name, Class: Asymmetric, Usages: usages, MultiRegion: true, Importable: true}
}

func built(s Spec) Spec {
	s.Built = true
	return s
}

func sign(name string, digest int) Algorithm {
	return Algorithm{Name: name, MaxBytes: message, DigestBytes: digest}
}

func agreement() Usage { return Usage{KeyAgreement, []Algorithm{{Name: "ECDH"}}} }
