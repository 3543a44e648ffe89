package policy

// Type is the type of a condition key's values.
type Type string

// The types of condition keys.
const (
	String  Type = "String"
	Bool    Type = "Bool"
	Numeric Type = "Numeric"
	Date    Type = "Date"
	ARN     Type = "ARN"
	IP      Type = "IP"
)

// Key describes a condition key.
type Key struct {
	Name string // a name that ends in / or : stands for all that go on from there
	Type Type
	Many bool // several values: policies need ForAllValues or ForAnyValue
	// Operations are those of whose calls the key tells something; empty: all operations on a key.
	// Operations are named as permissions are: ReEncrypt is ReEncryptFrom and ReEncryptTo.
	Operations []string
	// Own says that Evaluate takes the value from the Request, and no Context is asked for it.
	Own bool
}

// Keys returns the condition keys of kms and the global ones that apply.
func Keys() []Key {
	return append(keysOfKMS(), globalKeys()...)
}

func keysOfKMS() []Key {
	symmetric := []string{
		"Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext",
		"GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
	}
	reEncrypt, pair, sign := symmetric[2:4:4], symmetric[6:8:8], []string{"Sign", "Verify"}
	mac, grant := []string{"GenerateMac", "VerifyMac"}, []string{"CreateGrant"}
	crypto := join(symmetric, sign, mac, []string{"DeriveSharedSecret"})
	attested := []string{"Decrypt", "DeriveSharedSecret", "GenerateDataKey", "GenerateDataKeyPair", "GenerateRandom"}
	withContext := join(symmetric, grant)
	imported, parameters := []string{"ImportKeyMaterial"}, []string{"GetParametersForImport"}
	return []Key{
		{Name: "kms:BypassPolicyLockoutSafetyCheck", Type: Bool, Operations: []string{"CreateKey", "PutKeyPolicy", "ReplicateKey"}},
		{Name: "kms:CallerAccount", Type: String, Own: true},
		{Name: "kms:CustomerMasterKeySpec", Type: String},
		{Name: "kms:CustomerMasterKeyUsage", Type: String},
		{Name: "kms:DataKeyPairSpec", Type: String, Operations: pair},
		{Name: "kms:EncryptionAlgorithm", Type: String, Operations: symmetric},
		{Name: "kms:EncryptionContext:", Type: String, Operations: withContext, Own: true},
		{Name: "kms:EncryptionContextKeys", Type: String, Many: true, Operations: withContext, Own: true},
		{Name: "kms:ExpirationModel", Type: String, Operations: imported},
		{Name: "kms:GrantConstraintType", Type: String, Operations: grant},
		{Name: "kms:GrantIsForAWSResource", Type: Bool, Operations: []string{"CreateGrant", "ListGrants", "RevokeGrant"}},
		{Name: "kms:GrantOperations", Type: String, Many: true, Operations: grant},
		{Name: "kms:GranteePrincipal", Type: String, Operations: grant},
		{Name: "kms:KeyAgreementAlgorithm", Type: String, Operations: []string{"DeriveSharedSecret"}},
		{Name: "kms:KeyOrigin", Type: String},
		{Name: "kms:KeySpec", Type: String},
		{Name: "kms:KeyUsage", Type: String},
		{Name: "kms:MacAlgorithm", Type: String, Operations: mac},
		{Name: "kms:MessageType", Type: String, Operations: sign},
		{Name: "kms:MultiRegion", Type: Bool},
		{Name: "kms:MultiRegionKeyType", Type: String},
		{Name: "kms:PrimaryRegion", Type: String, Operations: []string{"UpdatePrimaryRegion"}},
		{Name: "kms:ReEncryptOnSameKey", Type: Bool, Operations: reEncrypt},
		{Name: "kms:RecipientAttestation:ImageSha384", Type: String, Operations: attested},
		{Name: "kms:RecipientAttestation:PCR", Type: String, Operations: attested},
		{Name: "kms:ReplicaRegion", Type: String, Operations: []string{"ReplicateKey"}},
		{Name: "kms:RequestAlias", Type: String, Operations: join(crypto, []string{"DescribeKey", "GetPublicKey"})},
		{Name: "kms:ResourceAliases", Type: String, Many: true},
		{Name: "kms:RetiringPrincipal", Type: String, Operations: grant},
		{Name: "kms:RotationPeriodInDays", Type: Numeric, Operations: []string{"EnableKeyRotation"}},
		{Name: "kms:ScheduleKeyDeletionPendingWindowInDays", Type: Numeric, Operations: []string{"ScheduleKeyDeletion"}},
		{Name: "kms:SigningAlgorithm", Type: String, Operations: sign},
		{Name: "kms:ValidTo", Type: Date, Operations: imported},
		{Name: "kms:ViaService", Type: String},
		{Name: "kms:WrappingAlgorithm", Type: String, Operations: parameters},
		{Name: "kms:WrappingKeySpec", Type: String, Operations: parameters},
	}
}

func globalKeys() []Key {
	tagging := []string{"CreateKey", "TagResource", "UntagResource", "ReplicateKey"}
	return []Key{
		{Name: "aws:CurrentTime", Type: Date, Own: true},
		{Name: "aws:EpochTime", Type: Numeric, Own: true},
		{Name: "aws:MultiFactorAuthAge", Type: Numeric, Own: true},
		{Name: "aws:MultiFactorAuthPresent", Type: Bool, Own: true},
		{Name: "aws:PrincipalAccount", Type: String, Own: true},
		{Name: "aws:PrincipalArn", Type: ARN, Own: true},
		{Name: "aws:PrincipalIsAWSService", Type: Bool, Own: true},
		{Name: "aws:PrincipalOrgID", Type: String, Own: true},
		{Name: "aws:PrincipalOrgPaths", Type: String, Many: true, Own: true},
		{Name: "aws:PrincipalServiceName", Type: String, Own: true},
		{Name: "aws:PrincipalServiceNamesList", Type: String, Many: true, Own: true},
		{Name: "aws:PrincipalTag/", Type: String, Own: true},
		{Name: "aws:PrincipalType", Type: String, Own: true},
		{Name: "aws:RequestTag/", Type: String, Operations: tagging},
		{Name: "aws:RequestedRegion", Type: String, Own: true},
		{Name: "aws:ResourceAccount", Type: String, Own: true},
		{Name: "aws:ResourceTag/", Type: String, Own: true},
		{Name: "aws:SecureTransport", Type: Bool},
		{Name: "aws:SourceAccount", Type: String},
		{Name: "aws:SourceArn", Type: ARN},
		{Name: "aws:SourceIp", Type: IP},
		{Name: "aws:SourceVpc", Type: String},
		{Name: "aws:SourceVpce", Type: String},
		{Name: "aws:TagKeys", Type: String, Many: true, Operations: tagging},
		{Name: "aws:TokenIssueTime", Type: Date, Own: true},
		{Name: "aws:UserAgent", Type: String},
		{Name: "aws:ViaAWSService", Type: Bool},
		{Name: "aws:userid", Type: String, Own: true},
		{Name: "aws:username", Type: String, Own: true},
	}
}

func join(lists ...[]string) []string {
	var all []string
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}
