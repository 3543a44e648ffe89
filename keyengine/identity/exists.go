package identity

import (
	"strings"

	"meridian/keyengine/arn"
)

// Knows reports whether a principal that a policy names by ARN can be there. Of accounts that are in
// the file everybody is known; those that are not are taken on trust, and so is everything without a file.
func (d *Directory) Knows(partition, name string) bool {
	if d == nil {
		return true
	}
	p, err := arn.ParsePrincipal(name)
	if err != nil || p.Partition != partition {
		return false
	}
	a := d.accounts[p.Account]
	if a == nil {
		return true
	}
	kind, rest, _ := strings.Cut(p.Resource, "/")
	switch kind {
	case "user":
		u := a.users[strings.ToLower(rest[strings.LastIndexByte(rest, '/')+1:])]
		return u != nil && iamARN(partition, a.id, "user"+u.path+u.name) == name
	case "role":
		r := a.roles[strings.ToLower(rest[strings.LastIndexByte(rest, '/')+1:])]
		return r != nil && r.arn(partition, a) == name
	case "assumed-role":
		role, _, _ := strings.Cut(rest, "/")
		r := a.roles[strings.ToLower(role)]
		return r != nil && r.name == role
	}
	return true // the account's root, or a federated user
}

// Principal returns the caller of an ARN: an account's root, a user, a role or a session of one, or the
// name of a service. What a session alone knows, its tags and policies, is not known here. Without a
// file everybody is the root of the account.
func (d *Directory) Principal(partition, name string) (*Caller, bool) {
	p, err := arn.ParsePrincipal(name)
	switch {
	case err != nil:
		return d.service(name)
	case p.Partition != partition || !d.Knows(partition, name):
		return nil, false
	case d == nil || p.Resource == "root":
		return d.RootCaller(partition, p.Account), true
	}
	a := d.accounts[p.Account]
	if a == nil {
		return nil, false
	}
	kind, rest, _ := strings.Cut(p.Resource, "/")
	last := strings.ToLower(rest[strings.LastIndexByte(rest, '/')+1:])
	switch kind {
	case "user":
		return d.userCaller(partition, a, a.users[last]), true
	case "role":
		return d.roleCaller(partition, a, a.roles[last], "session"), true
	case "assumed-role":
		role, session, _ := strings.Cut(rest, "/")
		return d.roleCaller(partition, a, a.roles[strings.ToLower(role)], session), true
	}
	return nil, false
}

// service returns the caller that a service is.
func (d *Directory) service(name string) (*Caller, bool) {
	if d == nil {
		return nil, false
	}
	for _, s := range d.services {
		if s.name == name {
			return s.caller(), true
		}
	}
	return nil, false
}
