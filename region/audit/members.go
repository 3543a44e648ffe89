package audit

import "strings"

// recorded are the names of the members of requests and answers that go into a record. What is not here is withheld: a
// new member of the service model is, until somebody decides about it. A blob is never recorded, whatever its name:
// plaintexts, ciphertexts, signatures, MACs, digests, public keys, key material, import tokens, attestations.
//
// Withheld among the texts, on purpose: grant tokens, which allow their holder something; passwords and credentials of
// key stores.
const recorded = `
AWSAccountId AliasName Arn
BypassPolicyLockoutSafetyCheck
CloudHsmClusterId Constraints CreationDate CustomKeyStoreId CustomKeyStoreName CustomKeyStoreType CustomerMasterKeySpec CurrentKeyMaterialId
DeletionDate Description DestinationEncryptionAlgorithm DestinationEncryptionContext DestinationKeyId DryRun DryRunModifiers
Enabled EncryptionAlgorithm EncryptionAlgorithms EncryptionContext EncryptionContextEquals EncryptionContextSubset ExpirationModel
GrantId GranteePrincipal
Id ImportType IncludeKeyMaterial
KeyAgreementAlgorithm KeyAgreementAlgorithms KeyId KeyManager KeyMaterialDescription KeyMaterialId KeyMetadata KeyPairSpec KeySpec KeyState KeyUsage
Limit
MacAlgorithm MacAlgorithms Marker MessageType MultiRegion MultiRegionConfiguration MultiRegionKeyType
Name NewCustomKeyStoreName NumberOfBytes
Operations Origin
PendingDeletionWindowInDays PendingWindowInDays Policy PolicyName PrimaryKey PrimaryRegion
Region ReplicaKeyMetadata ReplicaKeys ReplicaPolicy ReplicaRegion ReplicaTags RetiringPrincipal RotationPeriodInDays
SigningAlgorithm SigningAlgorithms SourceEncryptionAlgorithm SourceEncryptionContext SourceKeyId
TagKey TagKeys TagValue Tags TargetKeyId
ValidTo
WrappingAlgorithm WrappingKeySpec
XksKeyConfiguration XksKeyId XksProxyConnectivity XksProxyUriEndpoint XksProxyUriPath XksProxyVpcEndpointServiceName
`

// recordedMembers is recorded as a set.
func recordedMembers() map[string]bool {
	set := map[string]bool{}
	for name := range strings.FieldsSeq(recorded) {
		set[name] = true
	}
	return set
}
