package strictyaml

import (
	"encoding/json"

	"gopkg.in/yaml.v3"
)

// JSON returns a reader of a JSON document, such as a policy: its text, or YAML that is to become it.
func (r *Reader) JSON(what string, into *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode {
			*into = n.Value
			return
		}
		var document map[string]any
		plainDates(n)
		err := n.Decode(&document)
		var text []byte
		if err == nil {
			text, err = json.Marshal(document)
		}
		if err != nil {
			r.Fail(n, "%s cannot be read as JSON: %v", what, err)
			return
		}
		*into = string(text)
	}
}

// plainDates makes texts of dates: the Version of a policy is one, and YAML takes it for a time.
func plainDates(n *yaml.Node) {
	if n.Tag == "!!timestamp" {
		n.Tag = "!!str"
	}
	for _, c := range n.Content {
		plainDates(c)
	}
}
