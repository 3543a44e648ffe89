package identity

import (
	"fmt"
	"io"

	"meridian/keyengine/kmsapi"
	"meridian/keyengine/policy"
)

// A Caller is who called, with all policies that hold for it. It is shared by the calls of an access key: nobody
// changes it.
type Caller struct {
	// Who is the caller as policies speak of it: kind, ARN, account, tags, …
	Who         policy.Principal
	AccessKeyID string
	// Policies are those of the caller: identity policies with those of its groups, boundary, session policies,
	// service control policies. Who decides about a key adds the key's own.
	Policies policy.Policies

	SessionName    string // sts:RoleSessionName of a role's session
	SourceIdentity string // aws:SourceIdentity
	Temporary      bool   // the caller came with a session token

	chain       []string          // roles of the sessions that led here, this one's included
	transitive  []string          // keys of the session tags that go on to the next role
	sessionTags map[string]string // without those of the role

	sessionPolicy   string   // given with AssumeRole, JSON; empty: none
	sessionPolicies []string // managed session policies, by name
}

// Principal is the caller as the log of events and errors name it.
func (c *Caller) Principal() kmsapi.Principal {
	return kmsapi.Principal{Account: c.Who.Account, ARN: c.Who.ARN, AccessKeyID: c.AccessKeyID}
}

// Of returns the caller of a call; nil if it came by another way than a verified signature.
func Of(call *kmsapi.Call) *Caller {
	c, _ := call.Identity.(*Caller)
	return c
}

// IsRoot says whether the caller is the root of an account.
func (c *Caller) IsRoot() bool { return c.Who.Kind == policy.Root }

// IsService says whether the caller is an AWS service in its own name.
func (c *Caller) IsService() bool { return c.Who.Kind == policy.Service }

// A Secret is the secret of an access key. It prints as «redacted».
type Secret string

const redacted = "redacted"

// Reveal returns the secret.
func (s Secret) Reveal() string { return string(s) }

// String implements fmt.Stringer.
func (Secret) String() string { return redacted }

// Format implements fmt.Formatter, for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText implements encoding.TextMarshaler, which JSON and log lines use.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
