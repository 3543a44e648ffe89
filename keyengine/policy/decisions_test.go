package policy_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"meridian/keyengine"
	"meridian/keyengine/policy"
)

// The files of testdata/decisions are tables of calls and what becomes of them. Lines mean:
//
//	because WORDS               where the cases that follow come from, or why they are so; a must
//	key, iam or trust NAME      a policy; its statements follow, indented:
//	  allow WHO ACTIONS [on RESOURCES] [if OPERATOR KEY VALUES [and …]]      (no WHO in those of iam)
//	grant NAME WHO OPERATIONS [equals K=V|…] [subset K=V|…]
//	given SETTINGS              of the cases that follow, up to the next given
//	  WHO OPERATION SETTINGS -> OUTCOME [BY]
//	matrix OPERATION SETTINGS   then a line of key policies, and lines of WHO and an outcome for each
//
// Lists are joined by | (statements of WHO, ACTIONS and RESOURCES: by a comma), not: negates a list. WHO is
// A/root, A/user/x, A/role/x, A/session/role/name, A/federated/x, svc:name, idp:name or *; A and B are accounts.
// SETTINGS are key= iam= boundary= session= scp= (levels joined by /) grant= region= of= (account of the
// resource) resource= now= mfa= alias= and ec:name= tag:name= ptag:name= and any condition key.

const accountA, accountB = "111122223333", "444455556666"

// tables reads the files: definitions stay within one.
type tables struct {
	t        *testing.T
	policies map[string]*policy.Document
	grants   map[string]*keyengine.Grant
	given    []string
	because  string
	cases    int
}

func TestDecisions(t *testing.T) {
	files, err := filepath.Glob("testdata/decisions/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tables: %v", err)
	}
	total := 0
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			d := &tables{t: t, policies: map[string]*policy.Document{}, grants: map[string]*keyengine.Grant{}}
			d.read(file)
			total += d.cases
		})
	}
	if total < 400 {
		t.Errorf("%d cases are decided, too few", total)
	}
	t.Logf("%d cases", total)
}

func (d *tables) read(file string) {
	f, err := os.Open(file)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	var name, kind string      // of the policy that is being read
	var statements []any       // of it
	var columns, head []string // of the matrix that is being read; head is its operation and settings
	finish := func() {
		if name != "" {
			d.define(kind, name, statements)
		}
		name, statements = "", nil
	}
	scan := bufio.NewScanner(f)
	for n := 1; scan.Scan(); n++ {
		line := scan.Text()
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		at := fmt.Sprintf("%s:%d", file, n)
		if !strings.HasPrefix(line, " ") {
			finish()
			columns, head = nil, nil
			switch words[0] {
			case "because":
				d.because = strings.Join(words[1:], " ")
			case "key", "iam", "trust":
				kind, name = words[0], words[1]
			case "grant":
				d.grants[words[1]] = readGrant(words[2:])
			case "given":
				d.given = words[1:]
			case "matrix":
				head = words[1:]
			default:
				d.t.Fatalf("%s: %s", at, line)
			}
			continue
		}
		switch {
		case name != "":
			statements = append(statements, readStatement(kind, words))
		case head != nil && columns == nil:
			columns = words
		case head != nil:
			for i, want := range words[1:] {
				settings := append(slices.Clone(head[1:]), "key="+columns[i])
				d.decide(at, words[0], head[0], settings, want, "")
			}
		default:
			arrow := slices.Index(words, "->")
			if arrow < 2 {
				d.t.Fatalf("%s: no case: %s", at, line)
			}
			by := strings.Join(words[arrow+2:], " ")
			d.decide(at, words[0], words[1], words[2:arrow], words[arrow+1], by)
		}
	}
	finish()
}

// define parses a policy: the tables go through the same door as anybody.
func (d *tables) define(kind, name string, statements []any) {
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		d.t.Fatal(err)
	}
	parse := map[string]func(string) (*policy.Document, error){"key": policy.Parse, "iam": policy.ParseIdentity, "trust": policy.ParseTrust}[kind]
	if d.policies[name] != nil {
		d.t.Fatalf("%s is defined twice", name)
	}
	if d.policies[name], err = parse(escaped(string(text))); err != nil {
		d.t.Fatalf("%s: %v\n%s", name, err, text)
	}
}

// escaped writes what a key policy may contain only in this way.
func escaped(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r > 0xff {
			fmt.Fprintf(&b, "\\u%04x", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func readStatement(kind string, words []string) map[string]any {
	s := map[string]any{"Effect": strings.ToUpper(words[0][:1]) + words[0][1:]}
	words = words[1:]
	list := func(element, joined string) {
		if rest, ok := strings.CutPrefix(joined, "not:"); ok {
			element, joined = "Not"+element, rest
		}
		s[element] = strings.Split(joined, ",")
	}
	if kind != "iam" {
		principals, element := words[0], "Principal"
		if rest, ok := strings.CutPrefix(principals, "not:"); ok {
			principals, element = rest, "NotPrincipal"
		}
		typed := map[string][]string{}
		for w := range strings.SplitSeq(principals, ",") {
			kind, name := named(w)
			typed[kind] = append(typed[kind], name)
		}
		s[element] = typed
		words = words[1:]
	}
	if kind != "trust" {
		s["Resource"] = "*"
	}
	list("Action", words[0])
	words = words[1:]
	if len(words) > 1 && words[0] == "on" {
		delete(s, "Resource")
		list("Resource", words[1])
		words = words[2:]
	}
	conditions := map[string]map[string][]string{}
	for len(words) >= 4 {
		if conditions[words[1]] == nil {
			conditions[words[1]] = map[string][]string{}
		}
		conditions[words[1]][words[2]] = strings.Split(words[3], "|")
		words = words[4:]
	}
	if len(conditions) > 0 {
		s["Condition"] = conditions
	}
	return s
}

// named turns the short name of a principal into its type and name in a policy.
func named(short string) (kind, name string) {
	switch {
	case short == "*", strings.HasPrefix(short, "arn:"):
		return "AWS", short
	case strings.HasPrefix(short, "svc:"):
		return "Service", short[4:]
	case strings.HasPrefix(short, "idp:"):
		return "Federated", short[4:]
	}
	if account(short) == short { // A by itself
		return "AWS", accounts(short)
	}
	return "AWS", caller(short).ARN
}

func account(short string) string { return strings.SplitN(short, "/", 2)[0] }

func accounts(letter string) string {
	if letter == "B" {
		return accountB
	}
	return accountA
}

// caller makes the principal of a short name.
func caller(short string) *policy.Principal {
	if name, ok := strings.CutPrefix(short, "svc:"); ok {
		return &policy.Principal{Kind: policy.Service, ARN: name, Service: name}
	}
	if name, ok := strings.CutPrefix(short, "idp:"); ok {
		return &policy.Principal{Kind: policy.WebIdentity, ARN: name, Provider: name}
	}
	part := strings.Split(short, "/")
	id := accounts(part[0])
	iam, sts := "arn:aws:iam::"+id+":", "arn:aws:sts::"+id+":"
	p := &policy.Principal{Account: id}
	switch part[1] {
	case "root":
		p.Kind, p.ARN, p.UserID = policy.Root, iam+"root", id
	case "user":
		p.Kind, p.ARN, p.UserName = policy.User, iam+strings.Join(part[1:], "/"), part[len(part)-1]
		p.UserID = "AIDA" + p.UserName
	case "role": // only named by policies and grants
		p.ARN = iam + strings.Join(part[1:], "/")
	case "session":
		p.Kind, p.ARN, p.Role = policy.RoleSession, sts+"assumed-role/"+part[2]+"/"+part[3], iam+"role/"+part[2]
		p.UserID = "AROA" + part[2] + ":" + part[3]
		if part[2] == "linked" {
			p.ServiceLinked = true
		}
	case "federated":
		p.Kind, p.ARN, p.User = policy.FederatedUser, sts+"federated-user/"+part[2], iam+"user/broker"
	}
	return p
}

func readGrant(words []string) *keyengine.Grant {
	_, who := named(words[0])
	g := &keyengine.Grant{Grantee: who, Operations: strings.Split(words[1], ",")}
	for i := 2; i+1 < len(words); i += 2 {
		var pairs []keyengine.Pair
		for p := range strings.SplitSeq(words[i+1], "|") {
			name, value, _ := strings.Cut(p, "=")
			pairs = append(pairs, keyengine.Pair{Name: name, Value: value})
		}
		if words[i] == "equals" {
			g.Equals = pairs
		} else {
			g.Subset = pairs
		}
	}
	return g
}

// byGrantee is what a key's index of grants is in a Region.
type byGrantee map[string]map[string]policy.Grant

func (b byGrantee) To(grantee string) iter.Seq2[string, policy.Grant] {
	return func(yield func(string, policy.Grant) bool) {
		for _, id := range slices.Sorted(maps.Keys(b[grantee])) {
			if !yield(id, b[grantee][id]) {
				return
			}
		}
	}
}

// Fitting leaves out what is not about the operation, as an index may.
func (b byGrantee) Fitting(grantee, op string, context map[string]string) iter.Seq2[string, policy.Grant] {
	return func(yield func(string, policy.Grant) bool) {
		for id, g := range b.To(grantee) {
			if g.Allows(op, nil) || g.Allows(op, context) {
				if !yield(id, g) {
					return
				}
			}
		}
	}
}

func (b byGrantee) add(id, grantee string, g policy.Grant) {
	if b[grantee] == nil {
		b[grantee] = map[string]policy.Grant{}
	}
	b[grantee][id] = g
}

// decide judges one case and compares.
func (d *tables) decide(at, who, op string, settings []string, want, by string) {
	d.t.Helper()
	d.cases++
	if d.because == "" {
		d.t.Errorf("%s: no source and no reason", at)
	}
	if !strings.Contains(op, ":") {
		op = "kms:" + op
	}
	r, p := d.call(at, who, op, append(slices.Clone(d.given), settings...))
	got := policy.Explain(r, p)
	if plain := policy.Evaluate(r, p); plain.Allowed != got.Allowed || plain.Reason != got.Reason || plain.By != got.By || plain.Via != got.Via {
		d.t.Errorf("%s: explained as %+v, decided as %+v", at, got, plain)
	}
	if got.Reason.String() != want {
		d.t.Errorf("%s: %s %s: %v by %v, want %s\n\tbecause %s\n\tnear: %v", at, who, op, got.Reason, got.By, want, d.because, got.Near)
	}
	if got.Allowed != (got.Reason <= policy.ByGrant) {
		d.t.Errorf("%s: allowed %t for the reason %v", at, got.Allowed, got.Reason)
	}
	if by != "" && by != got.By.String() {
		d.t.Errorf("%s: by %q, want %q", at, got.By, by)
	}
}

func (d *tables) call(at, who, op string, settings []string) (*policy.Request, *policy.Policies) {
	values, grants := policy.Values{}, byGrantee{}
	r := &policy.Request{Principal: caller(who), Action: op, Region: "us-east-1", Now: 1_750_000_000_000, Context: values}
	r.Resource.Account = accountA
	p := &policy.Policies{Grants: grants}
	for _, s := range settings {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			d.t.Fatalf("%s: setting %q", at, s)
		}
		switch name {
		case "key":
			p.Resource, p.Alone = d.document(at, value), value == "none"
		case "iam":
			p.Identity = d.attached(at, value)
		case "session":
			p.Session = d.attached(at, value)
		case "boundary":
			p.Boundary = &d.attached(at, value)[0]
		case "scp":
			p.Service = nil
			for level := range strings.SplitSeq(value, "/") {
				p.Service = append(p.Service, d.attached(at, level))
			}
		case "grant":
			for id := range strings.SplitSeq(value, "|") {
				g := d.grants[id]
				if g == nil {
					d.t.Fatalf("%s: no grant %s", at, id)
				}
				grants.add(id, g.Grantee, g)
			}
		default:
			set(r, values, name, value)
		}
	}
	if r.Resource.ARN == "" {
		r.Resource.ARN = "arn:aws:kms:" + r.Region + ":" + r.Resource.Account + ":key/1234abcd-12ab-34cd-56ef-1234567890ab"
	}
	return r, p
}

// set makes a setting that is not a policy.
func set(r *policy.Request, values policy.Values, name, value string) {
	put := func(m *map[string]string, key string) {
		if *m == nil {
			*m = map[string]string{}
		}
		(*m)[key] = value
	}
	kind, key, _ := strings.Cut(name, ":")
	switch kind {
	case "ec":
		put(&r.EncryptionContext, key)
	case "tag":
		put(&r.Resource.Tags, key)
	case "ptag":
		put(&r.Principal.Tags, key)
	case "region":
		r.Region = value
	case "of":
		r.Resource.Account = accounts(value)
	case "resource":
		r.Resource.ARN = value
	case "alias":
		r.Resource.Aliases = strings.Split(value, "|")
	case "mfa":
		r.Principal.MFA, r.Principal.MFAAge = new(value == "true"), 600
	case "org":
		r.Principal.OrgID = value
	default:
		values.Set(name, strings.Split(value, "|")...)
	}
}

func (d *tables) document(at, name string) *policy.Document {
	if name == "none" {
		return nil
	}
	doc := d.policies[name]
	if doc == nil {
		d.t.Fatalf("%s: no policy %s", at, name)
	}
	return doc
}

func (d *tables) attached(at, names string) []policy.Attached {
	var list []policy.Attached
	for name := range strings.SplitSeq(names, "|") {
		if doc := d.document(at, name); doc != nil {
			list = append(list, policy.Attached{Name: name, Document: doc})
		}
	}
	return list
}
