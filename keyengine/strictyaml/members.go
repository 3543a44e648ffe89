package strictyaml

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Members says what reads each member of a mapping.
type Members map[string]func(*yaml.Node)

// Resolve follows an alias.
func Resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// Null says whether a node is a member without a value.
func Null(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// Fields reads a mapping that has no other members than these.
func (r *Reader) Fields(n *yaml.Node, what string, known Members) {
	n = Resolve(n)
	if n.Kind != yaml.MappingNode {
		r.Fail(n, "%s must be a mapping", what)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], Resolve(n.Content[i+1])
		read, ok := known[name.Value]
		switch {
		case !ok:
			r.Fail(name, "%s has no member %.40q%s; it has %s", what, name.Value, meant(name.Value, known), strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		case seen[name.Value]:
			r.Fail(name, "%s is there twice", name.Value)
		case !Null(value):
			read(value)
		}
		seen[name.Value] = true
	}
}

// meant guesses which member somebody had in mind.
func meant(name string, known Members) string {
	best, least := "", 3
	for _, k := range slices.Sorted(maps.Keys(known)) {
		if d := distance(strings.ToLower(name), strings.ToLower(k), least); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return " (did you mean " + best + "?)"
}

// distance counts the letters to insert, delete or replace between two words, or says most if it is not less.
func distance(a, b string, most int) int {
	if len(a)-len(b) >= most || len(b)-len(a) >= most {
		return most
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			same := diagonal
			if a[i] != b[j] {
				same++
			}
			diagonal = row[j+1]
			row[j+1] = min(same, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], most)
}

// List reads the items of a list.
func (r *Reader) List(n *yaml.Node, what string, most int, read func(*yaml.Node)) {
	n = Resolve(n)
	switch {
	case Null(n):
	case n.Kind != yaml.SequenceNode:
		r.Fail(n, "%s must be a list", what)
	case len(n.Content) > most:
		r.Fail(n, "%s has %d items, at most %d", what, len(n.Content), most)
	default:
		for _, item := range n.Content {
			read(Resolve(item))
		}
	}
}

// Text returns a reader of one value, whatever type YAML takes it for: an account's number is a text, too.
func (r *Reader) Text(into *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode {
			r.Fail(n, "must be one value")
			return
		}
		*into = n.Value
	}
}

// Optional returns a reader of a text that may be absent.
func Optional[T ~string](r *Reader, into **T) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var s string
		r.Text(&s)(n)
		*into = new(T(s))
	}
}

// Number returns a reader of a number.
func (r *Reader) Number(into *int32) func(*yaml.Node) {
	return func(n *yaml.Node) {
		v, err := strconv.ParseInt(n.Value, 10, 32)
		if n.Kind != yaml.ScalarNode || err != nil {
			r.Fail(n, "must be a whole number")
			return
		}
		*into = int32(v)
	}
}

// Bool returns a reader of true or false.
func (r *Reader) Bool(into *bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
			r.Fail(n, "must be true or false")
			return
		}
		*into = n.Value == "true" || n.Value == "True" || n.Value == "TRUE"
	}
}

// Pairs returns a reader of a mapping of at most so many names and values.
func (r *Reader) Pairs(what string, most int, take func(n *yaml.Node, name, value string)) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.MappingNode || len(n.Content) > 2*most {
			r.Fail(n, "%s must be a mapping of at most %d %s", what, most, what)
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			var name, value string
			r.Text(&name)(Resolve(n.Content[i]))
			r.Text(&value)(Resolve(n.Content[i+1]))
			take(n.Content[i], name, value)
		}
	}
}
