package identity

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"meridian/keyengine/canonical"
	"meridian/keyengine/policy"
)

// sessionKeyPrefix is how access key ids of sessions begin.
const sessionKeyPrefix = "ASIA"

// MaxSessionBytes is the longest encoded session: its token travels in a header of every request.
const MaxSessionBytes = 12 << 10

// sessionVersion is the version of a session's form.
const sessionVersion = 1

// ErrSession says that a session is none that may be used: of another form, or of somebody who is gone.
var ErrSession = errors.New("not a session that may be used")

// A Session is what a session token says. What it names is looked up when the session is used: a role that is gone
// or was made anew, or an access key that is no more, ends it.
type Session struct {
	Version     uint64   `cbor:"1,keyasint"`
	AccessKeyID string   `cbor:"2,keyasint"`
	Secret      Secret   `cbor:"3,keyasint"`
	IssuedAt    int64    `cbor:"4,keyasint"` // seconds since 1970 UTC
	Expires     int64    `cbor:"5,keyasint"`
	Account     string   `cbor:"6,keyasint"`
	Issuer      string   `cbor:"7,keyasint"` // access key that GetSessionToken was called with; empty: a role's session
	Role        string   `cbor:"8,keyasint"`
	RoleID      string   `cbor:"9,keyasint"`
	Name        string   `cbor:"10,keyasint"`
	Policy      string   `cbor:"11,keyasint"` // session policy, JSON; empty: none
	PolicyNames []string `cbor:"12,keyasint"` // managed session policies
	Tags        []string `cbor:"13,keyasint"` // key, value, key, value, …
	Transitive  []string `cbor:"14,keyasint"` // keys of tags that go on
	SourceID    string   `cbor:"15,keyasint"`
	Chain       []string `cbor:"16,keyasint"` // roles passed, this one last
}

// Encode returns the bytes that are sealed into a token.
func (s *Session) Encode() []byte {
	s.Version = sessionVersion
	return canonical.Marshal(sealedSession(*s))
}

// DecodeSession reads the bytes of a token that was opened.
func DecodeSession(b []byte) (*Session, error) {
	if len(b) > MaxSessionBytes {
		return nil, ErrSession
	}
	var s sealedSession
	if err := canonical.Unmarshal(b, &s); err != nil {
		return nil, ErrSession
	}
	if s.Version != sessionVersion || len(s.Tags)%2 != 0 || len(s.Tags) > 2*maxTags {
		return nil, ErrSession
	}
	out := Session(s)
	return &out, nil
}

// sealedSession is a Session whose secret has a plain form, for the bytes that are sealed.
type sealedSession Session

// Caller returns who acts in a session. Own finds the caller of an access key that may be used.
func (d *Directory) Caller(partition string, s *Session, own func(accessKeyID string) *Caller) (*Caller, error) {
	if s.Issuer != "" {
		issuer := own(s.Issuer)
		if issuer == nil || issuer.Who.Account != s.Account {
			return nil, fmt.Errorf("access key %s is gone: %w", s.Issuer, ErrSession)
		}
		c := *issuer
		c.AccessKeyID, c.Temporary, c.Who.TokenIssued, c.Who.MFA = s.AccessKeyID, true, 1000*s.IssuedAt, new(false)
		return &c, nil
	}
	a, r := d.role(s.Account, s.Role)
	if r == nil || r.id != s.RoleID {
		return nil, fmt.Errorf("role %s is gone: %w", s.Role, ErrSession)
	}
	c := d.roleCaller(partition, a, r, s.Name)
	c.AccessKeyID, c.SourceIdentity, c.chain, c.transitive = s.AccessKeyID, s.SourceID, s.Chain, s.Transitive
	c.Who.TokenIssued, c.Who.MFA = 1000*s.IssuedAt, new(false)
	if err := c.enterSession(a, s.Tags, s.Policy, s.PolicyNames); err != nil {
		return nil, err
	}
	return c, nil
}

// enterSession adds to a role's caller what its session brings: tags, and policies that limit it.
func (c *Caller) enterSession(a *account, tags []string, text string, names []string) error {
	c.sessionPolicy, c.sessionPolicies = text, names
	c.sessionTags = map[string]string{}
	for i := 0; i+1 < len(tags); i += 2 {
		c.sessionTags[tags[i]] = tags[i+1]
	}
	c.Who.Tags = overlay(c.Who.Tags, c.sessionTags)
	if text != "" {
		doc, err := sessionPolicy.read(text)
		if err != nil {
			return fmt.Errorf("its policy: %w", ErrSession)
		}
		c.Policies.Session = append(c.Policies.Session, policy.Attached{Name: "given with AssumeRole", Document: doc})
	}
	for _, name := range names {
		p := a.policy(name)
		if p == nil { // a policy that is gone allows nothing, it does not set free
			p = &policy.Attached{Name: name, Document: constant(denyAll)}
		}
		c.Policies.Session = append(c.Policies.Session, *p)
	}
	return nil
}

// overlay puts tags over others. Keys that differ in case alone are the same.
func overlay(under, over map[string]string) map[string]string {
	out := maps.Clone(under)
	if out == nil {
		out = map[string]string{}
	}
	for key, value := range over {
		maps.DeleteFunc(out, func(k, _ string) bool { return strings.EqualFold(k, key) })
		out[key] = value
	}
	return out
}

func (d *Directory) role(id, name string) (*account, *role) {
	if d == nil || d.accounts[id] == nil {
		return nil, nil
	}
	a := d.accounts[id]
	return a, a.roles[strings.ToLower(name)]
}

// sortedTags are tags as a session holds them.
func sortedTags(tags map[string]string) []string {
	out := make([]string, 0, 2*len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, key, tags[key])
	}
	return out
}
