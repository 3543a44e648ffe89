package seed

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// members says what reads each member of a mapping.
type members map[string]func(*yaml.Node)

// resolve follows an alias.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func null(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// fields reads a mapping that has no other members than these.
func (r *reader) fields(n *yaml.Node, what string, known members) {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s must be a mapping", what)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], resolve(n.Content[i+1])
		read, ok := known[name.Value]
		switch {
		case !ok:
			r.fail(name, "%s has no member %.40q; it has %s", what, name.Value, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		case seen[name.Value]:
			r.fail(name, "%s is there twice", name.Value)
		case !null(value):
			read(value)
		}
		seen[name.Value] = true
	}
}

// list reads the items of a list.
func (r *reader) list(n *yaml.Node, what string, most int, read func(*yaml.Node)) {
	n = resolve(n)
	switch {
	case null(n):
	case n.Kind != yaml.SequenceNode:
		r.fail(n, "%s must be a list", what)
	case len(n.Content) > most:
		r.fail(n, "%s has %d items, at most %d", what, len(n.Content), most)
	default:
		for _, item := range n.Content {
			read(resolve(item))
		}
	}
}

// text returns a reader of one value, whatever type YAML takes it for: a key id may look like a number.
func (r *reader) text(into *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode {
			r.fail(n, "must be one value")
			return
		}
		*into = n.Value
	}
}

// optional returns a reader of a text that may be absent.
func optional[T ~string](r *reader, into **T) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var s string
		r.text(&s)(n)
		*into = new(T(s))
	}
}

// number returns a reader of a number.
func (r *reader) number(into *int32) func(*yaml.Node) {
	return func(n *yaml.Node) {
		v, err := strconv.ParseInt(n.Value, 10, 32)
		if n.Kind != yaml.ScalarNode || err != nil {
			r.fail(n, "must be a whole number")
			return
		}
		*into = int32(v)
	}
}
