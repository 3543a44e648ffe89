package identity

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"gopkg.in/yaml.v3"

	"meridian/keyengine/policy"
	"meridian/keyengine/strictyaml"
)

// Bounds of a file.
const (
	MaxBytes           = 4 << 20
	maxAccounts        = 1000
	maxOfAKind         = 5000 // users, groups, roles or policies of an account
	maxPolicies        = 20   // of one user, group, role or level
	maxKeys            = 2    // access keys of one user, as in AWS
	maxGroups          = 10   // of one user
	maxTags            = 50
	maxSessionPolicies = 10 // managed ones
	maxUnits           = 1000
	maxDepth           = 5 // of organisational units
	maxDocuments       = 16 << 20
)

// reader reads a file.
type reader struct {
	strictyaml.Reader
	d     *Directory
	keys  map[string]int // line of each access key
	last  int            // characters of the document read last
	bytes int            // of all documents: an alias may stand for a long one many times
}

// Parse reads an identity file. The error names every line that is wrong.
func Parse(text []byte) (*Directory, error) {
	sum := sha256.Sum256(text)
	r := &reader{keys: map[string]int{}, d: &Directory{
		digest: hex.EncodeToString(sum[:]), units: map[string]*unit{}, accounts: map[string]*account{},
		controls: map[string]*policy.Attached{fullAccess: {Name: fullAccess, Document: constant(allowAll)}},
	}}
	root, err := r.Open(text, MaxBytes)
	if err != nil {
		return nil, err
	}
	development := true
	r.Fields(root, "the file", strictyaml.Members{
		"developmentKeys": r.Bool(&development),
		"organization":    r.organization,
		"accounts":        func(n *yaml.Node) { r.List(n, "accounts", maxAccounts, r.account) },
		"services":        func(n *yaml.Node) { r.List(n, "services", maxAccounts, r.service) },
	})
	r.d.noDevelopment = !development
	r.check()
	if err := r.Err(); err != nil {
		return nil, err
	}
	return r.d, nil
}

// organization reads who is above the accounts.
func (r *reader) organization(n *yaml.Node) {
	controls := func(n *yaml.Node) {
		r.List(n, "policies", maxOfAKind, func(n *yaml.Node) {
			doc, name := r.named(n, "", controlPolicy)
			if _, twice := r.d.controls[name]; twice {
				r.Fail(n, "the service control policy %.128q is there twice", name)
			}
			r.d.controls[name] = doc
		})
	}
	r.Fields(n, "organization", strictyaml.Members{
		"id":                r.Text(&r.d.organization),
		"managementAccount": r.Text(&r.d.management),
		"policies":          controls,
		"rootPolicies":      r.names("rootPolicies", maxPolicies, &r.d.rootControls),
		"units":             func(n *yaml.Node) { r.List(n, "units", maxUnits, r.unit) },
	})
}

func (r *reader) unit(n *yaml.Node) {
	u := &unit{line: n.Line}
	r.Fields(n, "a unit", strictyaml.Members{
		"name": r.Text(&u.name), "parent": r.Text(&u.parent), "policies": r.names("policies", maxPolicies, &u.policies),
	})
	if r.name(n, "a unit", u.name, 128) && r.d.units[u.name] != nil {
		r.Fail(n, "unit %s is in line %d, too", u.name, r.d.units[u.name].line)
	}
	r.d.units[u.name] = u
}

// account reads an account and all in it.
func (r *reader) account(n *yaml.Node) {
	a := &account{
		line: n.Line, managed: map[string]*policy.Attached{}, groups: map[string]*group{}, users: map[string]*user{}, roles: map[string]*role{},
	}
	inside := true
	var rest []func()
	later := func(what string, read func(*account, *yaml.Node)) func(*yaml.Node) {
		return func(n *yaml.Node) { // when the account's id is known
			rest = append(rest, func() { r.List(n, what, maxOfAKind, func(n *yaml.Node) { read(a, n) }) })
		}
	}
	r.Fields(n, "an account", strictyaml.Members{
		"id": r.Text(&a.id), "name": func(*yaml.Node) {}, "unit": r.Text(&a.unit), "inOrganization": r.Bool(&inside),
		"controlPolicies": r.names("controlPolicies", maxPolicies, &a.controls),
		"root":            func(n *yaml.Node) { r.Fields(n, "root", strictyaml.Members{"accessKeys": r.accessKeys(&a.rootKeys)}) },
		"policies":        later("policies", r.managedPolicy),
		"groups":          later("groups", r.group),
		"users":           later("users", r.user),
		"roles":           later("roles", r.role),
	})
	a.outside = !inside
	if len(a.id) != 12 || strings.Trim(a.id, "0123456789") != "" {
		r.Fail(n, "the account's id %.20q is not 12 digits", a.id)
	} else if first := r.d.accounts[a.id]; first != nil {
		r.Fail(n, "account %s is in line %d, too", a.id, first.line)
	}
	for _, read := range rest {
		read()
	}
	r.d.accounts[a.id] = a
}

func (r *reader) managedPolicy(a *account, n *yaml.Node) {
	doc, name := r.named(n, "arn:aws:iam::"+a.id+":policy/", managedPolicy)
	if a.managed[strings.ToLower(name)] != nil {
		r.Fail(n, "policy %s is there twice in account %s", name, a.id)
	}
	a.managed[strings.ToLower(name)] = doc
}

func (r *reader) group(a *account, n *yaml.Node) {
	g := &group{line: n.Line}
	r.Fields(n, "a group", strictyaml.Members{
		"name": r.Text(&g.name), "policies": r.names("policies", maxPolicies, &g.managed),
		"inlinePolicies": r.inline(&g.inline, groupPolicy),
	})
	if r.name(n, "a group", g.name, 128) && a.groups[strings.ToLower(g.name)] != nil {
		r.Fail(n, "group %s is in line %d, too", g.name, a.groups[strings.ToLower(g.name)].line)
	}
	own(g.inline, "group "+g.name)
	a.groups[strings.ToLower(g.name)] = g
}

func (r *reader) user(a *account, n *yaml.Node) {
	u := &user{line: n.Line, path: "/"}
	r.Fields(n, "a user", strictyaml.Members{
		"name": r.Text(&u.name), "path": r.Text(&u.path), "id": r.Text(&u.id), "tags": r.tags(&u.tags),
		"groups":   r.names("groups", maxGroups, &u.groups),
		"policies": r.names("policies", maxPolicies, &u.managed), "inlinePolicies": r.inline(&u.inline, userPolicy),
		"permissionsBoundary": r.Text(&u.boundary), "accessKeys": r.accessKeys(&u.keys),
	})
	if r.name(n, "a user", u.name, 64) && a.users[strings.ToLower(u.name)] != nil {
		r.Fail(n, "user %s is in line %d, too", u.name, a.users[strings.ToLower(u.name)].line)
	}
	r.path(n, u.path)
	r.id(n, &u.id, "AIDA", a, u.name)
	own(u.inline, "user "+u.name)
	a.users[strings.ToLower(u.name)] = u
}

func (r *reader) role(a *account, n *yaml.Node) {
	x := &role{line: n.Line, path: "/", maxSeconds: hour}
	r.Fields(n, "a role", strictyaml.Members{
		"name": r.Text(&x.name), "path": r.Text(&x.path), "id": r.Text(&x.id), "tags": r.tags(&x.tags),
		"trustPolicy": r.document(&x.trust, trustPolicy), "maxSessionSeconds": r.Number(&x.maxSeconds),
		"policies": r.names("policies", maxPolicies, &x.managed), "inlinePolicies": r.inline(&x.inline, rolePolicy),
		"permissionsBoundary": r.Text(&x.boundary),
	})
	if r.name(n, "a role", x.name, 64) && a.roles[strings.ToLower(x.name)] != nil {
		r.Fail(n, "role %s is in line %d, too", x.name, a.roles[strings.ToLower(x.name)].line)
	}
	if x.trust.Document == nil {
		r.Fail(n, "role %.64s needs a trustPolicy: it says who may assume it", x.name)
	}
	if x.maxSeconds < hour || x.maxSeconds > 12*hour {
		r.Fail(n, "maxSessionSeconds %d is not between %d and %d", x.maxSeconds, hour, 12*hour)
	}
	r.path(n, x.path)
	r.id(n, &x.id, "AROA", a, x.name)
	own(x.inline, "role "+x.name)
	a.roles[strings.ToLower(x.name)] = x
}

func (r *reader) service(n *yaml.Node) {
	s := &service{line: n.Line}
	r.Fields(n, "a service", strictyaml.Members{"name": r.Text(&s.name), "account": r.Text(&s.account), "accessKeys": r.accessKeys(&s.keys)})
	if !strings.HasSuffix(s.name, ".amazonaws.com") && !strings.HasSuffix(s.name, ".amazonaws.com.cn") {
		r.Fail(n, "%.128q is not the name of a service, such as logs.amazonaws.com", s.name)
	}
	r.d.services = append(r.d.services, s)
}
