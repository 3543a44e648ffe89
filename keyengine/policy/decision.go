package policy

import "fmt"

// Decision is the answer to a Request.
type Decision struct {
	Allowed bool
	Reason  Reason
	// By is what decided: the statement that allows or denies, or the grant. Zero where nothing did
	// because no statement allows.
	By Where
	// Via is the statement of the key policy that lets IAM policies decide; zero unless By is one of those.
	Via Where
	// Near are the statements and grants that nearly matched. Explain alone finds them.
	Near []Near
}

// Reason is why a call is allowed or denied.
type Reason uint8

// The reasons. Those up to ByGrant allow.
const (
	ByResource Reason = iota + 1 // the key policy allows the caller directly
	ByIdentity                   // IAM policies allow it, and the key policy lets them, or there is no key
	ByRoot                       // the caller is the root user of the account, which the key policy names
	ByGrant                      // a grant allows it

	ExplicitDeny   // a statement denies it: By
	NoService      // a level of the service control policies does not allow it
	NoBoundary     // the permissions boundary does not allow it
	NoSession      // the session policies do not allow it
	NoIdentity     // the key policy would let IAM policies allow it, and they do not
	NoResource     // neither the key policy nor a grant allows it
	NoCrossAccount // the operation is not for other accounts, whatever their policies say
)

// Layer is which kind of policy a statement belongs to.
type Layer uint8

// The layers.
const (
	LayerResource Layer = iota + 1
	LayerIdentity
	LayerBoundary
	LayerSession
	LayerService
	LayerGrant
)

// Where is the place of a statement or of a grant.
type Where struct {
	Layer     Layer
	Level     int    // of service control policies, from 1 on
	Policy    string // name of the policy
	Statement int    // from 1 on
	Sid       string
	Line      int    // of the document
	Grant     string // id of the grant
}

// Near is a statement or a grant that would have counted but for what Failed says.
type Near struct {
	Where
	Deny   bool
	Failed []string // one line for each part that did not match
}

// Name returns how AWS's messages call the layer.
func (l Layer) Name() string {
	switch l {
	case LayerResource:
		return "resource-based policy"
	case LayerIdentity:
		return "identity-based policy"
	case LayerBoundary:
		return "permissions boundary"
	case LayerSession:
		return "session policy"
	case LayerService:
		return "service control policy"
	case LayerGrant:
		return "grant"
	}
	return "policy"
}

// String tells the place in words.
func (w Where) String() string {
	if w.Layer == LayerGrant {
		return "grant " + w.Grant
	}
	s := w.Layer.Name()
	if w.Level > 0 {
		s += fmt.Sprintf(" of level %d", w.Level)
	}
	if w.Policy != "" {
		s += " " + w.Policy
	}
	if w.Statement > 0 {
		s += fmt.Sprintf(", statement %d", w.Statement)
	}
	if w.Sid != "" {
		s += fmt.Sprintf(" (%s)", w.Sid)
	}
	if w.Line > 0 {
		s += fmt.Sprintf(", line %d", w.Line)
	}
	return s
}

// Message is what AWS tells a caller that is denied.
func (d *Decision) Message(r *Request) string {
	because := ""
	switch d.Reason {
	case ExplicitDeny:
		article := "a"
		if d.By.Layer == LayerIdentity {
			article = "an"
		}
		because = " with an explicit deny in " + article + " " + d.By.Layer.Name()
	case NoService:
		because = d.missing(LayerService, r)
	case NoBoundary:
		because = d.missing(LayerBoundary, r)
	case NoSession:
		because = d.missing(LayerSession, r)
	case NoIdentity:
		because = d.missing(LayerIdentity, r)
	case NoResource, NoCrossAccount:
		because = d.missing(LayerResource, r)
	}
	return fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s%s", r.Principal.ARN, r.Action, r.Resource.ARN, because)
}

func (d *Decision) missing(l Layer, r *Request) string {
	return fmt.Sprintf(" because no %s allows the %s action", l.Name(), r.Action)
}

// String names the reason.
func (r Reason) String() string {
	switch r {
	case ByResource:
		return "key-policy"
	case ByIdentity:
		return "identity"
	case ByRoot:
		return "root"
	case ByGrant:
		return "grant"
	case ExplicitDeny:
		return "explicit-deny"
	case NoService:
		return "no-scp"
	case NoBoundary:
		return "no-boundary"
	case NoSession:
		return "no-session"
	case NoIdentity:
		return "no-identity"
	case NoResource:
		return "no-key-policy"
	case NoCrossAccount:
		return "no-cross-account"
	}
	return "undecided"
}
