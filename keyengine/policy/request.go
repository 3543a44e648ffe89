package policy

import (
	"iter"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Request is the call to be judged, in one Region.
type Request struct {
	Principal *Principal
	Action    string // kms:Decrypt
	Resource  Resource
	Region    string // of the call: aws:RequestedRegion
	Now       int64  // ms since 1970: aws:CurrentTime, aws:EpochTime
	// EncryptionContext is that of the call; for CreateGrant, of its constraints. Grants are compared
	// with it, and so are the keys kms:EncryptionContext:… and kms:EncryptionContextKeys.
	EncryptionContext map[string]string
	// Context answers for all other condition keys. Nil: none of them is there.
	Context Context
}

// Resource is what the call is about.
type Resource struct {
	ARN     string            // of the key, alias or role; * for calls that are about none
	Account string            // to which it belongs
	Aliases []string          // kms:ResourceAliases, each with the prefix alias/; nil: the Context is asked
	Tags    map[string]string // aws:ResourceTag
}

// Context tells the values of condition keys, which are asked for in lower case, when a policy speaks
// of them. No value and an empty list mean that the key is not there. Keys about the caller, the
// resource, the time and the encryption context are not asked for: they come from the Request, but for
// kms:ResourceAliases where the Request has none.
type Context interface {
	Lookup(key string) []string
}

// Values is a Context made beforehand. Its keys are in lower case.
type Values map[string][]string

// Lookup implements Context.
func (v Values) Lookup(key string) []string { return v[key] }

// Set gives a key its values, whatever the case in which it is written.
func (v Values) Set(key string, values ...string) { v[strings.ToLower(key)] = values }

// Policies is what counts for a call. Documents are parsed once and kept by the caller. Where a policy
// cannot be parsed the call has to be refused: leaving it out may leave out a Deny.
type Policies struct {
	// Resource is the policy of the resource: the key policy, or the trust policy of a role. Nil allows
	// nothing.
	Resource *Document
	// Alone is set for calls that are about nothing with a policy of its own, such as ListKeys: then
	// identity policies decide alone.
	Alone bool
	// Grants are those of the key. Nil: none.
	Grants Grants
	// Identity are the policies of the caller: of the user and its groups, or of the role.
	Identity []Attached
	Boundary *Attached // permissions boundary; nil: none
	// Session are the policies that were given when the session was made; empty: none.
	Session []Attached
	// Service are the service control policies of each level, from the root of the organization to
	// the caller's account. Empty where they do not apply: no organization, or its management account.
	Service [][]Attached
}

// Attached is a policy and the name under which an explanation speaks of it.
type Attached struct {
	Name string
	*Document
}

// Grants finds the grants of the key by whom they are given to.
type Grants interface {
	// To yields the grants whose grantee is exactly this ARN, or this name of a service, by their ids.
	To(grantee string) iter.Seq2[string, Grant]
	// Fitting yields the same in the same order, but may leave out grants that do not allow an operation with an
	// encryption context: who has many of them knows which to look at.
	Fitting(grantee, operation string, context map[string]string) iter.Seq2[string, Grant]
}

// Grant is what a grant says. Operations are named without kms:.
type Grant interface {
	// Allows reports whether the grant covers an operation with this encryption context.
	Allows(operation string, context map[string]string) bool
	// WhyNot says what it lacks to allow that; empty if it does allow it. Explain alone asks.
	WhyNot(operation string, context map[string]string) string
}

// lookup returns the values of a condition key, lower case. A single one may stand in one, which
// saves an allocation.
func (e *evaluation) lookup(key string, one *[1]string) []string {
	single := func(s string) []string {
		if s == "" {
			return nil
		}
		one[0] = s
		return one[:]
	}
	p, r := e.Principal, &e.Request.Resource
	if tag, ok := strings.CutPrefix(key, "aws:principaltag/"); ok {
		return folded(p.Tags, tag)
	}
	if tag, ok := strings.CutPrefix(key, "aws:resourcetag/"); ok {
		return folded(r.Tags, tag)
	}
	if name, ok := strings.CutPrefix(key, "kms:encryptioncontext:"); ok {
		return folded(e.EncryptionContext, name)
	}
	switch key {
	case "aws:principalarn":
		return single(p.source())
	case "aws:principalaccount", "kms:calleraccount":
		return single(p.Account)
	case "aws:principaltype":
		return single(p.Kind.typeName())
	case "aws:userid":
		return single(p.UserID)
	case "aws:username":
		return single(p.UserName)
	case "aws:principalorgid":
		return single(p.OrgID)
	case "aws:principalorgpaths":
		return p.OrgPaths
	case "aws:principalisawsservice":
		return single(strconv.FormatBool(p.Kind == Service))
	case "aws:principalservicename":
		return single(p.Service)
	case "aws:principalservicenameslist":
		return single(p.Service)
	case "aws:multifactorauthpresent":
		if p.MFA == nil {
			return nil
		}
		return single(strconv.FormatBool(*p.MFA))
	case "aws:multifactorauthage":
		if p.MFA == nil || !*p.MFA {
			return nil
		}
		return single(strconv.FormatInt(p.MFAAge, 10))
	case "aws:tokenissuetime":
		if p.TokenIssued == 0 {
			return nil
		}
		return single(timestamp(p.TokenIssued))
	case "aws:currenttime":
		return single(timestamp(e.Now))
	case "aws:epochtime":
		return single(strconv.FormatInt(e.Now/1000, 10))
	case "aws:requestedregion":
		return single(e.Region)
	case "aws:resourceaccount":
		return single(r.Account)
	case "kms:resourcealiases":
		if e.ofResource { // documented for IAM policies alone
			return nil
		}
		if r.Aliases != nil {
			return r.Aliases
		}
	case "kms:encryptioncontextkeys":
		return names(e.EncryptionContext)
	}
	if e.Context == nil {
		return nil
	}
	return e.Context.Lookup(key)
}

// folded returns the values under a name, whatever its case. There may be several, and then an order
// that does not depend on that of the map.
func folded(m map[string]string, name string) []string {
	var found []string
	for k, v := range m {
		if SameName(k, name) {
			found = append(found, v)
		}
	}
	sort.Strings(found)
	return found
}

// SameName reports whether a name is the one, in lower case, of which a condition key speaks, whatever its case. Of the
// few letters on which the two ways to compare differ, such as İ, either will do: otherwise a Deny would never be true.
func SameName(name, lower string) bool {
	return strings.EqualFold(name, lower) || strings.ToLower(name) == lower
}

func names(m map[string]string) []string {
	var found []string
	for k := range m {
		found = append(found, k)
	}
	sort.Strings(found)
	return found
}

func timestamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05Z") }

// source is aws:PrincipalArn: of a session of a role, the role.
func (p *Principal) source() string {
	if p.Kind == RoleSession && p.Role != "" {
		return p.Role
	}
	return p.ARN
}

// typeName is aws:PrincipalType.
func (k Kind) typeName() string {
	switch k {
	case Root:
		return "Account"
	case User:
		return "User"
	case RoleSession:
		return "AssumedRole"
	case FederatedUser:
		return "FederatedUser"
	}
	return ""
}
