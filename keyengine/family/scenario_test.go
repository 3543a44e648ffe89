package family

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestScenarios plays the stories of testdata. Each line of a story is one act in one Region, or
// one message on its way; the golden output says what became of it. Rewrite it with -rewrite, and
// read the difference.
//
//	A create m1                  a key is made in Region A; "single" and "external" may follow
//	A replicate B                callers: also update-primary B, rotate m2, set-rotation 90, enable,
//	                             disable, schedule-deletion 7, cancel-deletion
//	A import m1 new              callers bring a material; a number of days to live may follow
//	A delete-material m1         and take it away
//	A fence B                    operators: also promote
//	A finish                     the second entry of a replica's birth
//	A tick                       A looks at the time
//	wait 7d                      time passes; also h
//	A -> B record                A's record arrives at B with the secrets that B lacks; then may
//	                             follow: bare (no secrets), refuse (B does not want to be a member)
//	A -> B status                A's status arrives at B
//	A -> B record as old         the message is only written; "deliver old" lets it arrive
//	forget A                     A loses all it knows; "save A" and "restore A": A goes back in time
//	reborn A                     A, restored or not, begins a new life
//	A -> B question              B answers what it has; "as" lets the answer be late
//	A meets B                    each notes the other's life
//	show A B                     what the Regions say
//	owes                         the messages that are owed
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd != "story" {
				d.Fatalf(t, "unknown directive %s", d.Cmd)
			}
			return play(t, d.Input)
		})
	})
}

const hour = int64(60 * 60 * 1000)

// stage is a small world: Regions, letters that were written, the time.
type stage struct {
	t       testing.TB
	now     int64
	regions map[string]*Local
	letters map[string]letter
	saved   map[string]Local
	lives   map[string]uint64            // a Region that was never reborn is in none
	met     map[string]map[string]uint64 // the lives of others, by Region
	out     strings.Builder
}

type letter struct {
	from, to string
	life     uint64 // of from
	command  Command
	then     Command // of an answer: what follows the record
}

func newStage(t testing.TB) *stage {
	return &stage{
		t: t, now: 1_700_000_000_000, regions: map[string]*Local{}, letters: map[string]letter{}, saved: map[string]Local{},
		lives: map[string]uint64{}, met: map[string]map[string]uint64{},
	}
}

// play runs a story and returns its golden output.
func play(t testing.TB, story string) string {
	s := newStage(t)
	for line := range strings.Lines(story) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		s.out.WriteString(line + "\n")
		s.act(strings.Fields(line))
	}
	return s.out.String()
}

func (s *stage) act(words []string) {
	switch {
	case words[0] == "wait":
		s.wait(words[1])
	case words[0] == "deliver":
		s.arrive(s.letters[words[1]])
	case words[0] == "forget":
		s.regions[words[1]] = nil
	case words[0] == "save":
		s.saved[words[1]] = *s.local(words[1])
	case words[0] == "restore":
		*s.local(words[1]) = s.saved[words[1]]
	case words[0] == "show":
		for _, name := range words[1:] {
			s.say("%s", s.show(name))
		}
	case words[0] == "owes":
		s.owes()
	case words[0] == "reborn":
		s.reborn(words[1])
	case words[1] == "meets":
		s.meet(words[0], words[2], s.life(words[2]))
		s.meet(words[2], words[0], s.life(words[0]))
	case words[1] == "->" && words[3] == "question":
		s.question(words[0], words[2], words[4:])
	case words[1] == "->":
		s.message(words[0], words[2], words[3], words[4:])
	default:
		s.apply(words[0], s.command(words[1:]))
	}
}

func (s *stage) say(format string, args ...any) {
	s.out.WriteString("    " + fmt.Sprintf(format, args...) + "\n")
}

func (s *stage) local(name string) *Local {
	if s.regions[name] == nil {
		s.regions[name] = &Local{}
	}
	return s.regions[name]
}

func (s *stage) wait(span string) {
	n, err := strconv.ParseInt(span[:len(span)-1], 10, 64)
	if err != nil {
		s.t.Fatalf("wait %s: %v", span, err)
	}
	if strings.HasSuffix(span, "d") {
		n *= 24
	}
	s.now += n * hour
}

func (s *stage) apply(name string, c Command) {
	l := s.local(name)
	events, err := Decide(s.here(name), l, c)
	if err != nil {
		s.say("refused: %v", err)
		return
	}
	for _, e := range events {
		Evolve(name, l, e)
		s.say("%s", Describe(e))
	}
	if len(events) == 0 {
		s.say("nothing")
	}
}

func (s *stage) command(words []string) Command {
	arg := ""
	if len(words) > 1 {
		arg = words[1]
	}
	switch words[0] {
	case "create":
		return newKey(arg, words[1:])
	case "replicate":
		return Replicate{To: arg, Init: Init{Description: "for " + arg}}
	case "update-primary":
		return UpdatePrimary{To: arg}
	case "rotate":
		return Rotate{Material: material(arg), Type: OnDemand}
	case "rotate-automatically":
		return Rotate{Material: material(arg), Type: Automatic}
	case "set-rotation":
		days := uint16(s.number(arg))
		return SetRotation{Rotation: Rotation{Enabled: days > 0, PeriodDays: days, NextAt: s.now + int64(days)*day}}
	case "schedule-deletion":
		return ScheduleDeletion{WindowDays: uint16(s.number(arg))}
	case "import":
		return s.importing(arg, words[2:])
	case "delete-material":
		return DeleteMaterial{Material: material(arg)}
	case "fence":
		return FenceLost{Region: arg}
	}
	c, ok := map[string]Command{
		"enable": Enable{}, "disable": Disable{}, "cancel-deletion": CancelDeletion{},
		"promote": ForcePromote{}, "tick": Tick{}, "finish": FinishCreate{},
	}[words[0]]
	if !ok {
		s.t.Fatalf("unknown act %q", words)
	}
	return c
}

func (s *stage) importing(name string, options []string) Command {
	c := ImportMaterial{Import: Import{ID: material(name)}}
	for _, option := range options {
		if option == "new" {
			c.New = true
			continue
		}
		c.Import.Expires, c.Import.ValidTo = true, s.now+int64(s.number(option))*day
	}
	return c
}

func (s *stage) number(word string) int {
	n, err := strconv.Atoi(word)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func newKey(arg string, options []string) Create {
	c := Create{Record: Record{Partition: "meridian", Account: "111122223333", KeyID: "mrk-1", Multi: true, Origin: "AWS_KMS"}}
	switch {
	case slices.Contains(options, "external"):
		c.Record.Origin = "EXTERNAL"
		return c
	case slices.Contains(options, "single"):
		c.Record.Multi = false
	}
	c.Material = material(arg)
	return c
}

// material returns the id written "m1": its first byte is 0xa1.
func material(name string) MaterialID {
	n, err := strconv.ParseUint(strings.TrimPrefix(name, "m"), 16, 4)
	if err != nil {
		panic(err)
	}
	return MaterialID{0xa0 + byte(n)}
}

func (s *stage) message(from, to, what string, options []string) {
	l := s.local(from)
	x := letter{from: from, to: to, life: s.life(from)}
	switch what {
	case "record":
		c := ReceiveRecord{From: from, Record: l.Record, Certificates: l.Certificates}
		if !slices.Contains(options, "bare") {
			c.Carried = Carries(from, l, Obligation{To: to, What: SendRecord})
		}
		if slices.Contains(options, "refuse") {
			c.Refuse = "the quota is used up"
		}
		x.command = c
	case "status":
		c := ReceiveStatus{Status: StatusOf(from, l)}
		if !slices.Contains(options, "bare") {
			c.Carried = Carries(from, l, Obligation{To: to, What: SendStatus})
		}
		x.command = c
	}
	if i := slices.Index(options, "as"); i >= 0 {
		s.letters[options[i+1]] = x
		return
	}
	s.arrive(x)
}

// arrive delivers a message and says if the receiver knows better than the sender.
func (s *stage) arrive(x letter) {
	if x.command == nil {
		s.t.Fatal("no such letter")
	}
	if x.life < s.met[x.to][x.from] {
		s.say("is of a life that is over")
		return
	}
	s.meet(x.to, x.from, x.life)
	s.apply(x.to, x.command)
	if x.then != nil {
		s.apply(x.to, x.then)
	}
	version := Version{}
	switch c := x.command.(type) {
	case ReceiveRecord:
		version = c.Record.Version
	case ReceiveStatus:
		version = c.Status.Applied
	}
	if l := s.local(x.to); MustTell(l, version) {
		s.say("and tells the sender of %v", l.Record.Version)
	}
}

func (s *stage) show(name string) string {
	l := s.local(name)
	if l.Record.Version.IsZero() {
		return name + ": no key"
	}
	role := "replica"
	if IsPrimary(name, l) {
		role = "primary"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %v", name, l.State)
	for _, flag := range []struct {
		set  bool
		text string
	}{{l.Suspended, " suspended"}, {l.Live(), " " + role}, {l.Updating, " updating"}, {l.Live() && !l.Complete, " incomplete"}, {l.Orphan, " orphan"}, {l.Halted != "", " halted"}} {
		if flag.set {
			b.WriteString(flag.text)
		}
	}
	fmt.Fprintf(&b, ", record %v of %s, primary %s", l.Record.Version, l.Record.Writer, l.Record.Primary)
	if !l.Record.Current.IsZero() {
		b.WriteString(", uses" + shorts([]MaterialID{l.Record.Current}))
	}
	fmt.Fprintf(&b, ", holds%s", shorts(l.Held))
	if len(l.Awaits) > 0 {
		fmt.Fprintf(&b, ", awaits %s", strings.Join(l.Awaits, " "))
	}
	return b.String()
}

func (s *stage) owes() {
	names := make([]string, 0, len(s.regions))
	for name := range s.regions {
		names = append(names, name)
	}
	slices.Sort(names)
	nothing := true
	for _, name := range names {
		for _, o := range Obligations(name, s.regions[name]) {
			what := map[What]string{SendRecord: "record", SendStatus: "status", SendQuestion: "question"}[o.What]
			s.say("%s owes %s its %s with%s", name, o.To, what, shorts(Carries(name, s.regions[name], o)))
			nothing = false
		}
	}
	if nothing {
		s.say("nobody owes anything")
	}
}
