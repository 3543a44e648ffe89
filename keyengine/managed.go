package keyengine

import (
	"fmt"
	"strings"

	"meridian/keyengine/arn"
	"meridian/keyengine/family"
	"meridian/keyengine/keyspec"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/rows"
)

// AWS managed keys: one for each service that an account encrypts with, made when its alias
// alias/aws/<service> is first used. A key is AWS's exactly if it has such an alias: nobody can make,
// move or delete one.

// managedPeriodDays is how often AWS managed keys rotate.
const managedPeriodDays = 365

// managedService is a service that has a key in each account.
type managedService struct {
	name     string // of the alias
	title    string // in the policy
	protects string // in the description
	endpoint string // of kms:ViaService
	grants   bool   // the service works with grants
}

// managedServices are the services with a predefined alias, by name.
func managedServices() []managedService {
	return []managedService{
		{"acm", "ACM", "ACM private keys", "acm", true},
		{"backup", "Backup", "Backup data", "backup", true},
		{"dynamodb", "DynamoDB", "DynamoDB data", "dynamodb", true},
		{"ebs", "EBS", "EBS volumes", "ec2", true},
		{"elasticfilesystem", "EFS", "EFS file systems", "elasticfilesystem", true},
		{"es", "OpenSearch Service", "OpenSearch domains", "es", true},
		{"glue", "Glue", "Glue data", "glue", false},
		{"kinesis", "Kinesis", "Kinesis streams", "kinesis", false},
		{"lambda", "Lambda", "Lambda functions", "lambda", true},
		{"rds", "RDS", "RDS databases", "rds", true},
		{"redshift", "Redshift", "Redshift clusters", "redshift", true},
		{"s3", "S3", "S3 objects", "s3", false},
		{"secretsmanager", "Secrets Manager", "Secrets Manager secrets", "secretsmanager", false},
		{"sns", "SNS", "SNS messages", "sns", false},
		{"sqs", "SQS", "SQS messages", "sqs", false},
		{"ssm", "SSM", "SSM parameters", "ssm", false},
		{"xray", "X-Ray", "X-Ray traces", "xray", false},
	}
}

func (s managedService) alias() string { return arn.AWSAliasPrefix + s.name }

func (s managedService) description() string {
	return "Default key that protects my " + s.protects + " when no other key is defined"
}

// policy lets the principals of the account use the key through the service, and read about it.
func (s managedService) policy(p Place, account string) string {
	grant := ""
	if s.grants {
		grant = `, "kms:CreateGrant"`
	}
	return fmt.Sprintf(`{
  "Version" : "2012-10-17",
  "Id" : "auto-%s-1",
  "Statement" : [ {
    "Sid" : "Allow access through %s for all principals in the account that are authorized to use %[2]s",
    "Effect" : "Allow",
    "Principal" : { "AWS" : "*" },
    "Action" : [ "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"%s, "kms:DescribeKey" ],
    "Resource" : "*",
    "Condition" : { "StringEquals" : { "kms:CallerAccount" : "%s", "kms:ViaService" : "%s" } }
  }, {
    "Sid" : "Allow direct access to key metadata to the account",
    "Effect" : "Allow",
    "Principal" : { "AWS" : "arn:%s:iam::%[4]s:root" },
    "Action" : [ "kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant" ],
    "Resource" : "*"
  } ]
}`, s.name, s.title, grant, account, s.endpointIn(p), p.Partition)
}

// endpointIn is the service as kms:ViaService names it.
func (s managedService) endpointIn(p Place) string {
	domain := "amazonaws.com"
	if p.Partition == "aws-cn" {
		domain = "amazonaws.com.cn"
	}
	return s.endpoint + "." + p.Region + "." + domain
}

func managedBy(alias string) (managedService, bool) {
	for _, s := range managedServices() {
		if s.alias() == alias {
			return s, true
		}
	}
	return managedService{}, false
}

// MakeManagedKey makes the key of a predefined alias, unless it is there. KeyID and Material are new.
type MakeManagedKey struct {
	Account  string
	Alias    string
	KeyID    string
	Material NewMaterial
}

// Operation implements Command.
func (MakeManagedKey) Operation() string { return "MakeManagedKey" }

func (c MakeManagedKey) decide(d *draft) (any, error) {
	service, ok := managedBy(c.Alias)
	ref := Ref{Account: c.Account, KeyID: c.KeyID}
	if err := d.checkRef(ref); err != nil || !ok || c.Material.ID.IsZero() || arn.IsMultiRegion(c.KeyID) {
		return nil, fault(kmsapi.ValidationException, "not an AWS managed key")
	}
	if _, made := d.alias(c.Account, c.Alias); made {
		return nil, nil
	}
	record := family.Record{
		Partition: d.place.Partition, Account: ref.Account, KeyID: ref.KeyID,
		Spec: keyspec.SymmetricDefault, Usage: keyspec.EncryptDecrypt, Origin: originAWS,
	}
	if err := d.family(ref, family.Create{Record: record, Material: c.Material.ID}, c.Material); err != nil {
		return nil, fault(kmsapi.KMSInternalException, "key id in use")
	}
	d.emit(KeyCreated{Account: ref.Account, KeyID: ref.KeyID, Key: Key{
		CreatedAt: d.facts.Now, CreatedBy: d.facts.Caller.ARN,
		Description: service.description(), Policy: service.policy(d.place, ref.Account),
	}})
	d.emit(AliasCreated{Account: ref.Account, Name: c.Alias, KeyID: ref.KeyID, At: d.facts.Now})
	return nil, d.family(ref, family.SetRotation{Rotation: rotationFrom(d.facts.Now, managedPeriodDays)})
}

// Unmade returns the predefined alias that a caller's identifier names, if its key is yet to be made.
func (v *View) Unmade(f Facts, id string) (alias string, ok bool) {
	if !strings.Contains(id, arn.AWSAliasPrefix) { // most by far
		return "", false
	}
	name, err := arn.Parse(id)
	switch {
	case err != nil || !name.Form.IsAlias():
		return "", false
	case name.Form.IsARN() && (name.Region != v.place.Region || name.Account != f.Caller.Account):
		return "", false
	}
	if _, ok = managedBy(name.ID); !ok {
		return "", false
	}
	_, made := v.alias(f.Caller.Account, name.ID)
	return name.ID, !made
}

// managed reports whether a key is an AWS managed one.
func (v *View) managed(ref Ref) bool {
	return len(keysWith(v.rows, aliasOfKeyRow(ref, arn.AWSAliasPrefix), 1)) > 0
}

// managedKeys is how many AWS managed keys an account has: they do not count in its quota.
func (v *View) managedKeys(account string) uint64 {
	return uint64(len(keysWith(v.rows, aliasRow(account, arn.AWSAliasPrefix), len(managedServices()))))
}

// withPredefined is the View with rows for the predefined aliases whose keys are yet to be made.
func (v *View) withPredefined(account string) *View {
	overlay := rows.NewOverlay(v.rows)
	s := state{overlay, v.place}
	for _, service := range managedServices() {
		if _, made := v.alias(account, service.alias()); !made {
			s.put(aliasRow(account, service.alias()), new(Alias))
		}
	}
	return NewView(overlay, v.place)
}

// ownersOnly reports whether an operation is for keys that their account manages.
func ownersOnly(op string) bool {
	switch op {
	case "EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion", "UpdateKeyDescription", "PutKeyPolicy",
		"TagResource", "UntagResource", "CreateAlias", "UpdateAlias", "ReplicateKey", "UpdatePrimaryRegion",
		"EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand", "ImportKeyMaterial", "DeleteImportedKeyMaterial", "GetParametersForImport":
		return true
	}
	return false
}

// checkOwner refuses to let a caller change a key that AWS manages.
func (t *target) checkOwner(op string) error {
	if !ownersOnly(op) || !t.view.managed(t.ref) {
		return nil
	}
	return fault(kmsapi.AccessDeniedException, "%s is an AWS managed key: kms:%s is not allowed.", t.arn, op)
}

// checkAliasOwner refuses to let a caller change an alias that AWS predefines.
func (v *View) checkAliasOwner(op, account, name string) error {
	if _, predefined := managedBy(name); !predefined {
		return nil
	}
	return fault(kmsapi.AccessDeniedException, "%s is predefined by AWS: kms:%s is not allowed.", v.place.aliasARN(account, name), op)
}
