package policy

import "strings"

// Kind is what sort of principal calls.
type Kind uint8

// The kinds of principals.
const (
	Root          Kind = iota + 1 // the root user of an account
	User                          // an IAM user, with its own keys or those of GetSessionToken
	RoleSession                   // a session of a role
	FederatedUser                 // a session of GetFederationToken
	Service                       // an AWS service, in its own name
	WebIdentity                   // somebody whom an identity provider vouches for: in trust policies alone
)

// Principal is who calls, as authentication found out. Fields that do not apply are empty.
type Principal struct {
	Kind    Kind
	ARN     string // as GetCallerIdentity tells it
	Account string
	Role    string // ARN of the role, with its path, of a RoleSession
	User    string // ARN of the user who asked for the session of a FederatedUser
	Service string // name of a Service, such as logs.us-east-1.amazonaws.com
	// Provider is who vouches for a WebIdentity: the ARN or the name of the identity provider.
	Provider string
	// ServiceLinked is set for sessions of service-linked roles: service control policies do not
	// restrict those.
	ServiceLinked bool

	UserName string            // aws:username, of a User
	UserID   string            // aws:userid
	Tags     map[string]string // aws:PrincipalTag
	OrgID    string            // aws:PrincipalOrgID
	OrgPaths []string          // aws:PrincipalOrgPaths
	// MFA says whether temporary credentials were made with a second factor; nil for credentials that
	// cannot tell.
	MFA         *bool
	MFAAge      int64 // seconds since then, if MFA is true
	TokenIssued int64 // when temporary credentials were made, ms since 1970; 0 for lasting ones
}

// hold is how a statement's principals hold the caller. More is stronger.
type hold uint8

const (
	missed    hold = iota
	delegated      // by its account: what its IAM policies say counts
	limited        // by its role, or as one of all: boundary and session policy must allow as well
	direct         // by its own name
)

// who is one compiled principal of a statement.
type who struct {
	form      whoForm
	name      string // ARN, account id, service, provider
	partition string // of an account that was given as an ARN
}

type whoForm uint8

const (
	whoNobody whoForm = iota // can never call a key service
	whoAll
	whoAccount
	whoARN
	whoService
	whoProvider
)

// compileWho reads a principal that is known to be well formed.
func compileWho(p Whom) who {
	switch {
	case p.Name == "*" && (p.Type == "AWS" || p.Type == "Federated"):
		return who{form: whoAll}
	case p.Type == "Service":
		return who{form: whoService, name: p.Name}
	case p.Type == "Federated":
		return who{form: whoProvider, name: p.Name}
	case p.Type != "AWS":
		return who{}
	}
	if part := strings.SplitN(p.Name, ":", arnParts); len(part) == arnParts && part[arnParts-1] == "root" {
		return who{form: whoAccount, name: part[4], partition: part[1]}
	}
	if strings.HasPrefix(p.Name, "arn:") {
		return who{form: whoARN, name: p.Name}
	}
	return who{form: whoAccount, name: p.Name}
}

// isAccount reports whether w is the account of p.
func (w *who) isAccount(p *Principal) bool {
	if w.form != whoAccount || p.Account == "" || w.name != p.Account {
		return false
	}
	return w.partition == "" || partitionOf(p.ARN) == w.partition
}

func partitionOf(arn string) string {
	if len(arn) < 4 {
		return ""
	}
	partition, _, _ := strings.Cut(arn[4:], ":")
	return partition
}

// holds tells how w holds the caller.
func (w *who) holds(p *Principal) hold {
	switch w.form {
	case whoAll:
		if p.Kind == RoleSession || p.Kind == FederatedUser {
			return limited
		}
		return direct
	case whoAccount:
		switch {
		case !w.isAccount(p):
			return missed
		case p.Kind == Root:
			return direct
		}
		return delegated
	case whoARN:
		switch {
		case p.ARN == w.name:
			return direct
		case p.Role == w.name && p.Kind == RoleSession, p.User == w.name && p.Kind == FederatedUser:
			return limited
		}
	case whoService:
		if p.Kind == Service && p.Service == w.name {
			return direct
		}
	case whoProvider:
		if p.Kind == WebIdentity && p.Provider == w.name {
			return direct
		}
	}
	return missed
}

// strongest tells how a list of principals holds the caller at best.
func strongest(list []who, p *Principal) hold {
	best := missed
	for i := range list {
		best = max(best, list[i].holds(p))
	}
	return best
}

// exempts reports whether a Deny for all but these spares the caller. All that the caller is has to be
// listed: its account, its role or user, and its session.
func exempts(list []who, p *Principal) bool {
	var account, role, self bool
	for i := range list {
		w := &list[i]
		if w.form == whoAll {
			return true
		}
		account = account || w.isAccount(p)
		role = role || w.form == whoARN && (w.name == p.Role || w.name == p.User)
		self = self || w.form != whoAccount && w.holds(p) == direct
	}
	switch p.Kind {
	case Root:
		return account
	case User:
		return account && self
	case RoleSession, FederatedUser:
		return account && role && self
	}
	return self
}
