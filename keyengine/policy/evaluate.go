package policy

import "strings"

// Evaluate decides a call as AWS does: what is denied anywhere is denied; otherwise every policy that
// only restricts has to allow it, and the key policy, IAM policies that it lets decide, or a grant.
func Evaluate(r *Request, p *Policies) Decision {
	return newEvaluation(r, p).decide()
}

// evaluation is a decision in the making.
type evaluation struct {
	*Request
	policies   *Policies
	lower      [longestAction]byte // the action in lower case, if it is not longer
	arn        *[arnParts]string   // nil: not asked for yet
	isARN      bool
	ofResource bool // the document being read is the resource's policy
}

// longestAction is longer than any action of kms.
const longestAction = 48

func newEvaluation(r *Request, p *Policies) *evaluation {
	e := &evaluation{Request: r, policies: p}
	if len(r.Action) <= longestAction {
		for i := range len(r.Action) {
			e.lower[i] = lowerASCII(r.Action[i])
		}
	}
	return e
}

func lowerASCII(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// cut is the ARN of the resource in parts; false: it is none. A key policy does not ask for it.
func (e *evaluation) cut() (*[arnParts]string, bool) {
	if e.arn == nil {
		e.arn = new([arnParts]string)
		*e.arn, e.isARN = cutARN(e.Resource.ARN)
	}
	return e.arn, e.isARN
}

// findings are what one layer says.
type findings struct {
	allow Where // zero: nothing allows
	deny  Where // zero: nothing denies
}

func (f *findings) allows() bool { return f.allow.Statement > 0 }
func (f *findings) denies() bool { return f.deny.Statement > 0 }

// own is what the policy of the resource says.
type own struct {
	findings
	hold hold  // of the strongest statement that allows
	via  Where // the statement that delegates to the account
}

func (e *evaluation) decide() Decision {
	v, d := e.weigh()
	if d.Reason != 0 {
		return d
	}
	return v.decide()
}

// weigh reads all layers before any allows, since a Deny may stand in each. The decision has a reason
// if the call is denied whatever else allows it.
func (e *evaluation) weigh() (verdict, Decision) {
	service, missing := e.serviceControl()
	if service.denies() {
		return verdict{}, denied(service.deny)
	}
	v := verdict{e: e, resource: e.resource(), identity: e.attached(LayerIdentity, e.policies.Identity)}
	boundary, session := e.restriction(), e.attached(LayerSession, e.policies.Session)
	for _, f := range [...]*findings{&v.resource.findings, &v.identity, &boundary, &session} {
		if f.denies() {
			return verdict{}, denied(f.deny)
		}
	}
	if missing > 0 {
		return verdict{}, Decision{Reason: NoService, By: Where{Layer: LayerService, Level: missing}}
	}
	switch {
	case e.policies.Boundary != nil && !boundary.allows():
		v.capped = NoBoundary
	case len(e.policies.Session) > 0 && !session.allows():
		v.capped = NoSession
	}
	return v, Decision{}
}

func denied(by Where) Decision { return Decision{Reason: ExplicitDeny, By: by} }

// serviceControl reads the service control policies: missing is the first level that does not allow.
func (e *evaluation) serviceControl() (all findings, missing int) {
	if e.Principal.Kind == Service || e.Principal.ServiceLinked || e.Principal.Kind == WebIdentity {
		return findings{}, 0
	}
	for i, level := range e.policies.Service {
		f := e.attached(LayerService, level)
		f.deny.Level = i + 1
		if f.denies() {
			return f, 0
		}
		if !f.allows() && missing == 0 {
			missing = i + 1
		}
	}
	return findings{}, missing
}

func (e *evaluation) restriction() findings {
	if e.policies.Boundary == nil {
		return findings{}
	}
	var f findings
	e.read(LayerBoundary, *e.policies.Boundary, &f)
	return f
}

func (e *evaluation) attached(l Layer, list []Attached) findings {
	var f findings
	for _, a := range list {
		e.read(l, a, &f)
	}
	return f
}

// read adds what a policy without principals says. Once something allows, only denials matter.
func (e *evaluation) read(l Layer, a Attached, f *findings) {
	if a.Document == nil {
		return
	}
	for i := range a.rules {
		r := &a.rules[i]
		if !r.deny && f.allows() || f.denies() {
			continue
		}
		if !r.covers(e) || !r.conditionsHold(e) {
			continue
		}
		if r.deny {
			f.deny = a.where(l, a.Name, i)
		} else {
			f.allow = a.where(l, a.Name, i)
		}
	}
}

// resource reads the policy of the resource.
func (e *evaluation) resource() (o own) {
	doc := e.policies.Resource
	if doc == nil {
		return o
	}
	e.ofResource = true
	o = e.ofDocument(doc)
	e.ofResource = false
	return o
}

func (e *evaluation) ofDocument(doc *Document) (o own) {
	for i := range doc.rules {
		r := &doc.rules[i]
		h := r.holds(e.Principal) // first: most statements of a long policy are about others
		if h == missed || !r.deny && h != delegated && h <= o.hold || !r.covers(e) || !r.conditionsHold(e) {
			continue
		}
		switch {
		case r.deny:
			o.deny = doc.where(LayerResource, "", i)
			return o
		case h == delegated:
			if o.via.Statement == 0 {
				o.via = doc.where(LayerResource, "", i)
			}
		default:
			o.allow, o.hold = doc.where(LayerResource, "", i), h
		}
	}
	return o
}

// holds tells how a rule's principals hold the caller.
func (r *rule) holds(p *Principal) hold {
	switch {
	case !r.allBut:
		return strongest(r.principals, p)
	case r.deny && !exempts(r.principals, p):
		return direct
	case !r.deny && strongest(r.principals, p) == missed:
		return (&who{form: whoAll}).holds(p)
	}
	return missed
}

// covers reports whether a rule is about the call's action and resource.
func (r *rule) covers(e *evaluation) bool {
	return r.coversAction(e) && r.coversResource(e)
}

func (r *rule) coversAction(e *evaluation) bool {
	for i := range r.actions {
		if r.actions[i].matches(e) {
			return !r.notActions
		}
	}
	return r.notActions
}

func (r *rule) coversResource(e *evaluation) bool {
	if len(r.resources) == 0 {
		return true // the resource that the policy belongs to
	}
	arn, isARN := e.cut()
	for i := range r.resources {
		if r.resources[i].matches(e, arn, isARN) {
			return !r.notResources
		}
	}
	return r.notResources
}

func (r *rule) conditionsHold(e *evaluation) bool {
	for i := range r.tests {
		if !r.tests[i].holds(e, r.deny) {
			return false
		}
	}
	return true
}

// verdict weighs what the layers allow, when none denies.
type verdict struct {
	e        *evaluation
	resource own
	identity findings
	capped   Reason // NoBoundary or NoSession if one of those does not allow
}

func (v *verdict) decide() Decision {
	p := v.e.Principal
	switch {
	case v.e.policies.Alone:
		return v.alone()
	case p.Kind == Service || p.Kind == WebIdentity || p.Account == v.e.Resource.Account:
		return v.within()
	}
	return v.across()
}

// alone decides calls that are about no resource with a policy.
func (v *verdict) alone() Decision {
	switch {
	case v.e.Principal.Kind == Root:
		return Decision{Allowed: true, Reason: ByRoot}
	case !v.identity.allows():
		return Decision{Reason: NoIdentity}
	case v.capped != 0:
		return Decision{Reason: v.capped}
	}
	return Decision{Allowed: true, Reason: ByIdentity, By: v.identity.allow}
}

// within decides calls of the account to which the resource belongs.
func (v *verdict) within() Decision {
	r := &v.resource
	if r.hold == direct || r.hold == limited && v.capped == 0 {
		return v.allowedByResource()
	}
	if r.via.Statement > 0 && v.identity.allows() && v.capped == 0 {
		return Decision{Allowed: true, Reason: ByIdentity, By: v.identity.allow, Via: r.via}
	}
	d, capped := v.grant()
	switch {
	case d.Allowed:
		return d
	case v.capped != 0 && (capped || r.hold == limited || r.via.Statement > 0 && v.identity.allows()):
		return Decision{Reason: v.capped}
	case r.via.Statement > 0:
		return Decision{Reason: NoIdentity, Via: r.via}
	}
	return Decision{Reason: NoResource}
}

func (v *verdict) allowedByResource() Decision {
	reason := ByResource
	if v.e.Principal.Kind == Root {
		reason = ByRoot
	}
	return Decision{Allowed: true, Reason: reason, By: v.resource.allow}
}

// across decides calls of another account: both sides have to allow them.
func (v *verdict) across() Decision {
	if !acrossAccounts(v.e.Action) {
		return Decision{Reason: NoCrossAccount}
	}
	d, capped := v.grant()
	if d.Allowed {
		return d
	}
	r := &v.resource
	given := r.allow
	if r.hold == missed {
		given = r.via
	}
	switch {
	case given.Statement == 0 && capped:
		return Decision{Reason: v.capped}
	case given.Statement == 0:
		return Decision{Reason: NoResource}
	case v.e.Principal.Kind == Root:
		return Decision{Allowed: true, Reason: ByRoot, By: given}
	case !v.identity.allows():
		return Decision{Reason: NoIdentity, Via: given}
	case v.capped != 0:
		return Decision{Reason: v.capped}
	}
	return Decision{Allowed: true, Reason: ByIdentity, By: v.identity.allow, Via: given}
}

// grant looks for a grant that allows the call. capped says that there is one, but for the boundary
// or the session policy.
func (v *verdict) grant() (d Decision, capped bool) {
	op, ok := strings.CutPrefix(v.e.Action, "kms:")
	if !ok || v.e.policies.Grants == nil {
		return Decision{}, false
	}
	for _, g := range v.e.Principal.grantees() {
		id, found := v.e.granted(g.name, op)
		switch {
		case !found || g.hold == delegated && !v.identity.allows():
			continue
		case g.hold != direct && v.capped != 0:
			capped = true
			continue
		}
		return Decision{Allowed: true, Reason: ByGrant, By: Where{Layer: LayerGrant, Grant: id}}, false
	}
	return Decision{}, capped
}

// granted finds a grant. It is not the verdict's, which would have to outlive its function for the sake of the loop.
func (e *evaluation) granted(grantee, op string) (id string, found bool) {
	for id, g := range e.policies.Grants.Fitting(grantee, op, e.EncryptionContext) {
		if g.Allows(op, e.EncryptionContext) {
			return id, true
		}
	}
	return "", false
}

// grantee is a name under which grants for the caller may stand.
type grantee struct {
	name string
	hold hold
}

// grantees are the names under which a grant reaches the caller. A grant to an account is like a key
// policy that names it: its root user may, others need an IAM policy too.
func (p *Principal) grantees() []grantee {
	root := "arn:" + partitionOf(p.ARN) + ":iam::" + p.Account + ":root"
	switch p.Kind {
	case Root:
		return []grantee{{root, direct}}
	case User:
		return []grantee{{p.ARN, direct}, {root, delegated}}
	case RoleSession:
		return []grantee{{p.ARN, direct}, {p.Role, limited}, {root, delegated}}
	case FederatedUser:
		return []grantee{{p.ARN, direct}, {p.User, limited}, {root, delegated}}
	case Service:
		return []grantee{{p.Service, direct}}
	}
	return nil
}

// acrossAccounts reports whether principals of other accounts can use the action at all.
func acrossAccounts(action string) bool {
	op, ok := strings.CutPrefix(action, "kms:")
	if !ok {
		return true
	}
	switch op {
	case "Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext",
		"GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext", "Sign", "Verify", "GenerateMac", "VerifyMac",
		"DeriveSharedSecret", "GetPublicKey", "DescribeKey", "CreateGrant", "ListGrants", "RevokeGrant", "RetireGrant",
		"GetKeyRotationStatus":
		return true
	}
	return false
}
