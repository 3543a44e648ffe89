package audit

import (
	"reflect"
	"strings"
	"time"

	"meridian/keyengine/kmsapi"
)

// planner knows how the structures of the service model are recorded. It learns a type when it first sees one.
type planner struct {
	recorded map[string]bool
	plans    map[reflect.Type]*plan
}

func newPlanner() *planner {
	return &planner{recorded: recordedMembers(), plans: map[reflect.Type]*plan{}}
}

// plan is how a structure is recorded.
type plan struct {
	shown    []member
	withheld []int // fields whose text is a secret, or may be
}

// member is a field of a structure that is recorded.
type member struct {
	field int
	name  string // as records spell it
}

func (p *planner) of(t reflect.Type) *plan {
	if known, ok := p.plans[t]; ok {
		return known
	}
	made := new(plan)
	p.plans[t] = made // before the fields, whose types may lead back here
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case !f.IsExported(), f.Type == reflect.TypeFor[[]byte]():
		case p.recorded[f.Name]:
			made.shown = append(made.shown, member{i, strings.ToLower(f.Name[:1]) + f.Name[1:]})
		default:
			made.withheld = append(made.withheld, i)
		}
	}
	return made
}

// appendStruct writes the recorded members of the structure that v points to or is, those that are there.
func (p *planner) appendStruct(b []byte, v reflect.Value) []byte {
	b = append(b, '{')
	first := true
	for _, m := range p.of(v.Type()).shown {
		f := v.Field(m.field)
		if f.IsZero() || !recordable(f.Type()) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, '"')
		b = append(b, m.name...)
		b = append(b, '"', ':')
		b = p.appendValue(b, f)
	}
	return append(b, '}')
}

// recordable says whether values of a type can be written: no type of the model but those below ever was one, and
// what is not known is withheld.
func recordable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Map:
		return recordable(t.Elem())
	case reflect.Slice:
		return t.Elem().Kind() != reflect.Uint8 && recordable(t.Elem())
	case reflect.String, reflect.Bool, reflect.Int32, reflect.Struct:
		return true
	case reflect.Int64:
		return t == reflect.TypeFor[kmsapi.Timestamp]()
	}
	return false
}

func (p *planner) appendValue(b []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Pointer:
		return p.appendValue(b, v.Elem())
	case reflect.Struct:
		return p.appendStruct(b, v)
	case reflect.Slice:
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			b = p.appendValue(b, v.Index(i))
		}
		return append(b, ']')
	case reflect.Map:
		return appendMap(b, v)
	case reflect.String:
		return appendText(b, v.String())
	case reflect.Bool:
		return appendBool(b, v.Bool())
	case reflect.Int32:
		return appendInt(b, v.Int())
	}
	return appendText(b, time.UnixMilli(v.Int()).UTC().Format(dateForm)) // recordable let nothing else through
}

// secretsOf appends the texts of a structure that are withheld.
func (p *planner) secretsOf(found []string, v reflect.Value) []string {
	plan := p.of(v.Type())
	for _, i := range plan.withheld {
		found = textsOf(found, v.Field(i))
	}
	return found
}

// textsOf appends every text below v.
func textsOf(found []string, v reflect.Value) []string {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			found = textsOf(found, v.Elem())
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			found = textsOf(found, field)
		}
	case reflect.Slice:
		for i := range v.Len() {
			found = textsOf(found, v.Index(i))
		}
	case reflect.String:
		found = append(found, v.String())
	}
	return found
}
