package identity

import (
	"fmt"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"

	"meridian/keyengine/policy"
	"meridian/keyengine/strictyaml"
)

// hour is one in seconds.
const hour = 3600

// use says what a policy document is for, and how long it may be without white space.
type use struct {
	name string
	most int
}

var (
	managedPolicy = use{"identity policy", 6144}
	userPolicy    = use{"identity policy", 2048}
	groupPolicy   = use{"identity policy", 5120}
	rolePolicy    = use{"identity policy", 10240}
	trustPolicy   = use{"trust policy", 4096}
	controlPolicy = use{"service control policy", 10240}
	sessionPolicy = use{"session policy", 2048}
)

// document returns a reader of a policy document.
func (r *reader) document(into *policy.Attached, for_ use) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var text string
		r.JSON("the policy", &text)(n)
		if r.bytes += len(text); r.bytes > maxDocuments {
			r.Fail(n, "the policies of the file are longer than %d bytes", maxDocuments)
			return
		}
		doc, err := for_.read(text)
		if err != nil {
			// A policy that was written as YAML has no lines of its own.
			r.Fail(n, "%s: %s", for_.name, strings.TrimPrefix(err.Error(), "line 1: "))
			doc = new(policy.Document) // it is there
		}
		into.Document = doc
		r.last = visible(text)
	}
}

// read parses a policy for what it is for.
func (u use) read(text string) (*policy.Document, error) {
	if n := visible(text); n > u.most {
		return nil, fmt.Errorf("%d characters without white space, at most %d", n, u.most)
	}
	if u == trustPolicy {
		return policy.ParseTrust(text)
	}
	return policy.ParseIdentity(text)
}

// named reads a policy with a name.
func (r *reader) named(n *yaml.Node, prefix string, for_ use) (doc *policy.Attached, name string) {
	doc = new(policy.Attached)
	path := "/"
	r.Fields(n, "a policy", strictyaml.Members{"name": r.Text(&name), "path": r.Text(&path), "document": r.document(doc, for_)})
	r.name(n, "a policy", name, 128)
	r.path(n, path)
	if doc.Document == nil {
		r.Fail(n, "policy %.128s needs a document", name)
	}
	if strings.HasPrefix(prefix, "arn:") {
		prefix += path[1:]
	}
	doc.Name = prefix + name
	return doc, name
}

// inline returns a reader of the policies of one user, group or role.
func (r *reader) inline(into *[]policy.Attached, for_ use) func(*yaml.Node) {
	return func(n *yaml.Node) {
		total := 0
		r.List(n, "inlinePolicies", maxPolicies, func(n *yaml.Node) {
			doc, _ := r.named(n, "inline policy ", for_)
			*into = append(*into, *doc)
			if total += r.last; total > for_.most {
				r.Fail(n, "inlinePolicies together are longer than %d characters", for_.most)
			}
		})
	}
}

// own completes the names of inline policies.
func own(docs []policy.Attached, whose string) {
	for i := range docs {
		docs[i].Name += " of " + whose
	}
}

// names returns a reader of a list of names. A list that is there and empty is not nil.
func (r *reader) names(what string, most int, into *[]string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		*into = []string{}
		r.List(n, what, most, func(n *yaml.Node) {
			var s string
			r.Text(&s)(n)
			*into = append(*into, s)
		})
	}
}

func (r *reader) tags(into *map[string]string) func(*yaml.Node) {
	*into = map[string]string{}
	folded := map[string]bool{}
	return r.Pairs("tags", maxTags, func(n *yaml.Node, key, value string) {
		if err := checkTag(key, value, folded); err != nil {
			r.Fail(n, "%v", err)
		}
		(*into)[key] = value
	})
}

// checkTag says what is wrong with a tag of a user, role or session. Keys must differ in more than case.
func checkTag(key, value string, seen map[string]bool) error {
	switch low := strings.ToLower(key); {
	case key == "" || len(key) > 128:
		return fmt.Errorf("the tag key %.40q is not of 1 to 128 characters", key)
	case len(value) > 256:
		return fmt.Errorf("the value of tag %.128q is longer than 256 characters", key)
	case strings.HasPrefix(low, "aws:"):
		return fmt.Errorf("the tag key %.128q begins with aws:, which is reserved", key)
	case seen[low]:
		return fmt.Errorf("the tag key %.128q is there twice", key)
	default:
		seen[low] = true
		return nil
	}
}

// accessKeys returns a reader of access keys. What is wrong with a secret is told without it.
func (r *reader) accessKeys(into *[]accessKey) func(*yaml.Node) {
	return func(n *yaml.Node) {
		r.List(n, "accessKeys", maxKeys, func(n *yaml.Node) {
			k := accessKey{active: true, line: n.Line}
			var secret string
			r.Fields(n, "an access key", strictyaml.Members{"id": r.Text(&k.id), "secret": r.Text(&secret), "active": r.Bool(&k.active)})
			k.secret = Secret(secret)
			switch {
			case len(k.id) < 16 || len(k.id) > 128 || strings.Trim(k.id, alphanumeric+"_") != "":
				r.Fail(n, "the access key's id %.128q is not of 16 to 128 letters and digits", k.id)
			case strings.HasPrefix(k.id, sessionKeyPrefix):
				r.Fail(n, "the access key's id %.128q begins with %s, as those of sessions do", k.id, sessionKeyPrefix)
			case len(secret) < 8 || len(secret) > 128 || strings.ContainsFunc(secret, func(c rune) bool { return c <= ' ' || c > '~' }):
				r.Fail(n, "the secret of access key %s is not of 8 to 128 characters without spaces", k.id)
			case r.keys[k.id] != 0:
				r.Fail(n, "access key %s is in line %d, too", k.id, r.keys[k.id])
			}
			r.keys[k.id] = n.Line
			*into = append(*into, k)
		})
	}
}

const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// nameCharacters are those of names of users, roles and sessions.
const nameCharacters = alphanumeric + "_+=,.@-"

func validName(s string, most int) bool {
	return s != "" && len(s) <= most && strings.Trim(s, nameCharacters) == ""
}

func (r *reader) name(n *yaml.Node, what, name string, most int) bool {
	if !validName(name, most) {
		r.Fail(n, "%s needs a name of 1 to %d letters, digits and _+=,.@-, not %.64q", what, most, name)
		return false
	}
	return true
}

func (r *reader) path(n *yaml.Node, path string) {
	if len(path) > 512 || !strings.HasPrefix(path, "/") || !strings.HasSuffix(path, "/") || strings.Contains(path, "//") || strings.Trim(path, nameCharacters+"/") != "" {
		r.Fail(n, "the path %.64q does not begin and end with a slash", path)
	}
}

// id checks a given unique id, or makes one.
func (r *reader) id(n *yaml.Node, id *string, prefix string, a *account, name string) {
	switch {
	case *id == "":
		*id = uniqueID(prefix, a.id, name)
	case len(*id) < 16 || len(*id) > 128 || !strings.HasPrefix(*id, prefix) || strings.Trim(*id, alphanumeric) != "":
		r.Fail(n, "the id %.40q does not begin with %s and have 16 to 128 letters and digits", *id, prefix)
	}
}

// visible counts what is not white space: that is how AWS measures policies.
func visible(text string) int {
	n := 0
	for _, c := range text {
		if !unicode.IsSpace(c) {
			n++
		}
	}
	return n
}
