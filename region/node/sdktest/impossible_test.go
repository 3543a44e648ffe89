package sdktest

import (
	"maps"
	"slices"
	"strings"

	"meridian/keyengine/kmsapi"
)

// rule says of some errors of some operations why nothing provokes them.
type rule struct {
	codes      []string // without the suffix Exception
	operations []string // nil: all that declare them
	why        string
	used       bool
	pairs      map[string]bool // operations that it was asked about
}

type rules []*rule

// reason is why an error is impossible, "" if it is not.
func (r rules) reason(p pair) string {
	for _, rule := range r {
		if slices.Contains(rule.codes, strings.TrimSuffix(p.code, "Exception")) &&
			(rule.operations == nil || slices.Contains(rule.operations, p.operation)) {
			rule.used = true
			rule.pairs[p.operation] = true
			return rule.why
		}
	}
	return ""
}

// shown are the rule's errors as the page has them.
func (r *rule) shown() (codes []string) {
	for _, c := range r.codes {
		codes = append(codes, "`"+c+"Exception`")
	}
	return codes
}

// of are the operations that the rule is about.
func (r *rule) of() []string { return slices.Sorted(maps.Keys(r.pairs)) }

// storeOperations are those on custom key stores.
func storeOperations() (names []string) {
	for op := range kmsapi.Operations() {
		if strings.Contains(op.Name, "CustomKeyStore") {
			names = append(names, op.Name)
		}
	}
	return names
}

// storeErrors are the errors that only custom key stores know.
func storeErrors() []string {
	var codes []string
	for op := range kmsapi.Operations() {
		for _, code := range op.Errors {
			code = strings.TrimSuffix(code, "Exception")
			if (strings.HasPrefix(code, "CloudHsm") || strings.HasPrefix(code, "CustomKeyStore") || strings.HasPrefix(code, "Xks") || code == "IncorrectTrustAnchor") &&
				!slices.Contains(codes, code) {
				codes = append(codes, code)
			}
		}
	}
	slices.Sort(codes)
	return codes
}

// impossibleErrors is the table of declared errors that nothing provokes. The first rule that fits counts.
func impossibleErrors() rules {
	table := rules{
		{codes: []string{"KeyUnavailable"}, why: "key material is on every node that has applied the record it came with; a node that has not answers KMSInternalException"},
		{codes: []string{"DependencyTimeout"}, operations: timeless(), why: "nothing but RSA keys is waited for beside the Region itself, and a Region that does not answer in time is told by KMSInternalException"},
		{codes: []string{"KMSInvalidState"}, operations: []string{
			"DeleteAlias", "GetKeyPolicy", "GetKeyRotationStatus", "ListGrants", "ListKeyPolicies", "ListKeyRotations",
			"PutKeyPolicy", "RetireGrant", "RevokeGrant",
		}, why: "the table of key states allows the operation in every state"},
		{codes: []string{"LimitExceeded"}, operations: []string{"EnableKey"}, why: "no quota counts enabled keys"},
		{codes: []string{"LimitExceeded"}, operations: []string{"CreateGrant"}, why: "it takes 50,000 grants; the engine's own test begins with as many"},
		{codes: []string{"NotFound"}, operations: []string{"ListRetirableGrants"}, why: "it names no key, and a principal without grants has an empty list"},
		{codes: []string{"InvalidKeyUsage"}, operations: []string{"GetPublicKey"}, why: "a key without a public key is refused with UnsupportedOperationException, whatever its usage"},
		{codes: []string{"UnsupportedOperation"}, operations: []string{"PutKeyPolicy"}, why: "a policy name that cannot be is refused with ValidationException"},
		{codes: []string{"UnsupportedOperation"}, operations: []string{"GetKeyRotationStatus"}, why: "it is for keys in custom key stores, which there are not yet; of all others the status is known"},
		{codes: []string{"LimitExceeded", "InvalidMarker"}, operations: storeOperations(), why: "there are no custom key stores yet: UnsupportedOperationException"},
		{codes: storeErrors(), operations: append(storeOperations(), "CreateKey"), why: "there are no custom key stores yet: UnsupportedOperationException"},
		{codes: []string{"CustomKeyStoreInvalidState"}, operations: []string{"GenerateRandom"}, why: "there are no custom key stores yet: none is found"},
	}
	for _, r := range table {
		r.pairs = map[string]bool{}
	}
	return table
}

// timeless are the operations that wait for no RSA key.
func timeless() (names []string) {
	for op := range kmsapi.Operations() {
		switch op.Name {
		case "CreateKey", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext", "GetParametersForImport":
		default:
			names = append(names, op.Name)
		}
	}
	return names
}

// unseen is something that the suite is not to see beside errors.
type unseen struct {
	what, name string // a name that ends in * stands for all that begin so
	why        string
	used       bool
}

type unseens []*unseen

// match finds the entry for a name and returns its reason.
func (u unseens) match(what, name string) string {
	for _, e := range u {
		start, all := strings.CutSuffix(e.name, "*")
		if e.what == what && (e.name == name || all && strings.HasPrefix(name, start)) {
			e.used = true
			return e.why
		}
	}
	return ""
}

// unseenReasons is the table of what is not answered, given, seen or used.
func unseenReasons() unseens {
	const (
		operation, given, seen, value = "operation never answered", "member of an input not given", "member of an output not seen", "value not used"
		stores                        = "there are no custom key stores yet"
		onePolicy                     = "a key has one policy: the list is never cut"
		newer                         = "it is newer than the service model"
	)
	var table unseens
	for _, name := range storeOperations() {
		table = append(table, &unseen{what: operation, name: name, why: stores}, &unseen{what: given, name: name + ".*", why: stores})
	}
	return append(table, []*unseen{
		{what: given, name: "XksProxyAuthenticationCredentialType.*", why: stores},
		{what: given, name: "CreateKey.CustomKeyStoreId", why: stores},
		{what: given, name: "CreateKey.XksKeyId", why: stores},
		{what: given, name: "GenerateRandom.CustomKeyStoreId", why: stores},
		{what: given, name: "ListKeyPolicies.Marker", why: onePolicy},
		{what: seen, name: "CreateCustomKeyStore.*", why: stores},
		{what: seen, name: "DescribeCustomKeyStores.*", why: stores},
		{what: seen, name: "CustomKeyStoresListEntry.*", why: stores},
		{what: seen, name: "XksProxyConfigurationType.*", why: stores},
		{what: seen, name: "XksKeyConfigurationType.*", why: stores},
		{what: seen, name: "KeyMetadata.CloudHsmClusterId", why: stores},
		{what: seen, name: "KeyMetadata.CustomKeyStoreId", why: stores},
		{what: seen, name: "KeyMetadata.XksKeyConfiguration", why: stores},
		{what: seen, name: "ListKeyPolicies.NextMarker", why: onePolicy},
		{what: seen, name: "ListKeyPolicies.Truncated", why: onePolicy},
		{what: value, name: "CustomKeyStoreType=*", why: stores},
		{what: value, name: "XksProxyConnectivityType=*", why: stores},
		{what: value, name: "OriginType=AWS_CLOUDHSM", why: stores},
		{what: value, name: "OriginType=EXTERNAL_KEY_STORE", why: stores},
		{what: value, name: "AlgorithmSpec=RSAES_PKCS1_V1_5", why: "AWS does not support it any more"},
		{what: value, name: "KeySpec=ML_KEM_*", why: newer},
		{what: value, name: "DataKeyPairSpec=ML_KEM_*", why: newer},
		{what: value, name: "KeyUsageType=ENCAPSULATE_DECAPSULATE", why: newer},
		{what: value, name: "GrantOperation=Decapsulate", why: newer},
		{what: value, name: "GrantOperation=Encapsulate", why: newer},
	}...)
}
