package scenario

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"meridian/cluster/world"
	"meridian/keyengine/kmsapi"
)

// condition is something that is so or not so.
type condition interface {
	// holds says how it is now, and where it is not as wanted, what is instead.
	holds(ctx context.Context, r *runner) (ok bool, got string, err error)
}

// condition reads:
//
//	PLACE $key is STATE [PRIMARY|REPLICA] | PLACE $key is missing | PLACE $key PATH = VALUE | PLACE $key rotations N
//	$ciphertext decrypts in PLACE | $ciphertext fails in PLACE [CODE]
//	PLACE answers | PLACE silent | converged | invariants hold
//	losing REGION costs nothing|WHAT... of $key | REGION is behind REGION in $key
func (p *parser) condition(words []string) (condition, error) {
	if at := slices.Index(words, "and"); at > 0 {
		first, err := p.condition(words[:at])
		if err != nil {
			return nil, err
		}
		second, err := p.condition(words[at+1:])
		return both{first, second}, err
	}
	switch {
	case len(words) == 0:
	case slices.Equal(words, []string{"converged"}):
		return converged{}, nil
	case slices.Equal(words, []string{"invariants", "hold"}):
		return invariants{}, nil
	case len(words) > 1 && words[0] == "losing":
		return p.losing(words)
	case len(words) == 6 && words[1] == "is" && words[2] == "behind" && words[4] == "in":
		return p.behind(words)
	case len(words) >= 4 && words[2] == "in" && (words[1] == "decrypts" || words[1] == "fails"):
		return p.decrypting(words)
	case len(words) == 2 && (words[1] == "answers" || words[1] == "silent"):
		return answering{words[0], words[1] == "answers"}, p.place(words[0])
	case len(words) >= 4 && strings.HasPrefix(words[1], "$"):
		if err := errors.Join(p.place(words[0]), p.variable(words[1])); err != nil {
			return nil, err
		}
		return ofKey(words[0], words[1], words[2:])
	}
	return nil, fmt.Errorf("%q is no condition; write: REGION $key is STATE [PRIMARY|REPLICA], REGION $key PATH = VALUE, REGION $key rotations N, "+
		"$ciphertext decrypts in REGION, $ciphertext fails in REGION [CODE], REGION answers, REGION silent, converged, losing REGION costs nothing|WHAT of $key, REGION is behind REGION in $key, or invariants hold", strings.Join(words, " "))
}

// both is two conditions at once.
type both struct{ a, b condition }

func (c both) holds(ctx context.Context, r *runner) (bool, string, error) {
	if ok, got, err := c.a.holds(ctx, r); !ok || err != nil {
		return false, got, err
	}
	return c.b.holds(ctx, r)
}

// missing is the state of a key that a Region does not know.
const missing = "missing"

// states are the words for what a key is.
func states() []string {
	return []string{missing, "Creating", "Enabled", "Disabled", "PendingDeletion", "PendingImport", "PendingReplicaDeletion", "Updating", "Unavailable"}
}

// ofKey reads what is said about a key in a Region.
func ofKey(place, name string, words []string) (condition, error) {
	switch {
	case words[0] == "is" && len(words) <= 3:
		c := state{place: place, key: name, state: words[1]}
		if !slices.Contains(states(), c.state) {
			return nil, unknown("state", c.state, states())
		}
		if len(words) == 3 {
			if c.role = words[2]; !slices.Contains([]string{"PRIMARY", "REPLICA"}, c.role) {
				return nil, unknown("role", c.role, []string{"PRIMARY", "REPLICA"})
			}
		}
		return c, nil
	case words[0] == "rotations" && len(words) == 2:
		n, err := strconv.Atoi(words[1])
		return rotations{place, name, n}, err
	case len(words) == 3 && words[1] == "=":
		return field{place, name, words[0], literal(words[2])}, nil
	}
	return nil, fmt.Errorf("%q says nothing about a key", strings.Join(words, " "))
}

// state is the state of a key in a Region, and perhaps its role.
type state struct{ place, key, state, role string }

func (c state) holds(ctx context.Context, r *runner) (bool, string, error) {
	a, out, err := r.describe(ctx, c.place, c.key)
	if err != nil {
		return false, "", err
	}
	got := missing
	switch {
	case a.Code == kmsapi.NotFoundException:
	case a.Code != "":
		return false, fault(a), nil
	default:
		v, _ := at(out, "KeyMetadata.KeyState")
		got = fmt.Sprint(v)
		if role, ok := at(out, "KeyMetadata.MultiRegionConfiguration.MultiRegionKeyType"); ok && c.role != "" {
			got += " " + fmt.Sprint(role)
		}
	}
	return got == strings.TrimSpace(c.state+" "+c.role), fmt.Sprintf("%s in %s is %s", c.key, c.place, got), nil
}

// field is a field of a key's metadata.
type field struct {
	place, key, path string
	value            any
}

func (c field) holds(ctx context.Context, r *runner) (bool, string, error) {
	a, out, err := r.describe(ctx, c.place, c.key)
	if err != nil || a.Code != "" {
		return false, fault(a), err
	}
	v, ok := at(out, "KeyMetadata."+c.path)
	got := "absent"
	if ok {
		got = show(v, r.vars)
	}
	return ok && equal(v, resolve(c.value, r.vars)), fmt.Sprintf("%s of %s in %s is %s", c.path, c.key, c.place, got), nil
}

// rotations is how often a key was rotated, as a Region knows it.
type rotations struct {
	place, key string
	n          int
}

func (c rotations) holds(ctx context.Context, r *runner) (bool, string, error) {
	a, err := ask(ctx, r.world, c.place, r.accountOf(c.key), "ListKeyRotations", "", map[string]any{"KeyId": r.vars[c.key]})
	if err != nil || a.Code != "" {
		return false, fault(a), err
	}
	var out struct{ Rotations []any }
	if err := json.Unmarshal(a.Output, &out); err != nil {
		return false, "", err
	}
	return len(out.Rotations) == c.n, fmt.Sprintf("%s in %s has %d rotations", c.key, c.place, len(out.Rotations)), nil
}

// decrypting is whether a ciphertext decrypts somewhere.
type decrypting struct {
	cipher, place string
	works         bool
	code          string // of the error; empty: any
}

func (p *parser) decrypting(words []string) (condition, error) {
	c := decrypting{cipher: words[0], place: words[3], works: words[1] == "decrypts"}
	if len(words) > 5 || len(words) == 5 && c.works {
		return nil, errors.New("write: $ciphertext decrypts in REGION, or $ciphertext fails in REGION [CODE]")
	}
	if len(words) == 5 {
		c.code = words[4]
		if !slices.Contains(append(errorCodes(), world.Unavailable), c.code) {
			return nil, unknown("error", c.code, errorCodes())
		}
	}
	return c, errors.Join(p.variable(c.cipher), p.place(c.place))
}

func (c decrypting) holds(ctx context.Context, r *runner) (bool, string, error) {
	s, ok := r.ciphers[c.cipher]
	if !ok {
		return false, "", fmt.Errorf("%s is not a saved CiphertextBlob", c.cipher)
	}
	got, err := s.decrypt(ctx, r.world, c.place)
	if err != nil {
		return false, "", err
	}
	if got == "" {
		return c.works, c.cipher + " decrypts in " + c.place, nil
	}
	ok = !c.works && (c.code == "" || strings.HasPrefix(got, "error "+c.code))
	return ok, c.cipher + " in " + c.place + ": " + got, nil
}

// answering is whether a Region, or a node, answers calls.
type answering struct {
	place   string
	answers bool
}

func (c answering) holds(ctx context.Context, r *runner) (bool, string, error) {
	a, err := ask(ctx, r.world, c.place, "", "ListKeys", "strong", map[string]any{"Limit": 1})
	if err != nil {
		return false, "", err
	}
	return unavailable(a) != c.answers, c.place + ": " + fault(a), nil
}

// converged is whether no Region owes another one anything. It looks twice: between two looks a word may be on its way.
type converged struct{}

func (converged) holds(ctx context.Context, r *runner) (bool, string, error) {
	for look := range 2 {
		if look > 0 {
			if err := r.world.Pass(ctx); err != nil {
				return false, "", err
			}
		}
		for _, region := range r.world.Regions() {
			n, err := r.world.Owed(ctx, region)
			if err != nil {
				return false, region + ": " + err.Error(), nil
			}
			if n > 0 {
				return false, fmt.Sprintf("%s owes word of %d keys", region, n), nil
			}
		}
	}
	return true, "", nil
}

// looking is a step that looks at a condition: once, until it holds, or for a while.
type looking struct {
	verb      string
	condition condition
	bound     time.Duration
}

func (*looking) needs() []world.Feature { return nil }

func (l *looking) do(ctx context.Context, r *runner) error {
	for began := r.world.Now(); ; {
		ok, got, err := l.condition.holds(ctx, r)
		if err != nil {
			return err
		}
		passed := r.world.Now() - began
		switch {
		case !ok && l.verb != "wait":
			return &wrong{want: "the condition to hold", got: got}
		case ok && l.verb != "hold", l.verb == "hold" && passed >= l.bound:
			return nil
		case passed >= l.bound:
			return &wrong{want: "the condition to hold within " + l.bound.String(), got: got, late: true}
		}
		if err := r.world.Pass(ctx); err != nil {
			return err
		}
	}
}
