package identity

import (
	"slices"
	"strings"

	"meridian/keyengine/arn"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/policy"
)

// Codes of the faults of the Security Token Service.
const (
	AccessDenied            = "AccessDenied"
	MalformedPolicyDocument = "MalformedPolicyDocument"
	PackedPolicyTooLarge    = "PackedPolicyTooLarge"
	ValidationError         = "ValidationError"
)

// AssumeRole is the request of that name.
type AssumeRole struct {
	RoleARN     string
	SessionName string
	Seconds     int32 // 0: an hour
	Policy      string
	PolicyARNs  []string
	Tags        []Tag
	Transitive  []string
	ExternalID  string
	SourceID    string
}

// Tag is a session tag.
type Tag struct{ Key, Value string }

// Moment is where and when a request is decided.
type Moment struct {
	Partition, Region string
	Now               int64               // ms since 1970 UTC
	Context           map[string][]string // condition keys of the transport, such as aws:SourceIp
}

// AssumeRole decides whether a caller may become a role, and returns the session without its access key and times.
func (d *Directory) AssumeRole(m Moment, c *Caller, in AssumeRole) (*Session, *kmsapi.Fault) {
	session, fault := in.check()
	if fault != nil {
		return nil, fault
	}
	if c.Who.Kind == policy.Root {
		return nil, kmsapi.Errorf(AccessDenied, "Roles may not be assumed by root accounts.")
	}
	id, name, ok := parseRole(in.RoleARN)
	a, r := d.role(id, name)
	if !ok || r == nil || r.arn(m.Partition, a) != in.RoleARN {
		return nil, denied(c, "sts:AssumeRole", in.RoleARN, "there is no such role")
	}
	session.Account, session.Role, session.RoleID = a.id, r.name, r.id
	if fault := session.inherit(c, a, r, in.Seconds); fault != nil {
		return nil, fault
	}
	if fault := a.checkSessionPolicies(in.PolicyARNs); fault != nil {
		return nil, fault
	}
	if fault := in.authorize(m, c, a, r); fault != nil {
		return nil, fault
	}
	return session, nil
}

// authorize asks the caller's policies and the role's trust policy, as for any resource that has a policy.
func (in *AssumeRole) authorize(m Moment, c *Caller, a *account, r *role) *kmsapi.Fault {
	actions := []string{"sts:AssumeRole"}
	if len(in.Tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	if in.SourceID != "" {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	values := in.context()
	for key, v := range m.Context {
		values.Set(key, v...)
	}
	if c.SourceIdentity != "" {
		values.Set("aws:SourceIdentity", c.SourceIdentity)
	}
	policies := c.Policies
	policies.Resource = r.trust.Document
	for _, action := range actions {
		q := policy.Request{
			Principal: &c.Who, Action: action, Region: m.Region, Now: m.Now, Context: values,
			Resource: policy.Resource{ARN: in.RoleARN, Account: a.id, Tags: r.tags},
		}
		if d := policy.Evaluate(&q, &policies); !d.Allowed {
			return kmsapi.Errorf(AccessDenied, "%s", d.Message(&q))
		}
	}
	return nil
}

// inherit takes over what goes on from a session to the next: chain, tags, source identity.
func (s *Session) inherit(c *Caller, a *account, r *role, seconds int32) *kmsapi.Fault {
	switch {
	case seconds > r.maxSeconds:
		return kmsapi.Errorf(ValidationError, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	case len(c.chain) > 0 && seconds > hour:
		return kmsapi.Errorf(ValidationError, "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	}
	key := roleKey(a.id, r.name)
	if slices.Contains(c.chain, key) {
		return denied(c, "sts:AssumeRole", r.name, "the session came from this role already, and roles are not assumed in a circle: "+strings.Join(append(slices.Clone(c.chain), key), " then "))
	}
	s.Chain = append(slices.Clone(c.chain), key)
	tags := map[string]string{}
	for _, name := range c.transitive {
		tags[name] = c.sessionTags[name]
		s.Transitive = append(s.Transitive, name)
	}
	for i := 0; i+1 < len(s.Tags); i += 2 {
		for name := range tags {
			if strings.EqualFold(name, s.Tags[i]) {
				return kmsapi.Errorf(ValidationError, "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session: %s", name)
			}
		}
	}
	for i := 0; i+1 < len(s.Tags); i += 2 {
		tags[s.Tags[i]] = s.Tags[i+1]
	}
	s.Tags = sortedTags(tags)
	if c.SourceIdentity != "" {
		if s.SourceID != "" && s.SourceID != c.SourceIdentity {
			return denied(c, "sts:SetSourceIdentity", r.name, "the source identity of a session cannot be changed")
		}
		s.SourceID = c.SourceIdentity
	}
	return nil
}

// checkSessionPolicies finds the managed policies that a session shall be limited by.
func (a *account) checkSessionPolicies(arns []string) *kmsapi.Fault {
	for _, name := range arns {
		p := a.policy(name)
		if p == nil || !strings.HasPrefix(name, "arn:") || tail(p.Name) != tail(name) {
			return kmsapi.Errorf(MalformedPolicyDocument, "Policy %.256s does not exist or is not attachable.", name)
		}
	}
	return nil
}

// tail is an ARN without its partition.
func tail(name string) string {
	parts := strings.SplitN(name, ":", 3)
	return parts[len(parts)-1]
}

// context are the condition keys that a request brings.
func (in *AssumeRole) context() policy.Values {
	c := policy.Values{}
	c.Set("sts:RoleSessionName", in.SessionName)
	if in.ExternalID != "" {
		c.Set("sts:ExternalId", in.ExternalID)
	}
	if in.SourceID != "" {
		c.Set("sts:SourceIdentity", in.SourceID)
	}
	if len(in.Transitive) > 0 {
		c.Set("sts:TransitiveTagKeys", in.Transitive...)
	}
	var keys []string
	for _, t := range in.Tags {
		c.Set("aws:RequestTag/"+t.Key, t.Value)
		keys = append(keys, t.Key)
	}
	if keys != nil {
		c.Set("aws:TagKeys", keys...)
	}
	return c
}

// parseRole takes the account and the name out of a role's ARN.
func parseRole(text string) (account, name string, ok bool) {
	p, err := arn.ParsePrincipal(text)
	if err != nil || !strings.HasPrefix(p.Resource, "role/") {
		return "", "", false
	}
	return p.Account, p.Resource[strings.LastIndexByte(p.Resource, '/')+1:], true
}

// denied is AWS's refusal, with a reason.
func denied(c *Caller, action, resource, why string) *kmsapi.Fault {
	text := "User: " + c.Who.ARN + " is not authorized to perform: " + action + " on resource: " + shorten(resource)
	if why != "" {
		text += " because " + why
	}
	return kmsapi.Errorf(AccessDenied, "%s", text)
}

func shorten(s string) string {
	const most = 256
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
