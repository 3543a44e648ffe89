package audit

import (
	"strings"
	"time"

	"meridian/keyengine/identity"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/policy"
)

// callerIdentity writes the userIdentity of a caller.
func callerIdentity(c *kmsapi.Call) []byte {
	if who := identity.Of(c); who != nil {
		return identityOf(who, "")
	}
	var o object // no policies are known of it: it calls as its account
	o.begin("")
	o.text("type", "Root")
	o.text("principalId", c.Caller.Account)
	o.text("arn", c.Caller.ARN)
	o.text("accountId", c.Caller.Account)
	o.text("accessKeyId", c.Caller.AccessKeyID)
	o.end()
	return o.b
}

// identityOf writes the userIdentity of a caller for whom a service acts; empty: none does but the caller itself.
func identityOf(who *identity.Caller, invokedBy string) []byte {
	var o object
	o.begin("")
	o.text("type", kindName(who.Who.Kind))
	o.text("principalId", who.Who.UserID)
	o.text("arn", who.Who.ARN)
	o.text("accountId", who.Who.Account)
	o.text("accessKeyId", who.AccessKeyID)
	o.text("userName", who.Who.UserName)
	if invokedBy == "" {
		invokedBy = who.Who.Service
	}
	if who.Temporary {
		session(&o, who)
	}
	o.text("invokedBy", invokedBy)
	o.end()
	return o.b
}

func kindName(k policy.Kind) string {
	switch k {
	case policy.Root:
		return "Root"
	case policy.User:
		return "IAMUser"
	case policy.RoleSession:
		return "AssumedRole"
	case policy.FederatedUser:
		return "FederatedUser"
	case policy.Service:
		return "AWSService"
	case policy.WebIdentity:
		return "WebIdentityUser"
	}
	return "Unknown"
}

// session writes the sessionContext of temporary credentials.
func session(o *object, who *identity.Caller) {
	o.begin("sessionContext")
	o.begin("sessionIssuer")
	if role := who.Who.Role; role != "" {
		id, _, _ := strings.Cut(who.Who.UserID, ":")
		o.text("type", "Role")
		o.text("principalId", id)
		o.text("arn", role)
		o.text("accountId", who.Who.Account)
		o.text("userName", role[strings.LastIndexByte(role, '/')+1:])
	}
	o.end()
	o.begin("attributes")
	o.text("creationDate", time.UnixMilli(who.Who.TokenIssued).UTC().Format(time.RFC3339))
	mfa := who.Who.MFA != nil && *who.Who.MFA
	o.text("mfaAuthenticated", map[bool]string{true: "true", false: "false"}[mfa])
	o.end()
	o.text("sourceIdentity", who.SourceIdentity)
	o.end()
}

// foreignIdentity writes what the owner of a key learns of a caller from another account.
func foreignIdentity(who *identity.Caller, account string) []byte {
	principal := account
	if who != nil && who.Who.UserID != "" {
		principal = who.Who.UserID
	}
	var o object
	o.begin("")
	o.text("type", "AWSAccount")
	o.text("principalId", principal)
	o.text("accountId", account)
	o.end()
	return o.b
}
