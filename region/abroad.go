package region

import (
	"errors"

	"meridian/keyengine"
	"meridian/keyengine/identity"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/policy"
	"meridian/replication"
)

// A call that reaches into another Region is decided there about the same caller. What the other Region cannot look up
// travels: what the session alone knows, and how the call came.

// callerOf is who makes a call. Who came by another way than a verified signature acts for an account.
func (r *Region) callerOf(call *kmsapi.Call) *identity.Caller {
	if c := identity.Of(call); c != nil {
		return c
	}
	return r.directory().RootCaller(r.Place.Partition, call.Caller.Account)
}

// travelling is a call's caller as another Region needs to know it.
func (r *Region) travelling(call *kmsapi.Call) ([]byte, error) {
	t := r.callerOf(call).Traveller()
	t.RequestID, t.SourceIP = call.RequestID, call.SourceIP
	if agents := call.Raw.Header["User-Agent"]; len(agents) > 0 {
		t.UserAgent = agents[0]
	}
	b, err := t.Encode()
	if err != nil {
		return nil, kmsapi.Errorf(kmsapi.LimitExceededException, "%v.", err)
	}
	return b, nil
}

// cameFrom enters into facts who asks in another Region, as this one knows them. The caller is nobody's where an older
// Region asks that names none. A caller that was written by a newer version cannot be decided about: that is no verdict,
// and the question comes again.
func (r *Region) cameFrom(pre replication.Pre, facts *keyengine.Facts) *kmsapi.Fault {
	caller, came := (*identity.Caller)(nil), policy.Context(nil)
	switch {
	case len(pre.Init.Caller) > 0:
		t, err := identity.DecodeTraveller(pre.Init.Caller)
		switch {
		case errors.Is(err, identity.ErrNewer):
			return kmsapi.Errorf(kmsapi.KMSInternalException, "Region %s cannot read who asks in Region %s, which is newer: upgrade it.", r.Place.Region, pre.From)
		case err != nil:
			return kmsapi.Errorf(kmsapi.AccessDeniedException, "Region %s cannot read who asks in Region %s.", r.Place.Region, pre.From)
		case t.ARN != pre.Init.By:
			return kmsapi.Errorf(kmsapi.AccessDeniedException, "Region %s names two callers.", pre.From)
		}
		if caller, err = r.directory().Traveller(r.Place.Partition, t); err != nil {
			return r.stranger(pre.Init.By)
		}
		came = abroad{t, caller}
	case pre.Init.By != "": // an older Region, which tells the name alone
		var ok bool
		if caller, ok = r.directory().Principal(r.Place.Partition, pre.Init.By); !ok {
			return r.stranger(pre.Init.By)
		}
	default:
		return nil
	}
	a := r.askerFor(caller)
	a.Context = came
	facts.Asker, facts.Caller = a, kmsapi.Principal{Account: a.Who.Account, ARN: a.Who.ARN}
	return nil
}

func (r *Region) stranger(name string) *kmsapi.Fault {
	return kmsapi.Errorf(kmsapi.AccessDeniedException, "User: %.256s is not known in Region %s.", name, r.Place.Region)
}

// abroad answers for the condition keys about how a call came to another Region.
type abroad struct {
	*identity.Traveller
	caller *identity.Caller
}

var _ policy.Context = abroad{}

// Lookup implements policy.Context.
func (a abroad) Lookup(key string) []string {
	switch key {
	case "aws:sourceip":
		return some(a.SourceIP)
	case "aws:useragent":
		return some(a.UserAgent)
	case "aws:securetransport":
		return some("false")
	case "aws:viaawsservice": // the caller called another Region, and this service goes on from there
		return some("true")
	case "aws:sourceidentity":
		return some(a.SourceID)
	case "sts:rolesessionname":
		return some(a.caller.SessionName)
	}
	return nil
}
