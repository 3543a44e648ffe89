package audit

import (
	"time"

	"meridian/keyengine/arn"
	"meridian/keyengine/identity"
	"meridian/keyengine/kmsapi"
)

// tokenSource is the event source of the Security Token Service.
const tokenSource = "sts.amazonaws.com"

// A TokenCall is what is noted of a call of the Security Token Service. It holds no secret: of the credentials that were made
// it has the access key's id and the date alone.
type TokenCall struct {
	Name, RequestID     string
	Caller              *identity.Caller
	SourceIP, UserAgent string
	Role                *identity.AssumeRole // the request of AssumeRole; nil: of another operation, or it was not read
	Seconds             int32                // how long the session was asked to last; 0: as usual
	AccessKeyID         string               // of the session that was made; empty: none was
	Expires             time.Time            // its date
	Became              *identity.Caller     // who acts in it
	Fault               *kmsapi.Fault        // nil: the call succeeded
	At                  int64                // Region time, ms since 1970
}

// NoteToken has a call of the Security Token Service recorded, as Note does with calls of the key service.
func (l *Log) NoteToken(c TokenCall) {
	size := int64(2048)
	if c.Role != nil {
		size += int64(2 * len(c.Role.Policy))
	}
	l.note(noted{token: &c, size: size})
}

// appendToken appends the record of a call: two, if the role belongs to another account.
func (r *recorder) appendToken(b []byte, c *TokenCall) []byte {
	e := &entry{
		identity: identityOf(c.Caller, ""), at: c.At, name: c.Name, of: tokenSource, source: c.SourceIP, agent: clip(c.UserAgent, maxAgent),
		requestID: c.RequestID, id: r.config.NewID(), readOnly: true, kind: apiCall, parameters: tokenParameters(c),
	}
	account, owner := c.Caller.Who.Account, ""
	if c.Role != nil {
		if p, err := arn.ParsePrincipal(c.Role.RoleARN); err == nil {
			owner = p.Account
			e.also = []resource{{p.Account, "AWS::IAM::Role", clip(c.Role.RoleARN, maxMessage)}}
		}
	}
	if c.Fault != nil {
		e.code, e.message = c.Fault.Code, clip(c.Fault.Message, maxMessage)
		return e.append(b, r.config, account)
	}
	e.elements = tokenElements(c)
	if owner == "" || owner == account {
		return e.append(b, r.config, account)
	}
	e.shared = r.config.NewID()
	b = e.append(b, r.config, account)
	e.identity, e.id = foreignIdentity(c.Caller, account), r.config.NewID()
	return e.append(b, r.config, owner)
}

// tokenParameters writes the request; nothing where there is nothing to say.
func tokenParameters(c *TokenCall) []byte {
	var o object
	o.begin("")
	if in := c.Role; in != nil {
		o.text("roleArn", in.RoleARN)
		o.text("roleSessionName", in.SessionName)
		o.text("externalId", in.ExternalID)
		o.text("sourceIdentity", in.SourceID)
		o.text("policy", in.Policy)
		tokenLists(&o, in)
	}
	if c.Seconds != 0 {
		o.number("durationSeconds", int64(c.Seconds))
	}
	o.end()
	if len(o.b) == len("{}") || len(o.b) > maxParameters {
		return nil
	}
	return o.b
}

// tokenLists writes the lists of an AssumeRole.
func tokenLists(o *object, in *identity.AssumeRole) {
	if len(in.PolicyARNs) > 0 {
		o.name("policyArns")
		o.b = append(o.b, '[')
		for _, name := range in.PolicyARNs {
			o.b = append(separated(o.b), `{"arn":`...)
			o.b = append(appendText(o.b, name), '}')
		}
		o.b = append(o.b, ']')
	}
	if len(in.Tags) > 0 {
		o.begin("principalTags")
		for _, t := range in.Tags {
			o.b = append(appendText(separated(o.b), t.Key), ':')
			o.b = appendText(o.b, t.Value)
		}
		o.end()
	}
	if len(in.Transitive) > 0 {
		o.name("transitiveTagKeys")
		o.b = append(o.b, '[')
		for _, key := range in.Transitive {
			o.b = appendText(separated(o.b), key)
		}
		o.b = append(o.b, ']')
	}
}

// tokenElements writes the answer; nothing where it is not recorded.
func tokenElements(c *TokenCall) []byte {
	if c.AccessKeyID == "" {
		return nil
	}
	var o object
	o.begin("")
	o.begin("credentials")
	o.text("accessKeyId", c.AccessKeyID)
	o.text("expiration", c.Expires.UTC().Format(dateForm))
	o.end()
	if c.Role != nil && c.Became != nil {
		o.begin("assumedRoleUser")
		o.text("assumedRoleId", c.Became.Who.UserID)
		o.text("arn", c.Became.Who.ARN)
		o.end()
		o.text("sourceIdentity", c.Became.SourceIdentity)
	}
	o.end()
	return o.b
}

// separated ends what was written before in a list or an object.
func separated(b []byte) []byte {
	if last := b[len(b)-1]; last == '[' || last == '{' {
		return b
	}
	return append(b, ',')
}
