// Package policy reads policy documents and decides calls by them as AWS does: key policies, IAM
// policies, permissions boundaries, session policies, service control policies, trust policies and
// grants.
//
// It promises that a Document it returns is well formed in every part: known elements and operators
// alone, each once, each of the right type. What cannot be understood is refused when it is read, so
// nothing is ever allowed by it. Explicit denials win, and no order of statements or policies
// changes whether a call is allowed. It does not know which principals, keys or grants exist: who
// asks says so.
//
//	key, err := policy.Parse(text)		// err is a *kmsapi.Fault
//	mine, err := policy.ParseIdentity(text)	// err says line, statement and element
//	d := policy.Evaluate(&policy.Request{Principal: p, Action: "kms:Decrypt", Resource: r},
//		&policy.Policies{Resource: key, Identity: []policy.Attached{{"mine", mine}}, Grants: grants})
//	if !d.Allowed { … d.Message(request) … }
//
// Explain answers the same and tells which statements nearly matched. Keys lists the condition keys
// of kms, for those who fill a Context.
//
// The stored policy is the caller's text, not a Document printed again: GetKeyPolicy returns what
// PutKeyPolicy was given. The package is pure and starts no goroutines; a Document is never changed
// and may be used by many at once.
package policy

import (
	"errors"
	"fmt"
	"strings"

	"meridian/keyengine/kmsapi"
)

// MaxBytes is the longest key policy.
const MaxBytes = 32768

// Bounds of other documents: MaxIAMChars does not count white space. It is the largest of AWS's
// quotas, that of all inline policies of a role; MaxIAMBytes bounds what is read at all.
const (
	MaxIAMChars = 10240
	MaxIAMBytes = 131072
)

// Document is a parsed policy. Only the functions of this package make one that allows or denies.
type Document struct {
	Version    string
	ID         string
	Statements []Statement
	rules      []rule // one for each statement
}

// Statement is one statement. Of the pairs Principals and NotPrincipals, Actions and NotActions,
// Resources and NotResources, at most one is not empty: which ones depends on the kind of policy. The
// resource of a key policy is always its key, that of a trust policy its role.
type Statement struct {
	Sid           string
	Deny          bool // Effect: Deny; Allow otherwise
	Principals    []Whom
	NotPrincipals []Whom
	Actions       []string
	NotActions    []string
	Resources     []string // of policies other than those of a key or a role
	NotResources  []string
	Conditions    []Condition
	Line          int // where it stands in the text
}

// Whom is one principal that a statement names. The principal "*" is {AWS, *}.
type Whom struct {
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

// Parse reads a key policy. The error is a *kmsapi.Fault: LimitExceededException for a policy that is
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
	doc, err := read(text, grammar{versioned: true, principals: true})
	if err != nil {
		var fault *kmsapi.Fault
		if errors.As(err, &fault) {
			return nil, fault
		}
		return nil, malformed("%v.", strings.TrimSuffix(err.Error(), "."))
	}
	return doc, nil
}

// ParseIdentity reads a policy that has no principals: one of a user, a group or a role, a permissions
// boundary, a session policy or a service control policy. The error says where the defect is.
func ParseIdentity(text string) (*Document, error) {
	return readIAM(text, grammar{resources: true})
}

// ParseTrust reads the trust policy of a role. The error says where the defect is.
func ParseTrust(text string) (*Document, error) {
	return readIAM(text, grammar{principals: true, trust: true})
}

func readIAM(text string, g grammar) (*Document, error) {
	if len(text) > MaxIAMBytes {
		return nil, fmt.Errorf("the policy exceeds the limit of %d bytes", MaxIAMBytes)
	}
	counted := 0
	for _, r := range text {
		switch r {
		case ' ', '\t', '\n', '\r':
		default:
			counted++
		}
	}
	if counted > MaxIAMChars {
		return nil, fmt.Errorf("the policy exceeds the limit of %d characters without white space", MaxIAMChars)
	}
	return read(text, g)
}

// read parses, checks and compiles a document.
func read(text string, g grammar) (*Document, error) {
	root, err := parseJSON(text)
	if err != nil {
		return nil, said(fmt.Sprintf("The policy is not valid JSON: %v", err))
	}
	doc, err := g.document(root)
	if err != nil {
		return nil, err
	}
	for i := range doc.Statements {
		r, err := doc.Statements[i].compile(doc.Version == "2012-10-17")
		if err != nil {
			return nil, doc.Statements[i].located(i, err)
		}
		doc.rules = append(doc.rules, r)
	}
	return doc, nil
}

// allowed reports whether a key policy may contain the character: what XML 1.0 allows below U+0100.
// Text that is not UTF-8 reads as U+FFFD, which is above.
func allowed(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || ' ' <= r && r <= 0xff
}

// said is a defect in AWS's own words, which keep their capitals.
type said string

func (s said) Error() string { return string(s) }

func malformed(format string, args ...any) error {
	return kmsapi.Errorf(kmsapi.MalformedPolicyDocumentException, format, args...)
}
