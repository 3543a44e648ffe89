package arn

import (
	"errors"
	"strings"
)

// MaxPrincipalBytes is the longest ARN of a principal.
const MaxPrincipalBytes = 256

// ErrPrincipal says that a string is not the ARN of a principal.
var ErrPrincipal = errors.New("not the arn of a principal")

// Principal is the ARN of someone who can call, taken apart. Resource is "root", or the kind and the
// name: user/…, role/…, federated-user/…, assumed-role/<role>/<session>.
type Principal struct{ Partition, Account, Resource string }

// ParsePrincipal parses the ARN of an account's root, a user, a role, a federated user or a session
// of a role. Groups, organizations and services are no principals in this sense. The error is
// ErrPrincipal.
func ParsePrincipal(s string) (Principal, error) {
	part := strings.SplitN(s, ":", 6)
	if len(s) > MaxPrincipalBytes || len(part) != 6 || part[0] != "arn" || part[3] != "" {
		return Principal{}, ErrPrincipal
	}
	p := Principal{Partition: part[1], Account: part[4], Resource: part[5]}
	if !ValidPartition(p.Partition) || !ValidAccount(p.Account) || !validResource(part[2], p.Resource) {
		return Principal{}, ErrPrincipal
	}
	return p, nil
}

// validResource reports whether the service of identities that the ARN names has such principals.
func validResource(service, resource string) bool {
	kind, name, _ := strings.Cut(resource, "/")
	switch service + " " + kind {
	case "iam root":
		return resource == "root"
	case "iam user", "iam role", "sts federated-user":
		return all(name, isPrincipal)
	case "sts assumed-role":
		role, session, _ := strings.Cut(name, "/")
		return all(role, isPrincipal) && all(session, isPrincipal)
	}
	return false
}

func isPrincipal(c byte) bool {
	return isLower(c) || isDigit(c) || 'A' <= c && c <= 'Z' || strings.IndexByte("_+=,.@:/-", c) >= 0
}
