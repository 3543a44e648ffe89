// Package policy reads key policy documents.
//
// It promises that a Document it returns is well formed in every part: known elements alone, each
// once, each of the right type. It does not evaluate them yet, nor know which principals exist.
//
//	doc, err := policy.Parse(text)	// err is a *kmsapi.Fault
//
// The stored policy is the caller's text, not a Document printed again: GetKeyPolicy returns what
// PutKeyPolicy was given. The package is pure and starts no goroutines.
package policy

import (
	"errors"

	"meridian/keyengine/kmsapi"
)

// MaxBytes is the longest policy.
const MaxBytes = 32768

// Document is a parsed key policy.
type Document struct {
	Version    string
	ID         string
	Statements []Statement
}

// Statement is one statement. Of the pairs Principals and NotPrincipals, Actions and NotActions,
// exactly one is not empty. Its resource is always the key that the policy belongs to.
type Statement struct {
	Sid           string
	Deny          bool // Effect: Deny; Allow otherwise
	Principals    []Principal
	NotPrincipals []Principal
	Actions       []string
	NotActions    []string
	Conditions    []Condition
}

// Principal is one principal of a statement. The principal "*" is {AWS, *}.
type Principal struct {
	Type string // AWS, Service, Federated, CanonicalUser
	Name string
}

// Condition is one operator of a condition block, applied to one condition key.
type Condition struct {
	Operator string // as written, such as ForAnyValue:StringLikeIfExists
	Key      string
	Values   []string
}

// Default returns the policy of a key that was made without one: the account may delegate access by
// IAM policies.
func Default(partition, account string) string {
	return `{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "arn:` + partition + `:iam::` + account + `:root"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}`
}

// Parse reads a policy. The error is a *kmsapi.Fault: LimitExceededException for a policy that is
// too long, MalformedPolicyDocumentException for every other defect.
func Parse(text string) (*Document, error) {
	if len(text) > MaxBytes {
		return nil, kmsapi.Errorf(kmsapi.LimitExceededException, "The policy exceeds the limit of %d bytes.", MaxBytes)
	}
	for _, r := range text {
		if !allowed(r) {
			return nil, malformed("The policy contains a character that is not allowed.")
		}
	}
	root, err := parseJSON(text)
	if err != nil {
		return nil, malformed("The policy is not valid JSON: %v.", err)
	}
	doc, err := readDocument(root)
	var fault *kmsapi.Fault
	switch {
	case errors.As(err, &fault):
		return nil, fault
	case err != nil:
		return nil, malformed("%v.", err)
	}
	return doc, nil
}

// allowed reports whether a policy may contain the character: what XML 1.0 allows below U+0100.
// Text that is not UTF-8 reads as U+FFFD, which is above.
func allowed(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || ' ' <= r && r <= 0xff
}

func malformed(format string, args ...any) error {
	return kmsapi.Errorf(kmsapi.MalformedPolicyDocumentException, format, args...)
}
