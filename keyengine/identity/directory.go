package identity

import (
	"crypto/sha256"
	"encoding/base32"
	"slices"
	"strings"

	"meridian/keyengine/policy"
)

// A Directory is what an identity file says. Parse makes one; nil is that of a cluster without a file.
type Directory struct {
	noDevelopment bool
	digest        string
	organization  string // its id, o-…
	management    string // account that service control policies do not hold
	units         map[string]*unit
	accounts      map[string]*account
	services      []*service
	controls      map[string]*policy.Attached // service control policies by name
	rootControls  []string
}

// unit is an organisational unit.
type unit struct {
	name, parent string
	policies     []string
	line         int
}

// account is an account and who is in it. Names are compared in lower case: two users may not differ in case alone.
type account struct {
	id, unit string
	controls []string
	outside  bool // of the organisation
	line     int
	rootKeys []accessKey
	managed  map[string]*policy.Attached
	groups   map[string]*group
	users    map[string]*user
	roles    map[string]*role
}

type group struct {
	name string
	line int
	policies
}

type user struct {
	name, path, id string
	line           int
	groups         []string
	boundary       string
	tags           map[string]string
	keys           []accessKey
	policies
}

type role struct {
	name, path, id string
	line           int
	boundary       string
	tags           map[string]string
	trust          policy.Attached
	maxSeconds     int32
	policies
}

type service struct {
	name, account string
	line          int
	keys          []accessKey
}

// policies are those of a user, group or role: managed ones by name, and its own.
type policies struct {
	managed []string
	inline  []policy.Attached
}

type accessKey struct {
	id     string
	secret Secret
	active bool
	line   int
}

// Digest names the file's content: hexadecimal, empty without a file.
func (d *Directory) Digest() string {
	if d == nil {
		return ""
	}
	return d.digest
}

// Development says whether the access keys of development may be used where they can be.
func (d *Directory) Development() bool { return d == nil || !d.noDevelopment }

// Counts says how much is in the directory, for people.
func (d *Directory) Counts() (accounts, users, roles, keys int) {
	if d == nil {
		return
	}
	for _, a := range d.accounts {
		users += len(a.users)
		roles += len(a.roles)
		keys += len(a.rootKeys)
		for _, u := range a.users {
			keys += len(u.keys)
		}
	}
	for _, s := range d.services {
		keys += len(s.keys)
	}
	return len(d.accounts), users, roles, keys
}

// Known is an access key that is active, and whose it is.
type Known struct {
	Secret Secret
	Caller *Caller
}

// AccessKeys returns all active access keys by their ids, with their callers as a Region of the partition names them.
func (d *Directory) AccessKeys(partition string) map[string]Known {
	known := map[string]Known{}
	if d == nil {
		return known
	}
	enter := func(keys []accessKey, c *Caller) {
		for _, k := range keys {
			if k.active {
				own := *c
				own.AccessKeyID = k.id
				known[k.id] = Known{k.secret, &own}
			}
		}
	}
	for _, a := range d.accounts {
		enter(a.rootKeys, d.RootCaller(partition, a.id))
		for _, u := range a.users {
			enter(u.keys, d.userCaller(partition, a, u))
		}
	}
	for _, s := range d.services {
		enter(s.keys, s.caller())
	}
	return known
}

func (s *service) caller() *Caller {
	return &Caller{Who: policy.Principal{Kind: policy.Service, Account: s.account, ARN: s.name, UserID: s.name, Service: s.name}}
}

// RootCaller returns the root of an account, which need not be in the directory.
func (d *Directory) RootCaller(partition, id string) *Caller {
	c := &Caller{Who: policy.Principal{Kind: policy.Root, Account: id, ARN: iamARN(partition, id, "root"), UserID: id}}
	if d != nil && d.accounts[id] != nil {
		d.hold(c, d.accounts[id])
	}
	return c
}

// hold enters what the organisation says about the callers of an account.
func (d *Directory) hold(c *Caller, a *account) {
	c.Policies.Service = d.levels(a)
	if d.organization != "" && !a.outside {
		c.Who.OrgID, c.Who.OrgPaths = d.organization, []string{d.orgPath(a)}
	}
}

func (d *Directory) userCaller(partition string, a *account, u *user) *Caller {
	c := &Caller{Who: policy.Principal{
		Kind: policy.User, Account: a.id, ARN: iamARN(partition, a.id, "user"+u.path+u.name), UserID: u.id, UserName: u.name, Tags: u.tags,
	}}
	c.Policies.Boundary, c.Policies.Identity = a.policy(u.boundary), a.documents(u.policies)
	for _, name := range u.groups {
		c.Policies.Identity = append(c.Policies.Identity, a.documents(a.groups[strings.ToLower(name)].policies)...)
	}
	d.hold(c, a)
	return c
}

// roleCaller is a session of a role, without what only the session knows.
func (d *Directory) roleCaller(partition string, a *account, r *role, session string) *Caller {
	c := &Caller{SessionName: session, Temporary: true, Who: policy.Principal{
		Kind: policy.RoleSession, Account: a.id, ARN: stsARN(partition, a.id, r.name, session), Role: r.arn(partition, a),
		UserID: r.id + ":" + session, Tags: r.tags, ServiceLinked: strings.HasPrefix(r.path, "/aws-service-role/"),
	}}
	c.Policies.Boundary, c.Policies.Identity = a.policy(r.boundary), a.documents(r.policies)
	d.hold(c, a)
	return c
}

func (r *role) arn(partition string, a *account) string {
	return iamARN(partition, a.id, "role"+r.path+r.name)
}

// documents are policies in the order of the file, managed ones first.
func (a *account) documents(p policies) []policy.Attached {
	out := make([]policy.Attached, 0, len(p.managed)+len(p.inline))
	for _, name := range p.managed {
		out = append(out, *a.policy(name))
	}
	return append(out, p.inline...)
}

// policy finds a managed policy by its name or ARN: the account's own, or one that every account has.
func (a *account) policy(name string) *policy.Attached {
	if name == "" {
		return nil
	}
	if _, after, ok := strings.Cut(name, ":policy/"); ok && strings.HasPrefix(name, "arn:") {
		name = after[strings.LastIndexByte(after, '/')+1:]
	}
	if p, ok := a.managed[strings.ToLower(name)]; ok {
		return p
	}
	if name == administrator {
		return &policy.Attached{Name: "arn:aws:iam::aws:policy/" + administrator, Document: constant(allowAll)}
	}
	return nil
}

// Policies that need no file.
const (
	administrator = "AdministratorAccess" // a managed policy of every account
	fullAccess    = "FullAWSAccess"       // a service control policy of every organisation
	allowAll      = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	denyAll       = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`
)

// constant parses a policy of this package.
func constant(text string) *policy.Document {
	doc, err := policy.ParseIdentity(text)
	if err != nil {
		panic(err) // it is written above
	}
	return doc
}

// levels are the service control policies that hold in an account: none in the one that manages the organisation.
func (d *Directory) levels(a *account) [][]policy.Attached {
	if len(d.controls) == 1 || a.outside || a.id == d.management { // FullAWSAccess alone changes nothing
		return nil
	}
	levels := [][]policy.Attached{d.named(a.controls)}
	for u := d.units[a.unit]; u != nil; u = d.units[u.parent] {
		levels = append(levels, d.named(u.policies))
	}
	levels = append(levels, d.named(d.rootControls))
	slices.Reverse(levels)
	return levels
}

// orgPath is aws:PrincipalOrgPaths of an account.
func (d *Directory) orgPath(a *account) string {
	path := ""
	for u := d.units[a.unit]; u != nil; u = d.units[u.parent] {
		path = u.name + "/" + path
	}
	return d.organization + "/r-root/" + path
}

func (d *Directory) named(names []string) []policy.Attached {
	if names == nil {
		return []policy.Attached{*d.controls[fullAccess]}
	}
	out := make([]policy.Attached, 0, len(names))
	for _, n := range names {
		out = append(out, *d.controls[n])
	}
	return out
}

func iamARN(partition, account, rest string) string {
	return "arn:" + partition + ":iam::" + account + ":" + rest
}

func stsARN(partition, account, role, session string) string {
	return "arn:" + partition + ":sts::" + account + ":assumed-role/" + role + "/" + session
}

// uniqueID is the id of a user or role that the file gives none: always the same for the same name.
func uniqueID(prefix, account, name string) string {
	sum := sha256.Sum256([]byte(prefix + "/" + account + "/" + name))
	return prefix + base32.StdEncoding.EncodeToString(sum[:])[:17]
}
