package lagprofile

import (
	"embed"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"meridian/keyengine/strictyaml"
)

// MaxBytes bounds the file of a profile.
const MaxBytes = 1 << 16

// presets are the profiles that are built in.
//
//go:embed presets/*.yaml
var presets embed.FS

// Presets are the names of the profiles that are built in, the least delays first.
func Presets() []string {
	return []string{"instant", "aws-like", "gcp-like", "azure-mhsm-like", "yandex-like", "adversarial"}
}

// Preset returns a profile that is built in.
func Preset(name string) (Profile, error) {
	text, err := PresetText(name)
	if err != nil {
		return Profile{}, err
	}
	return Parse(text)
}

// PresetText returns the file of a profile that is built in.
func PresetText(name string) ([]byte, error) {
	if !slices.Contains(Presets(), name) {
		return nil, fmt.Errorf("no lag profile %.40q is built in: there are %s", name, strings.Join(Presets(), ", "))
	}
	return presets.ReadFile(path.Join("presets", name+".yaml"))
}

// Parse reads the file of a profile; it trusts nothing. An error names each defect and its line.
func Parse(text []byte) (Profile, error) {
	var p Profile
	r := &reader{}
	root, err := r.Open(text, MaxBytes)
	if err != nil {
		return p, err
	}
	r.Fields(root, "a lag profile", strictyaml.Members{
		"name":    r.Text(&p.Name),
		"about":   r.Text(new(string)),
		"seed":    r.seed(&p.Seed),
		"classes": r.classes(&p.Classes),
		"grants":  r.dist(&p.Grants),
		"links": func(n *yaml.Node) {
			r.List(n, "links", MaxLinks, func(n *yaml.Node) { p.Links = append(p.Links, r.rule(n)) })
		},
	})
	if err := r.Err(); err != nil {
		return Profile{}, err
	}
	return p, p.Validate()
}

type reader struct{ strictyaml.Reader }

func (r *reader) seed(into *uint64) func(*yaml.Node) {
	return func(n *yaml.Node) {
		v, err := strconv.ParseUint(n.Value, 10, 64)
		if n.Kind != yaml.ScalarNode || err != nil {
			r.Fail(n, "seed must be a whole number, not negative")
		}
		*into = v
	}
}

func (r *reader) classes(into *map[Class]Dist) func(*yaml.Node) {
	return func(n *yaml.Node) {
		*into = make(map[Class]Dist)
		members := strictyaml.Members{}
		for _, c := range Classes() {
			members[string(c)] = func(n *yaml.Node) {
				var d Dist
				r.dist(&d)(n)
				(*into)[c] = d
			}
		}
		r.Fields(n, "classes", members)
	}
}

func (r *reader) rule(n *yaml.Node) (out Rule) {
	r.Fields(n, "a link", strictyaml.Members{
		"from":    r.place(&out.From),
		"to":      r.place(&out.To),
		"both":    r.Bool(&out.Both),
		"classes": r.classes(&out.Classes),
	})
	if out.From == "" || out.To == "" {
		r.Fail(n, "a link needs from and to: names of Regions, or %q", Any)
	}
	return out
}

func (r *reader) place(into *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		r.Text(into)(n)
		if len(*into) > maxName {
			r.Fail(n, "the name of a Region has at most %d letters", maxName)
		}
	}
}

// dist reads a delay, or a mapping with one shape.
func (r *reader) dist(into *Dist) func(*yaml.Node) {
	return func(n *yaml.Node) {
		n = strictyaml.Resolve(n)
		if n.Kind == yaml.ScalarNode {
			*into = Of(r.span(n))
			return
		}
		var shapes []Shape
		shape := func(s Shape, read func(*yaml.Node)) func(*yaml.Node) {
			return func(n *yaml.Node) {
				shapes = append(shapes, s)
				into.Shape = s
				read(n)
			}
		}
		spans := func(n *yaml.Node) {
			if n.Kind == yaml.ScalarNode {
				into.Values = append(into.Values, r.span(n))
				return
			}
			r.List(n, "delays", 2, func(n *yaml.Node) { into.Values = append(into.Values, r.span(n)) })
		}
		before := len(shapes)
		r.Fields(n, "a distribution", strictyaml.Members{
			string(Constant): shape(Constant, spans), string(Uniform): shape(Uniform, spans),
			string(Exponential): shape(Exponential, spans), string(Lognormal): shape(Lognormal, spans),
			string(Percentiles): shape(Percentiles, r.points(into)),
			"most":              func(n *yaml.Node) { into.Most = r.span(n) },
		})
		switch {
		case len(shapes)-before != 1:
			r.Fail(n, "a distribution has one shape, not %d", len(shapes)-before)
			*into = Dist{}
		case into.Shape.needs() >= 0 && into.Shape.needs() != len(into.Values):
			r.Fail(n, "%s has %d delay(s), not %d", into.Shape, into.Shape.needs(), len(into.Values))
			*into = Dist{}
		default:
			if err := into.Validate(); err != nil {
				r.Fail(n, "%v", err)
				*into = Dist{}
			}
		}
	}
}

func (r *reader) points(into *Dist) func(*yaml.Node) {
	return r.Pairs("percentiles", 32, func(n *yaml.Node, name, value string) {
		at, err := strconv.ParseFloat(strings.TrimPrefix(name, "p"), 64)
		if err != nil || math.IsNaN(at) || !strings.HasPrefix(name, "p") {
			r.Fail(n, "%.20q is no percentile such as p99", name)
			return
		}
		into.Points = append(into.Points, at)
		into.Values = append(into.Values, r.spanOf(n, value))
	})
}

func (r *reader) span(n *yaml.Node) time.Duration {
	var text string
	r.Text(&text)(strictyaml.Resolve(n))
	return r.spanOf(n, text)
}

func (r *reader) spanOf(n *yaml.Node, text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > MaxDelay {
		r.Fail(n, "must be a delay such as 200ms, 3s or 6m, of at most %v", MaxDelay)
		return 0
	}
	return d
}
