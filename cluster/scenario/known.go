package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"meridian/cluster/control"
	"meridian/cluster/keyview"
)

// knower is a world that tells what its Regions know, beside what they answer to callers.
type knower interface {
	// KeyStates are what the Regions that answer know about every multi-Region key.
	KeyStates(ctx context.Context) ([]control.KeyState, error)
}

// statesOf are what Regions know of a key.
func (r *runner) statesOf(ctx context.Context, name string) ([]control.KeyState, error) {
	k, ok := r.world.(knower)
	if !ok {
		return nil, fmt.Errorf("the world %s does not tell what its Regions know", r.world.Name())
	}
	states, err := k.KeyStates(ctx)
	return slices.DeleteFunc(states, func(s control.KeyState) bool { return s.KeyID != r.vars[name] }), err
}

// losing is what the loss of a Region would cost of a key now.
type losing struct {
	region, key string
	what        []string // none: nothing
}

// costs are the words for what a Region's death can cost.
func costs() []string {
	return []string{"nothing", keyview.LostKey, keyview.LostMaterial, keyview.LostVersions, keyview.LostHandoff}
}

// losing reads: losing REGION costs WHAT... of $key.
func (p *parser) losing(words []string) (condition, error) {
	if len(words) < 6 || words[2] != "costs" || words[len(words)-2] != "of" {
		return nil, fmt.Errorf("write: losing REGION costs %s of $key", strings.Join(costs(), "|"))
	}
	c := losing{region: words[1], key: words[len(words)-1], what: words[3 : len(words)-2]}
	for _, w := range c.what {
		if !slices.Contains(costs(), w) {
			return nil, unknown("loss", w, costs())
		}
	}
	if slices.Equal(c.what, []string{"nothing"}) {
		c.what = nil
	}
	c.what = slices.Sorted(slices.Values(c.what))
	return c, errors.Join(p.region(c.region), p.variable(c.key))
}

func (c losing) holds(ctx context.Context, r *runner) (bool, string, error) {
	states, err := r.statesOf(ctx, c.key)
	if err != nil {
		return false, "", err
	}
	if !slices.ContainsFunc(states, func(s control.KeyState) bool { return s.Region == c.region }) {
		return false, fmt.Sprintf("%s does not say what it knows of %s", c.region, c.key), nil
	}
	var what, says []string
	for _, l := range keyview.Losses([]string{c.region}, r.world.Regions(), nil, states, nil)[0].Lost {
		what, says = append(what, l.What), append(says, l.What+": "+l.Says)
	}
	what = slices.Compact(slices.Sorted(slices.Values(what)))
	got := fmt.Sprintf("losing %s costs nothing of %s", c.region, c.key)
	if len(says) > 0 {
		got = strings.Join(says, "; ")
	}
	return slices.Equal(what, c.what), got, nil
}

// behind is whether a Region has not heard of something that another one has of a key.
type behind struct{ to, from, key string }

// behind reads: REGION is behind REGION in $key.
func (p *parser) behind(words []string) (condition, error) {
	c := behind{words[0], words[3], words[5]}
	return c, errors.Join(p.region(c.to), p.region(c.from), p.variable(c.key))
}

func (c behind) holds(ctx context.Context, r *runner) (bool, string, error) {
	states, err := r.statesOf(ctx, c.key)
	if err != nil {
		return false, "", err
	}
	for _, l := range keyview.Lags(states) {
		if l.From == c.from && l.To == c.to {
			return l.Behind(), fmt.Sprintf("%s has record %q of %s, %s has %q", c.to, l.Has, c.key, c.from, l.Newest), nil
		}
	}
	return false, fmt.Sprintf("%s has nothing to tell %s about %s", c.from, c.to, c.key), nil
}
