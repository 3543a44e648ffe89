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
