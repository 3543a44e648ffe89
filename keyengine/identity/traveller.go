package identity

import (
	"errors"
	"fmt"
	"strings"

	"meridian/keyengine/arn"
	"meridian/keyengine/canonical"
	"meridian/keyengine/policy"
)

// MaxTravellerBytes bounds an encoded Traveller. What a session brings fits into its token, and that is bounded.
const MaxTravellerBytes = 16 << 10

// travellerVersion is the version of a Traveller's form. It is the first byte, so that a form of later days is known as
// one, and not taken for a caller with less than it has.
const travellerVersion = 1

// Bounds of what a Traveller says about the way a call came.
const (
	maxTravelAddress = 64
	maxTravelAgent   = 1024
	maxTravelID      = 128
)

// Errors of reading a Traveller and of finding its caller.
var (
	// ErrNewer says that a Traveller was written by a newer version: nothing can be decided about it here.
	ErrNewer = errors.New("written by a newer version")
	// ErrTraveller says that a Traveller is none.
	ErrTraveller = errors.New("not a caller of another Region")
	// ErrStranger says that whom a Traveller names is not known here.
	ErrStranger = errors.New("not known here")
)

// A Traveller is a caller as another Region needs to know it, to decide about the very same one: its name, what its
// session alone knows, and how the call came. The other Region has the identity file and looks up the rest. It holds no
// secret: neither a secret access key nor a session token.
type Traveller struct {
	ARN         string   `cbor:"1,keyasint"`
	UserID      string   `cbor:"2,keyasint,omitempty"` // a role or user that was made anew has another
	AccessKeyID string   `cbor:"3,keyasint,omitempty"`
	Temporary   bool     `cbor:"4,keyasint,omitempty"`
	TokenIssued int64    `cbor:"5,keyasint,omitempty"` // ms since 1970 UTC
	MFA         *bool    `cbor:"6,keyasint,omitempty"`
	Tags        []string `cbor:"7,keyasint,omitempty"` // of the session: key, value, key, value, …
	Policy      string   `cbor:"8,keyasint,omitempty"` // of the session, JSON
	PolicyNames []string `cbor:"9,keyasint,omitempty"` // managed session policies
	SourceID    string   `cbor:"10,keyasint,omitempty"`
	RequestID   string   `cbor:"11,keyasint,omitempty"`
	SourceIP    string   `cbor:"12,keyasint,omitempty"`
	UserAgent   string   `cbor:"13,keyasint,omitempty"`
	Role        string   `cbor:"14,keyasint,omitempty"` // ARN, of a role's session
	Account     string   `cbor:"15,keyasint,omitempty"` // of a service, whose name says none
}

// Traveller returns c as another Region needs to know it. The caller completes how the call came.
func (c *Caller) Traveller() Traveller {
	return Traveller{
		ARN: c.Who.ARN, UserID: c.Who.UserID, AccessKeyID: c.AccessKeyID, Temporary: c.Temporary, TokenIssued: c.Who.TokenIssued,
		Role: c.Who.Role, Account: c.Who.Account, MFA: c.Who.MFA, Tags: sortedTags(c.sessionTags), Policy: c.sessionPolicy, PolicyNames: c.sessionPolicies, SourceID: c.SourceIdentity,
	}
}

// Encode returns the bytes that travel. What a caller may choose freely is cut to a bound; nothing that decides is.
func (t Traveller) Encode() ([]byte, error) {
	t.RequestID, t.SourceIP = t.RequestID[:min(len(t.RequestID), maxTravelID)], t.SourceIP[:min(len(t.SourceIP), maxTravelAddress)]
	if len(t.UserAgent) > maxTravelAgent {
		t.UserAgent = "" // half of it could match a condition that all of it does not
	}
	b := append([]byte{travellerVersion}, canonical.Marshal(t)...)
	if len(b) > MaxTravellerBytes {
		return nil, fmt.Errorf("the caller's session is of %d bytes, at most %d go to another Region", len(b), MaxTravellerBytes)
	}
	return b, nil
}

// DecodeTraveller reads what another Region says about a caller.
func DecodeTraveller(b []byte) (*Traveller, error) {
	if len(b) == 0 || len(b) > MaxTravellerBytes || b[0] == 0 {
		return nil, ErrTraveller
	}
	if b[0] > travellerVersion {
		return nil, ErrNewer
	}
	t := new(Traveller)
	if err := canonical.Unmarshal(b[1:], t); err != nil {
		return nil, ErrTraveller
	}
	if t.ARN == "" || len(t.Tags)%2 != 0 || len(t.Tags) > 2*maxTags || len(t.PolicyNames) > maxSessionPolicies {
		return nil, ErrTraveller
	}
	return t, nil
}

// Traveller returns the caller that another Region says is asking, with all policies that hold for it by this
// Region's file. The session is not asked whether it has expired: the call was made while it was good.
func (d *Directory) Traveller(partition string, t *Traveller) (*Caller, error) {
	known, ok := d.Principal(partition, t.ARN)
	if !ok || known.Who.ARN != t.ARN || known.Who.UserID != t.UserID || known.Who.Account != t.Account {
		return nil, ErrStranger
	}
	c := *known
	c.AccessKeyID, c.Temporary, c.SourceIdentity = t.AccessKeyID, t.Temporary, t.SourceID
	c.Who.TokenIssued, c.Who.MFA = t.TokenIssued, t.MFA
	if c.Who.Kind != policy.RoleSession {
		return &c, nil
	}
	a, _, ok := d.roleOf(&c)
	if !ok {
		return nil, ErrStranger
	}
	if err := c.enterSession(a, t.Tags, t.Policy, t.PolicyNames); err != nil {
		return nil, ErrTraveller
	}
	return &c, nil
}

// Named returns the caller as far as the Traveller itself says who it is, for those who tell what happened: no policies
// are known of it, and nothing is decided by it.
func (t *Traveller) Named() *Caller {
	c := &Caller{AccessKeyID: t.AccessKeyID, SourceIdentity: t.SourceID, Temporary: t.Temporary}
	c.Who = policy.Principal{Kind: policy.Root, Account: t.Account, ARN: t.ARN, UserID: t.UserID, Role: t.Role, TokenIssued: t.TokenIssued, MFA: t.MFA}
	p, err := arn.ParsePrincipal(t.ARN)
	kind, rest, _ := strings.Cut(p.Resource, "/")
	switch {
	case err != nil:
		c.Who.Kind, c.Who.Service = policy.Service, t.ARN
	case kind == "user":
		c.Who.Kind, c.Who.UserName = policy.User, rest[strings.LastIndexByte(rest, '/')+1:]
	case kind == "assumed-role":
		c.Who.Kind = policy.RoleSession
	}
	return c
}

// roleOf finds the account and the role of a role's session.
func (d *Directory) roleOf(c *Caller) (*account, *role, bool) {
	id, name, ok := parseRole(c.Who.Role)
	if !ok {
		return nil, nil, false
	}
	a, r := d.role(id, name)
	return a, r, r != nil
}
