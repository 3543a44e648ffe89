// Package arn names keys and aliases: parsing, formatting and telling the forms apart.
//
// It promises that a name that parses is well formed in every part and that formatting it gives the
// same string again. It does not know which keys exist, nor which forms an operation accepts.
//
//	id, err := arn.Parse(keyID)
//	if err != nil { … neither a key id, key ARN, alias name nor alias ARN … }
//	switch id.Form { case arn.KeyID: … }
//
// The package is pure and starts no goroutines.
package arn

import (
	"errors"
	"strings"
)

// MaxBytes is the longest name that Parse looks at: the bound of the KeyId parameter.
const MaxBytes = 2048

// service is the third element of every ARN here.
const service = "kms"

// Errors of Parse. They say which exception a caller deserves, not more.
var (
	ErrName = errors.New("neither a key id nor an alias name") // not an ARN at all
	ErrARN  = errors.New("malformed arn")                      // begins like an ARN
)

// Form says which of the four ways of naming a key a string uses.
type Form uint8

// The forms of a name.
const (
	Malformed Form = iota
	KeyID          // 1234abcd-… or mrk-…
	KeyARN         // arn:aws:kms:…:key/…
	AliasName      // alias/…
	AliasARN       // arn:aws:kms:…:alias/…
)

var formNames = [...]string{"malformed", "key id", "key ARN", "alias name", "alias ARN"}

func (f Form) String() string {
	if int(f) < len(formNames) {
		return formNames[f]
	}
	return formNames[Malformed]
}

// IsAlias reports whether the form names an alias.
func (f Form) IsAlias() bool { return f == AliasName || f == AliasARN }

// IsARN reports whether the form carries partition, Region and account.
func (f Form) IsARN() bool { return f == KeyARN || f == AliasARN }

// Name is a parsed name. Partition, Region and Account are empty unless the form is an ARN; ID is
// the bare key id or, for an alias, its name with the prefix alias/.
type Name struct {
	Form      Form
	Partition string
	Region    string
	Account   string
	ID        string
}

// Key returns the name as a key ARN; it means something only for KeyARN.
func (n Name) Key() Key { return Key{n.Partition, n.Region, n.Account, n.ID} }

// Alias returns the name as an alias ARN; it means something only for AliasARN.
func (n Name) Alias() Alias { return Alias{n.Partition, n.Region, n.Account, n.ID} }

// String formats the name in its form.
func (n Name) String() string {
	if n.Form.IsARN() {
		return format(n.Partition, n.Region, n.Account, resource(n.Form, n.ID))
	}
	return n.ID
}

// Key is the ARN of a key, taken apart.
type Key struct{ Partition, Region, Account, ID string }

// String formats the ARN.
func (k Key) String() string {
	return format(k.Partition, k.Region, k.Account, resource(KeyARN, k.ID))
}

// Alias is the ARN of an alias, taken apart. Name begins with alias/.
type Alias struct{ Partition, Region, Account, Name string }

// String formats the ARN.
func (a Alias) String() string { return format(a.Partition, a.Region, a.Account, a.Name) }

// Parse tells what a caller's KeyId names. The error is ErrName or ErrARN, and the Name then has
// the form Malformed.
func Parse(s string) (Name, error) {
	switch {
	case len(s) > MaxBytes:
		return Name{}, ErrName
	case strings.HasPrefix(s, "arn:"):
		return parseARN(s)
	case ValidAliasName(s):
		return Name{Form: AliasName, ID: s}, nil
	case ValidKeyID(s):
		return Name{Form: KeyID, ID: s}, nil
	}
	return Name{}, ErrName
}

// ParseKey parses a key ARN and nothing else.
func ParseKey(s string) (Key, error) {
	n, err := Parse(s)
	if err != nil || n.Form != KeyARN {
		return Key{}, ErrARN
	}
	return n.Key(), nil
}

// parseARN parses arn:partition:kms:region:account:resource. The resource of an alias may contain
// colons, so the string is cut into six parts at most.
func parseARN(s string) (Name, error) {
	part := strings.SplitN(s, ":", 6)
	if len(part) != 6 || part[2] != service {
		return Name{}, ErrARN
	}
	n := Name{Partition: part[1], Region: part[3], Account: part[4]}
	if !ValidRegion(n.Region) || PartitionOf(n.Region) != n.Partition || !ValidAccount(n.Account) {
		return Name{}, ErrARN
	}
	if id, ok := strings.CutPrefix(part[5], "key/"); ok && ValidKeyID(id) {
		n.Form, n.ID = KeyARN, id
		return n, nil
	}
	if ValidAliasName(part[5]) {
		n.Form, n.ID = AliasARN, part[5]
		return n, nil
	}
	return Name{}, ErrARN
}

func resource(f Form, id string) string {
	if f == KeyARN {
		return "key/" + id
	}
	return id
}

func format(partition, region, account, resource string) string {
	return "arn:" + partition + ":" + service + ":" + region + ":" + account + ":" + resource
}
