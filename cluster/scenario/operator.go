package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"meridian/cluster/world"
	"meridian/replication/lagprofile"
)

// lagging puts a lag profile in force: one that is built in, or the one in force with a change.
type lagging struct {
	preset lagprofile.Profile
	link   lagprofile.Link
	oneWay bool
	class  lagprofile.Class // empty: all
	delay  lagprofile.Dist
	change bool
}

func (*lagging) needs() []world.Feature { return []world.Feature{world.Lags} }

func (l *lagging) do(ctx context.Context, r *runner) error {
	r.lag = l.preset
	if l.change {
		r.lag = r.lagBefore().With(l.link, !l.oneWay, l.class, l.delay)
	}
	r.lagged = true
	return r.world.SetLag(ctx, r.lag)
}

// lagBefore is the profile that this scenario has put in force; of none, nothing is held back.
func (r *runner) lagBefore() *lagprofile.Profile {
	if !r.lagged {
		return &lagprofile.Profile{Name: "of the scenario", Seed: 1}
	}
	return &r.lag
}

// lag reads: lag PROFILE; lag CLASS|all 30s [A B | A -> B].
func (p *parser) lag(words []string) (act, error) {
	wrong := errors.New("write: lag aws-like, lag material 30s, lag all 5s A B, or lag status 5s A -> B")
	if len(words) == 1 {
		preset, err := lagprofile.Preset(words[0])
		if err != nil {
			return nil, unknown("lag profile", words[0], lagprofile.Presets())
		}
		return &lagging{preset: preset}, nil
	}
	if len(words) != 2 && len(words) != 4 && len(words) != 5 {
		return nil, wrong
	}
	l := &lagging{class: lagprofile.Class(words[0]), change: true}
	if classes := lagprofile.Classes(); words[0] == "all" {
		l.class = ""
	} else if !slices.Contains(classes, l.class) {
		names := []string{"all"}
		for _, c := range classes {
			names = append(names, string(c))
		}
		return nil, unknown("class", words[0], names)
	}
	d, err := parseDuration(words[1])
	if err != nil {
		return nil, err
	}
	if d > lagprofile.MaxDelay {
		return nil, fmt.Errorf("%v is longer than %v, for which a message can be held back", d, lagprofile.MaxDelay)
	}
	l.delay = lagprofile.Of(d)
	switch len(words) {
	case 4:
		l.link = lagprofile.Link{From: words[2], To: words[3]}
	case 5:
		if words[3] != "->" {
			return nil, wrong
		}
		l.link, l.oneWay = lagprofile.Link{From: words[2], To: words[4]}, true
	default:
		return l, nil
	}
	return l, errors.Join(p.region(l.link.From), p.region(l.link.To))
}

// syncing stops the synchronisation of a Region, or of all with an empty name, or lets it go on.
type syncing struct {
	region string
	pause  bool
}

func (*syncing) needs() []world.Feature { return []world.Feature{world.Syncs} }

func (s *syncing) do(ctx context.Context, r *runner) error {
	if s.pause {
		return r.world.PauseSync(ctx, s.region)
	}
	return r.world.ResumeSync(ctx, s.region)
}

// sync reads: sync pause|resume [REGION].
func (p *parser) sync(words []string) (act, error) {
	if len(words) < 1 || len(words) > 2 || words[0] != "pause" && words[0] != "resume" {
		return nil, errors.New("write: sync pause [REGION], or sync resume [REGION]")
	}
	s := &syncing{pause: words[0] == "pause"}
	if len(words) == 1 {
		return s, nil
	}
	s.region = words[1]
	return s, p.region(s.region)
}

// region checks the name of a Region.
func (p *parser) region(name string) error {
	if !slices.Contains(p.s.Regions, name) {
		return unknown("Region", name, p.s.Regions)
	}
	return nil
}

// fencing declares a Region lost for ever.
type fencing struct {
	region string
	manner
}

// promoting makes a Region's member of a key primary without the old one's consent.
type promoting struct {
	key, region string
	manner
}

// manner is how an operator acts.
type manner struct {
	force   bool // although the Region answers
	refused bool // the act is expected to be refused
}

// read reads the end of an operator's act: by force, is refused.
func (m *manner) read(words []string) error {
	switch {
	case len(words) == 0:
		return nil
	case len(words) == 2 && words[0] == "by" && words[1] == "force":
		m.force = true
		return nil
	case len(words) == 2 && words[0] == "is" && words[1] == "refused":
		m.refused = true
		return nil
	}
	return fmt.Errorf("%q is neither %q nor %q", words, "by force", "is refused")
}

// judge says whether an act ended as it was to.
func (m *manner) judge(err error) error {
	var no *world.Refusal
	switch refused := errors.As(err, &no); {
	case refused && !m.refused:
		return &wrong{want: "it to be done", got: "a refusal: " + no.Reason}
	case err == nil && m.refused:
		return &wrong{want: "a refusal", got: "it was done"}
	case refused:
		return nil
	}
	return err
}

func (*fencing) needs() []world.Feature { return []world.Feature{world.Fencing} }

func (f *fencing) do(ctx context.Context, r *runner) error {
	return f.judge(r.world.FenceLost(ctx, f.region, f.force))
}

func (*promoting) needs() []world.Feature { return []world.Feature{world.Promoting} }

func (f *promoting) do(ctx context.Context, r *runner) error {
	id, ok := r.vars[f.key].(string)
	if !ok {
		return fmt.Errorf("%s is not the id of a key", f.key)
	}
	account := r.accountOf(f.key)
	if account == "" {
		account = "000000000000"
	}
	return f.judge(r.world.ForcePromote(ctx, account, id, f.region, f.force))
}

// fence reads: fence REGION [by force | is refused].
func (p *parser) fence(words []string) (act, error) {
	if len(words) < 1 {
		return nil, errors.New("write: fence REGION [by force | is refused]")
	}
	f := &fencing{region: words[0]}
	return f, errors.Join(p.region(f.region), f.read(words[1:]))
}

// promote reads: force-promote $key in REGION [by force | is refused].
func (p *parser) promote(words []string) (act, error) {
	if len(words) < 3 || words[1] != "in" {
		return nil, errors.New("write: force-promote $key in REGION [by force | is refused]")
	}
	f := &promoting{key: words[0], region: words[2]}
	return f, errors.Join(p.variable(f.key), p.region(f.region), f.read(words[3:]))
}
