package family

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// What stories say of new lives.

func (s *stage) life(name string) uint64 { return max(s.lives[name], 1) }

func (s *stage) meet(name, other string, life uint64) {
	if s.met[name] == nil {
		s.met[name] = map[string]uint64{}
	}
	s.met[name][other] = max(s.met[name][other], life)
}

func (s *stage) here(name string) Here {
	h := Here{Region: name, Now: s.now, HandoffTimeout: hour, Life: s.life(name), Peers: []string{"A", "B", "C"}}
	for _, other := range slices.Sorted(maps.Keys(s.met[name])) {
		h.Lives = append(h.Lives, Life{Region: other, Life: s.met[name][other]})
	}
	return h
}

// reborn begins a life, as the Region's log does: every family is suspended.
func (s *stage) reborn(name string) {
	s.lives[name] = s.life(name) + 1
	l := s.local(name)
	if l.Record.Version.IsZero() {
		return
	}
	e := FamilySuspended{Awaits: Awaited(name, s.here(name).Peers, &l.Record)}
	Evolve(name, l, e)
	s.say("%s", Describe(e))
}

// question is one that from asks and to answers.
func (s *stage) question(from, to string, options []string) {
	s.meet(to, from, s.life(from))
	asker, l := s.local(from), s.local(to)
	missing := without(l.Held, asker.Held)
	hear := Hear{From: to, Life: s.life(from), Lives: s.here(to).Lives, Version: l.Record.Version, Held: missing}
	if l.Live() {
		hear.Lacks = Lacks(l)
	}
	x := letter{from: to, to: from, life: s.life(to), command: hear}
	gives := Gives(from, l, missing)
	if asker.Record.Version.Less(l.Record.Version) || len(gives) > 0 {
		x.command, x.then = ReceiveRecord{From: to, Record: l.Record, Certificates: l.Certificates, Carried: gives}, hear
	}
	if i := slices.Index(options, "as"); i >= 0 {
		s.letters[options[i+1]] = x
		return
	}
	s.arrive(x)
}

// twoRestored is the story of two Regions that are restored at once. C answers A before it has met B in its new life,
// and then takes in what B sent in the old one.
const twoRestored = `
	B create m1
	B replicate A
	B -> A record
	A finish
	A -> B status
	B replicate C
	B -> C record
	C finish
	B -> A record
	A -> B status
	C -> B status
	save A
	save B
	B rotate m2
	B -> A record
	A -> B status
	B -> C record as sealed
	restore A
	restore B
	reborn A
	reborn B
	A -> B question
	A -> C question
	deliver sealed
	show A C
	B -> C question
	A -> C question
	A -> B question
	show A B C`

// TestTwoRestored holds that A does not go on before C has met B in its new life, and then knows what C knows.
func TestTwoRestored(t *testing.T) {
	before, after, _ := strings.Cut(twoRestored, "B -> C question")
	s := newStage(t)
	tell := func(story string) {
		for line := range strings.Lines(strings.TrimSpace(story)) {
			s.act(strings.Fields(line))
		}
	}
	tell(before)
	if a := s.local("A"); !a.Suspended || !slices.Contains(a.Awaits, "C") {
		t.Errorf("A is suspended: %v, awaits %v", a.Suspended, a.Awaits)
	}
	if !has(s.local("C").Held, material("m2")) {
		t.Fatal("C did not take in what B sent in its earlier life")
	}
	tell("B -> C question" + after)
	if a := s.local("A"); a.Suspended || !has(a.Held, material("m2")) {
		t.Errorf("A is suspended: %v, holds %v", a.Suspended, a.Held)
	}
}

// TestGenerationsOfLives holds that a life opens ever later generations, and no two lives of a Region the same one,
// whatever either knew.
func TestGenerationsOfLives(t *testing.T) {
	taken := map[uint32]uint64{}
	for life := uint64(1); life < 200; life++ {
		for _, last := range []uint32{0, 1, 7, 1<<blockShift - 1, 1 << blockShift, 1<<blockShift | 199, 3<<blockShift | 4, 1 << 29} {
			for range 4 {
				next := generationOf(last, life)
				if next <= last {
					t.Fatalf("life %d opens generation %d, not after %d", life, next, last)
				}
				if other, ok := taken[next]; ok && other != life {
					t.Fatalf("lives %d and %d both open generation %d", other, life, next)
				}
				taken[next], last = life, next
			}
		}
	}
}
