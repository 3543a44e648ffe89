//go:build mutants

package family

import (
	"strings"
	"testing"
)

// TestStaleConsentKills plants the one defect that random histories find too rarely. It must break
// the story of the stale consent: the role goes to a disabled key, which halts.
func TestStaleConsentKills(t *testing.T) {
	const story = `
		A create m1
		A replicate B
		A -> B record
		B finish
		B -> A status
		A update-primary B
		A -> B record
		B -> A status as stale
		wait 1h
		A tick
		A -> B record
		B disable
		A update-primary B
		deliver stale
		A -> B record
	`
	defer Plant("")
	for _, planted := range []Mutant{"", NoAttemptCheck} {
		Plant(planted)
		if got, want := strings.Contains(play(t, story), "AlarmRaised"), planted != ""; got != want {
			t.Errorf("planted %q: alarm %v, want %v", planted, got, want)
		}
	}
}

// TestAnswerOfAnEarlierLifeKills plants the defect that random histories do not find: the answer to a question of one
// life counts in the next. A Region that is restored twice must then go on without a rotation that it forgot twice.
func TestAnswerOfAnEarlierLifeKills(t *testing.T) {
	defer Plant("")
	for _, planted := range []Mutant{"", OldAnswers} {
		Plant(planted)
		s := newStage(t)
		tell := func(story string) {
			for line := range strings.Lines(strings.TrimSpace(story)) {
				s.act(strings.Fields(line))
			}
		}
		tell(`A create m1
			A replicate B
			A -> B record
			B finish
			B -> A status
			save A`)
		here := func(life uint64) Here {
			return Here{Region: "A", Now: s.now, HandoffTimeout: hour, Life: life, Peers: []string{"B"}}
		}
		reborn := func(life uint64, answer Hear) {
			events, err := Decide(here(life), s.local("A"), answer)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				Evolve("A", s.local("A"), e)
			}
		}
		suspend := func() { Evolve("A", s.local("A"), FamilySuspended{Awaits: []string{"B"}}) }

		suspend() // the second life: B says what it has, and that is kept under way, too
		answer := Hear{From: "B", Life: 2, Version: s.local("B").Record.Version, Held: s.local("B").Held}
		reborn(2, answer)
		if s.local("A").Suspended {
			t.Fatal("A does not go on although B was heard")
		}
		tell(`A -> B record
			B -> A status
			A rotate m2
			A -> B record
			B -> A status
			A -> B record`)
		if s.local("B").Record.Current != material("m2") {
			t.Fatalf("B encrypts with %v", s.local("B").Record.Current)
		}

		tell("restore A") // the third life begins with the same backup
		suspend()
		reborn(3, answer)
		l := s.local("A")
		forgets := !l.Suspended && !lists(l.Record.Materials, material("m2"))
		if want := planted != ""; forgets != want {
			t.Errorf("planted %q: A goes on without the material that B encrypts with: %v, want %v", planted, forgets, want)
		}
	}
}

// TestWhoKnowsLessKills plants the defect that two Regions restored at once need: a Region counts as heard that has not
// met the other in its new life. A then goes on with what it remembers, and C encrypts with what A forgot.
func TestWhoKnowsLessKills(t *testing.T) {
	defer Plant("")
	for _, planted := range []Mutant{"", OldWorld} {
		Plant(planted)
		story, _, _ := strings.Cut(twoRestored, "B -> C question")
		s := newStage(t)
		for line := range strings.Lines(strings.TrimSpace(story)) {
			s.act(strings.Fields(line))
		}
		if got, want := !s.local("A").Suspended, planted != ""; got != want {
			t.Errorf("planted %q: A goes on %v, want %v", planted, got, want)
		}
	}
}

// TestEarlyReleaseKills plants an orphan's haste: C erases the last copy of what B, the primary, has forgotten. The story is
// told at length in testdata/rebirth.txt.
func TestEarlyReleaseKills(t *testing.T) {
	const story = `
		B create m1
		B replicate A
		B -> A record
		A finish
		A -> B status
		B -> A record
		A -> B status
		save B
		B rotate m2
		B -> A record
		A -> B status
		B replicate C
		B -> C record as old
		B -> C record refuse
		C -> B status
		B -> A record
		restore B
		forget C
		reborn C
		deliver old
		A schedule-deletion 7
		wait 7d
		A tick
		A -> C record
		reborn B
		B -> A question
		B -> C question`
	defer Plant("")
	for _, planted := range []Mutant{"", EarlyRelease} {
		Plant(planted)
		s := newStage(t)
		for line := range strings.Lines(strings.TrimSpace(story)) {
			s.act(strings.Fields(line))
		}
		if got, want := !has(s.local("B").Held, material("m2")), planted != ""; got != want {
			t.Errorf("planted %q: what was in use is lost %v, want %v", planted, got, want)
		}
	}
}

// TestSecondHandKills plants what random histories find too rarely: C takes in B's secrets while A, the primary, searches, and
// has heard C already. A then goes on without what C uses.
func TestSecondHandKills(t *testing.T) {
	const story = `
		A create m1
		A replicate B
		A -> B record
		B finish
		B -> A status
		A replicate C
		A -> C record
		C finish
		C -> A status
		A -> B record
		B -> A status
		A -> C record
		C -> A status
		save A
		save C
		A rotate m2
		A -> B record
		B -> A status
		A -> C record
		C -> A status
		A -> B record
		B schedule-deletion 7
		restore A
		restore C
		reborn A
		reborn C
		A meets C
		C -> B question as gift
		A -> C question
		wait 7d
		B tick
		deliver gift
		A -> B question`
	defer Plant("")
	for _, planted := range []Mutant{"", SecondHand} {
		Plant(planted)
		s := newStage(t)
		s.tell(story)
		forgets := !has(s.local("A").Held, material("m2")) && has(s.local("C").Held, material("m2"))
		if want := planted != ""; forgets != want {
			t.Errorf("planted %q: A goes on without what C holds: %v, want %v", planted, forgets, want)
		}
	}
}

// TestOtherTermsKills plants that an answer counts whose sender follows another primary: C takes in A's secrets of A's term
// after B, which is the primary, has heard it. The story is told at length in testdata/rebirth.txt.
func TestOtherTermsKills(t *testing.T) {
	const story = `
		A create m1
		A replicate B
		A -> B record
		B finish
		B -> A status
		A -> B record
		B -> A status
		save B
		A rotate m2
		A -> B record
		B -> A status
		A -> B record
		B -> A status
		A replicate C
		A -> C record bare
		A -> C record as sealed
		A -> B record
		B -> A status
		A update-primary B
		A -> B record
		B -> A status
		A -> B record
		B -> A record
		A -> B status
		A schedule-deletion 7
		restore B
		reborn B
		B -> C question
		wait 7d
		A tick
		deliver sealed
		B -> A question`
	defer Plant("")
	for _, planted := range []Mutant{"", OtherTerms} {
		Plant(planted)
		s := newStage(t)
		s.tell(story)
		if got, want := !s.local("B").Suspended, planted != ""; got != want || !has(s.local("C").Held, material("m2")) {
			t.Errorf("planted %q: B goes on without what C holds: %v, want %v", planted, got, want)
		}
		if planted == "" {
			s.tell("B -> A question\nB -> C record\nB -> C question\nB -> C question")
			if b := s.local("B"); b.Suspended || !has(b.Held, material("m2")) {
				t.Errorf("B is suspended: %v, holds %v", b.Suspended, b.Held)
			}
		}
	}
}

// tell plays a story whose golden output nobody wants.
func (s *stage) tell(story string) {
	for line := range strings.Lines(strings.TrimSpace(story)) {
		s.act(strings.Fields(line))
	}
}
