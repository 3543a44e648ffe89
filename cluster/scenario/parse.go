package scenario

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"meridian/cluster/world"
)

// ErrSyntax is the kind of every error of Parse.
var ErrSyntax = errors.New("scenario")

// verbs are the first words of a line.
var verbs = [...]string{
	"title", "teaches", "aws", "regions", "nodes", "not",
	"in", "again", "expect", "save", "import", "lose",
	"partition", "delay", "drop", "flap", "heal", "wipe", "kill", "start", "pause", "resume", "clock",
	"lag", "sync", "fence", "force-promote",
	"wait", "check", "hold", "repeat", "meanwhile", "end",
}

// parser reads a scenario line by line.
type parser struct {
	s      *Scenario
	blocks []*block // open ones
	count  int
	vars   map[string]bool
}

// block is a repeat or a meanwhile whose end has not come.
type block struct {
	open  step
	steps []step
}

// Parse reads a scenario. The name is that of its file.
func Parse(name, text string) (*Scenario, error) {
	p := &parser{vars: map[string]bool{}, s: &Scenario{
		Name: strings.TrimSuffix(path.Base(name), ".txt"), Text: text, Nodes: 1, Regions: DefaultRegions(), Not: map[string]string{},
	}}
	if len(text) > maxBytes {
		return nil, fmt.Errorf("%w %s: %d bytes are more than %d", ErrSyntax, name, len(text), maxBytes)
	}
	n := 0
	for line := range strings.Lines(text) {
		n++
		if err := p.line(n, strings.TrimSpace(line)); err != nil {
			return nil, fmt.Errorf("%w %s: line %d: %w", ErrSyntax, name, n, err)
		}
	}
	switch {
	case len(p.blocks) > 0:
		return nil, fmt.Errorf("%w %s: line %d: %q has no end", ErrSyntax, name, p.blocks[0].open.line, p.blocks[0].open.text)
	case len(p.s.steps) == 0:
		return nil, fmt.Errorf("%w %s: there is no step", ErrSyntax, name)
	case p.s.Title == "":
		return nil, fmt.Errorf("%w %s: there is no title", ErrSyntax, name)
	}
	return p.s, nil
}

func (p *parser) line(n int, text string) error {
	if len(text) > maxLine {
		return fmt.Errorf("%d bytes are more than %d", len(text), maxLine)
	}
	if text == "" || text[0] == '#' {
		return nil
	}
	verb, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimSpace(rest)
	if head, err := p.header(verb, rest); head {
		return err
	}
	words, err := split(rest)
	if err != nil {
		return err
	}
	if verb == "end" && len(words) == 0 {
		return p.end()
	}
	if verb == "expect" || verb == "save" {
		return p.ofAnswer(verb, words)
	}
	a, err := p.act(verb, words)
	if err != nil {
		return err
	}
	if p.count++; p.count > maxSteps {
		return fmt.Errorf("more than %d steps", maxSteps)
	}
	st := step{n, text, a}
	switch a.(type) {
	case *repeat, *meanwhile:
		if len(p.blocks) == 4 {
			return errors.New("blocks are nested too deep")
		}
		p.blocks = append(p.blocks, &block{open: st})
		return nil
	}
	p.add(st)
	return nil
}

// add appends a step to the block that is open, or to the scenario.
func (p *parser) add(st step) {
	if len(p.blocks) > 0 {
		b := p.blocks[len(p.blocks)-1]
		b.steps = append(b.steps, st)
		return
	}
	p.s.steps = append(p.s.steps, st)
}

// end closes the block that is open.
func (p *parser) end() error {
	if len(p.blocks) == 0 {
		return errors.New("end of nothing")
	}
	b := p.blocks[len(p.blocks)-1]
	p.blocks = p.blocks[:len(p.blocks)-1]
	switch a := b.open.act.(type) {
	case *repeat:
		a.steps = b.steps
	case *meanwhile:
		a.steps = b.steps
	}
	p.add(b.open)
	return nil
}

// header reads a line that says something about the scenario.
func (p *parser) header(verb, rest string) (is bool, err error) {
	switch verb {
	case "title":
		p.s.Title = rest
	case "teaches":
		p.s.Teaches = strings.TrimSpace(p.s.Teaches + " " + rest)
	case "aws":
		p.s.AWS = strings.TrimSpace(p.s.AWS + " " + rest)
	case "regions":
		p.s.Regions = strings.Fields(rest)
		if len(p.s.Regions) == 0 || len(p.s.Regions) > 8 {
			return true, fmt.Errorf("a scenario has one to eight Regions")
		}
	case "nodes":
		p.s.Nodes, err = strconv.Atoi(rest)
		if err != nil || p.s.Nodes < 1 || p.s.Nodes > 7 {
			return true, fmt.Errorf("%q is no number of nodes from 1 to 7", rest)
		}
	case "not":
		name, why, ok := strings.Cut(strings.TrimPrefix(rest, "in "), ": ")
		if !ok || !slices.Contains([]string{"sim", "inprocess", "cluster"}, name) {
			return true, errors.New("write: not in sim|inprocess|cluster: REASON")
		}
		p.s.Not[name] = why
	default:
		return false, nil
	}
	if p.count > 0 && err == nil {
		err = fmt.Errorf("%s comes before the first step", verb)
	}
	return true, err
}

// act reads a line that does something.
func (p *parser) act(verb string, words []string) (act, error) {
	switch verb {
	case "in":
		return p.call(words)
	case "again":
		return &again{}, exactly(words)
	case "import":
		return p.importing(words)
	case "lose":
		return &lose{}, exactly(words, "the", "next", "answer")
	case "partition", "delay", "drop", "flap":
		return p.fault(verb, words)
	case "heal":
		return p.heal(words)
	case "wipe":
		return &wipe{}, exactly(words, "broker")
	case "kill", "start", "pause", "resume":
		if len(words) != 1 {
			return nil, fmt.Errorf("write: %s NODE|REGION|REGION/leader", verb)
		}
		return &process{world.Act(verb), words[0]}, p.place(words[0])
	case "clock":
		if len(words) != 2 || words[0] != "advance" {
			return nil, errors.New("write: clock advance 30d")
		}
		d, err := parseDuration(words[1])
		return &advance{d}, err
	case "lag":
		return p.lag(words)
	case "sync":
		return p.sync(words)
	case "fence":
		return p.fence(words)
	case "force-promote":
		return p.promote(words)
	case "wait", "check", "hold":
		return p.looking(verb, words)
	case "repeat":
		if len(words) != 1 {
			return nil, errors.New("write: repeat 5")
		}
		n, err := strconv.Atoi(words[0])
		if err != nil || n < 1 || n > maxRepeat {
			return nil, fmt.Errorf("%q is no number from 1 to %d", words[0], maxRepeat)
		}
		return &repeat{times: n}, nil
	case "meanwhile":
		return p.meanwhile(words)
	}
	return nil, unknown("word", verb, verbs[:])
}

// exactly wants these words and no others.
func exactly(words []string, want ...string) error {
	if !slices.Equal(words, want) {
		return fmt.Errorf("%q is not %q", strings.Join(words, " "), strings.Join(want, " "))
	}
	return nil
}

// place checks the name of a Region or a node.
func (p *parser) place(name string) error {
	region, node, ok := strings.Cut(name, "/")
	if !slices.Contains(p.s.Regions, region) {
		return unknown("Region", region, p.s.Regions)
	}
	if i, err := strconv.Atoi(node); ok && node != "leader" && (err != nil || i < 1 || i > p.s.Nodes) {
		return fmt.Errorf("%s has nodes 1 to %d and a leader, no %q (write `nodes N` for more)", region, p.s.Nodes, node)
	}
	return nil
}

// variable checks that a variable has a value when it is used.
func (p *parser) variable(name string) error {
	if !strings.HasPrefix(name, "$") || len(name) < 2 {
		return fmt.Errorf("%q is no variable such as $key", name)
	}
	if !p.vars[name] {
		known := make([]string, 0, len(p.vars))
		for v := range p.vars {
			known = append(known, v)
		}
		slices.Sort(known)
		return unknown("variable", name, known)
	}
	return nil
}

func (p *parser) fault(verb string, words []string) (act, error) {
	f := world.Fault{Kind: world.FaultKind(verb)}
	if len(words) > 1 && words[1] == "->" {
		f.OneWay = true
		words = slices.Delete(slices.Clone(words), 1, 2)
	}
	want := 3
	if verb == "partition" {
		want = 2
	}
	if len(words) != want {
		return nil, fmt.Errorf("write: partition A B, delay A B 2s, drop A B 0.3 or flap A B 5; with A -> B for one direction")
	}
	f.From, f.To = words[0], words[1]
	if err := errors.Join(p.place(f.From), p.place(f.To)); err != nil {
		return nil, err
	}
	var err error
	switch verb {
	case "delay":
		f.Latency, err = parseDuration(words[2])
	case "drop":
		if f.P, err = strconv.ParseFloat(words[2], 64); err != nil || !(f.P > 0 && f.P <= 1) {
			err = fmt.Errorf("%q is no probability above 0 and at most 1", words[2])
		}
	case "flap":
		f.Kind = world.Partition
		n, bad := strconv.Atoi(words[2])
		if bad != nil || n < 1 || n > maxRepeat {
			return nil, fmt.Errorf("%q is no number from 1 to %d", words[2], maxRepeat)
		}
		return &flapping{f, n}, nil
	}
	return &breaking{f}, err
}

func (p *parser) heal(words []string) (act, error) {
	switch len(words) {
	case 0:
		return &heal{}, nil
	case 2:
		return &heal{words[0], words[1]}, errors.Join(p.place(words[0]), p.place(words[1]))
	}
	return nil, errors.New("write: heal, or heal A B")
}

// looking reads: wait until CONDITION [within 30s]; check CONDITION; hold 5s CONDITION.
func (p *parser) looking(verb string, words []string) (act, error) {
	l := &looking{verb: verb, bound: defaultBound}
	var err error
	switch {
	case verb == "wait" && len(words) > 1 && words[0] == "until":
		words = words[1:]
		if n := len(words); n > 2 && words[n-2] == "within" {
			if l.bound, err = parseDuration(words[n-1]); err != nil {
				return nil, err
			}
			words = words[:n-2]
		}
	case verb == "hold" && len(words) > 1:
		if l.bound, err = parseDuration(words[0]); err != nil {
			return nil, err
		}
		words = words[1:]
	case verb == "check" && len(words) > 0:
	default:
		return nil, errors.New("write: wait until CONDITION [within 30s], check CONDITION, or hold 5s CONDITION")
	}
	l.condition, err = p.condition(words)
	return l, err
}

// defaultBound is how long a wait may take that names no bound.
const defaultBound = 30 * time.Second

// meanwhile reads: meanwhile decrypt $a $b in REGION...
func (p *parser) meanwhile(words []string) (act, error) {
	at := slices.Index(words, "in")
	if len(words) < 4 || words[0] != "decrypt" || at < 2 || at == len(words)-1 {
		return nil, errors.New("write: meanwhile decrypt $ciphertext in REGION")
	}
	m := &meanwhile{ciphertexts: words[1:at], places: words[at+1:]}
	var err error
	for _, v := range m.ciphertexts {
		err = errors.Join(err, p.variable(v))
	}
	for _, name := range m.places {
		err = errors.Join(err, p.place(name))
	}
	return m, err
}
