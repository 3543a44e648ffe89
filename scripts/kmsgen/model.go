package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
)

// model is the part of a service-2 model that the generator understands.
type model struct {
	Metadata   metadata           `json:"metadata"`
	Operations ordered[operation] `json:"operations"`
	Shapes     ordered[shape]     `json:"shapes"`
	Pagination ordered[pages]     `json:"pagination"`
}

type metadata struct {
	APIVersion       string `json:"apiVersion"`
	JSONVersion      string `json:"jsonVersion"`
	Protocol         string `json:"protocol"`
	ServiceID        string `json:"serviceId"`
	SignatureVersion string `json:"signatureVersion"`
	TargetPrefix     string `json:"targetPrefix"`
}

type ref struct {
	Shape string `json:"shape"`
}

type operation struct {
	Input  *ref  `json:"input,omitempty"`
	Output *ref  `json:"output,omitempty"`
	Errors []ref `json:"errors,omitempty"`
}

type shape struct {
	Type      string       `json:"type"`
	Required  []string     `json:"required,omitempty"`
	Members   ordered[ref] `json:"members,omitzero"`
	Member    *ref         `json:"member,omitempty"`
	Key       *ref         `json:"key,omitempty"`
	Value     *ref         `json:"value,omitempty"`
	Min       *int         `json:"min,omitempty"`
	Max       *int         `json:"max,omitempty"`
	Pattern   string       `json:"pattern,omitempty"`
	Enum      []string     `json:"enum,omitempty"`
	Sensitive bool         `json:"sensitive,omitempty"`
	Exception bool         `json:"exception,omitempty"`
	Fault     bool         `json:"fault,omitempty"`
}

// constrained reports whether a value of the shape by itself can be wrong.
func (s shape) constrained() bool {
	return s.Min != nil || s.Max != nil || s.Pattern != "" || len(s.Enum) > 0
}

type pages struct {
	Limit  string `json:"limit_key"`
	Input  string `json:"input_token"`
	Output string `json:"output_token"`
	More   string `json:"more_results"`
	Result string `json:"result_key"`
}

// ordered is a JSON object that keeps the order of its members, which is the order of fields in
// the generated structs.
type ordered[T any] struct {
	names []string
	by    map[string]T
}

// UnmarshalJSON implements [json.Unmarshaler].
func (o *ordered[T]) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &o.by); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	if _, err := dec.Token(); err != nil {
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		o.names = append(o.names, name.(string))
		var skipped json.RawMessage
		if err := dec.Decode(&skipped); err != nil {
			return err
		}
	}
	return nil
}

// MarshalJSON implements [json.Marshaler].
func (o ordered[T]) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, name := range o.names {
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, "%q:", name)
		value, err := compact(o.by[name])
		if err != nil {
			return nil, err
		}
		out.Write(value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// IsZero makes omitzero leave out an object that the source did not have.
func (o ordered[T]) IsZero() bool { return o.by == nil }

func (o ordered[T]) each(visit func(name string, value T)) {
	for _, name := range o.names {
		visit(name, o.by[name])
	}
}

// parseModel reads a model and refuses what the generator would get wrong silently.
func parseModel(b []byte) (*model, error) {
	m := new(model)
	if err := json.Unmarshal(b, m); err != nil {
		return nil, err
	}
	if m.Metadata.Protocol != "json" || m.Metadata.JSONVersion != "1.1" || m.Metadata.SignatureVersion != "v4" {
		return nil, fmt.Errorf("protocol %s %s with signature %s is not supported",
			m.Metadata.Protocol, m.Metadata.JSONVersion, m.Metadata.SignatureVersion)
	}
	known := func(owner string, r *ref) error {
		if r == nil {
			return nil
		}
		if _, ok := m.Shapes.by[r.Shape]; !ok {
			return fmt.Errorf("%s names the unknown shape %s", owner, r.Shape)
		}
		return nil
	}
	for name, op := range m.Operations.by {
		if op.Input == nil {
			return nil, fmt.Errorf("operation %s has no input", name)
		}
		for _, r := range append([]ref{*op.Input}, op.Errors...) {
			if err := known(name, &r); err != nil {
				return nil, err
			}
		}
		if err := known(name, op.Output); err != nil {
			return nil, err
		}
	}
	for name, s := range m.Shapes.by {
		for _, r := range []*ref{s.Member, s.Key, s.Value} {
			if err := known(name, r); err != nil {
				return nil, err
			}
		}
		for _, r := range s.Members.by {
			if err := known(name, &r); err != nil {
				return nil, err
			}
		}
	}
	uniform := pages{Limit: "Limit", Input: "Marker", Output: "NextMarker", More: "Truncated"}
	for name, p := range m.Pagination.by {
		if p.Result, uniform.Result = "", ""; p != uniform {
			return nil, fmt.Errorf("operation %s is paginated in an unknown way", name)
		}
	}
	return m, nil
}

// importModel makes the project's copy: what the generator reads, one operation or shape a line.
func importModel(source, paginators string) ([]byte, error) {
	b, err := os.ReadFile(source)
	if err != nil {
		return nil, err
	}
	m := new(model)
	if err := json.Unmarshal(b, m); err != nil {
		return nil, err
	}
	if paginators != "" {
		b, err := os.ReadFile(paginators)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(b, m); err != nil {
			return nil, err
		}
	}
	return writeModel(m)
}

func writeModel(m *model) ([]byte, error) {
	var out bytes.Buffer
	meta, err := compact(m.Metadata)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&out, "{\n\"metadata\": %s,\n", meta)
	for _, part := range []struct {
		name  string
		lines func(*bytes.Buffer) error
		end   string
	}{
		{"operations", m.Operations.lines, ","},
		{"shapes", m.Shapes.lines, ","},
		{"pagination", m.Pagination.lines, ""},
	} {
		fmt.Fprintf(&out, "%q: {\n", part.name)
		if err := part.lines(&out); err != nil {
			return nil, err
		}
		fmt.Fprintf(&out, "}%s\n", part.end)
	}
	out.WriteString("}\n")
	return out.Bytes(), nil
}

// lines writes one member a line.
func (o ordered[T]) lines(out *bytes.Buffer) error {
	for i, name := range o.names {
		value, err := compact(o.by[name])
		if err != nil {
			return err
		}
		comma := ","
		if i == len(o.names)-1 {
			comma = ""
		}
		fmt.Fprintf(out, "  %q: %s%s\n", name, value, comma)
	}
	return nil
}

// compact is json.Marshal that leaves <, > and & of patterns readable.
func compact(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
