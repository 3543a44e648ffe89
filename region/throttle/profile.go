package throttle

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"meridian/keyengine/kmsapi"
	"meridian/keyengine/strictyaml"
)

// MaxBytes bounds a profile's file.
const MaxBytes = 64 << 10

// maxRate bounds a rate, in calls a second.
const maxRate = 1e6

// A Profile is calls a second, by quota, of an account in a Region. A quota that it does not name is not limited; of one
// with rate 0 nothing passes.
type Profile map[Quota]float64

// A Quota is what calls are counted by: a pool of cryptography, a data key pair's spec, or an operation.
type Quota string

// The pools of cryptography. What is in neither is counted by its operation's name.
const (
	Symmetric Quota = "symmetric" // and HMAC, and GenerateRandom
	RSA       Quota = "rsa"
	ECC       Quota = "ecc"
	SM2       Quota = "sm2"
	MLDSA     Quota = "ml-dsa"
)

// pair is the quota of data key pairs of a spec.
func pair(spec kmsapi.DataKeyPairSpec) Quota { return Quota("GenerateDataKeyPair/" + string(spec)) }

// AWS returns the quotas that AWS documents for a Region. Those that it documents nowhere are like their neighbours'.
func AWS(region string) Profile {
	p := Profile{Symmetric: symmetric(region), RSA: 500, ECC: 300, SM2: 300, MLDSA: 300}
	for rate, names := range map[float64]string{
		0.25: "GetParametersForImport",
		5: `CancelKeyDeletion ConnectCustomKeyStore CreateAlias CreateCustomKeyStore CreateKey DeleteCustomKeyStore DeleteImportedKeyMaterial
			DescribeCustomKeyStores DisableKey DisableKeyRotation DisconnectCustomKeyStore EnableKey ImportKeyMaterial ReplicateKey RotateKeyOnDemand
			UntagResource UpdateAlias UpdateCustomKeyStore UpdateKeyDescription UpdatePrimaryRegion`,
		10:   "TagResource",
		15:   "DeleteAlias EnableKeyRotation PutKeyPolicy ScheduleKeyDeletion",
		30:   "RetireGrant RevokeGrant",
		50:   "CreateGrant",
		100:  "ListGrants ListKeyPolicies ListKeyRotations ListRetirableGrants",
		500:  "ListAliases ListKeys",
		1000: "GetKeyPolicy GetKeyRotationStatus",
		2000: "DescribeKey GetKeyLastUsage GetPublicKey ListResourceTags",
	} {
		for name := range strings.FieldsSeq(names) {
			p[Quota(name)] = rate
		}
	}
	for spec, rate := range map[kmsapi.DataKeyPairSpec]float64{
		kmsapi.DataKeyPairSpecEccNistP256: 25, kmsapi.DataKeyPairSpecEccNistP384: 10, kmsapi.DataKeyPairSpecEccNistP521: 5,
		kmsapi.DataKeyPairSpecEccSecgP256k1: 25, kmsapi.DataKeyPairSpecEccNistEdwards25519: 25, kmsapi.DataKeyPairSpecSm2: 25,
		kmsapi.DataKeyPairSpecRsa2048: 1, kmsapi.DataKeyPairSpecRsa3072: 0.5, kmsapi.DataKeyPairSpecRsa4096: 0.1,
	} {
		p[pair(spec)] = rate
	}
	return p
}

// symmetric is the pool of symmetric cryptography, which AWS has in three sizes.
func symmetric(region string) float64 {
	switch region {
	case "us-east-1", "us-west-2", "eu-west-1":
		return 50_000
	case "us-east-2", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "eu-central-1", "eu-west-2":
		return 10_000
	}
	return 5_500
}

// Parse reads the file of a profile:
//
//	base: aws          # or off: what is not named below is not limited
//	rates:             # calls a second, of each account in each Region
//	  symmetric: 100
//	  CreateKey: 0.5
func Parse(text []byte, region string) (Profile, error) {
	r := new(strictyaml.Reader)
	root, err := r.Open(text, MaxBytes)
	if err != nil {
		return nil, err
	}
	base := ""
	rates := Profile{}
	known := AWS(region)
	r.Fields(root, "the file", strictyaml.Members{
		"base": r.Text(&base),
		"rates": r.Pairs("rates", len(known), func(n *yaml.Node, name, value string) {
			rate, err := strconv.ParseFloat(value, 64)
			switch {
			case err != nil || math.IsNaN(rate) || rate < 0 || rate > maxRate:
				r.Fail(n, "the rate of %q is not a number of calls a second between 0 and %d", name, int(maxRate))
			default:
				if _, ok := known[Quota(name)]; !ok {
					r.Fail(n, "there is no quota %q; there are %s", name, names(known))
				}
				rates[Quota(name)] = rate
			}
		}),
	})
	if err := r.Err(); err != nil {
		return nil, err
	}
	switch base {
	case "aws":
		maps.Copy(known, rates)
		return known, nil
	case "off", "":
		return rates, nil
	}
	return nil, fmt.Errorf("base %q is neither aws nor off", base)
}

func names(p Profile) string {
	var all []string
	for q := range p {
		all = append(all, string(q))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
