package check

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"meridian/cluster/history"
)

// A register is the description of a key in a Region, which each write makes a value of its own. Two writes are in
// order where one ended before the other began; session tokens do not order them, for a token may be newer than its write.
type register struct {
	writes map[string]*history.Entry // by value
	twice  map[string]bool           // written more than once: a reading does not tell which
	order  []*history.Entry          // acknowledged, in the order of their ends
	whole  bool                      // the history saw the key made: nobody wrote it before
}

type keyAt struct{ Region, Key string }

// registers collects the writes of all descriptions.
func registers(h *history.History) map[keyAt]*register {
	all := map[keyAt]*register{}
	for i := range h.Entries {
		e := &h.Entries[i]
		at, ok := written(e)
		if !ok || e.Outcome == history.Fault {
			continue
		}
		r := all[at]
		if r == nil {
			r = &register{writes: map[string]*history.Entry{}, twice: map[string]bool{}}
			all[at] = r
		}
		r.whole = r.whole || e.Operation == "CreateKey"
		_, had := r.writes[e.Ask.Description]
		r.twice[e.Ask.Description] = r.twice[e.Ask.Description] || had
		r.writes[e.Ask.Description] = e
		if e.Outcome == history.OK {
			r.order = append(r.order, e)
		}
	}
	return all
}

// written tells which description a call writes.
func written(e *history.Entry) (keyAt, bool) {
	at := keyAt{e.Region, e.Ask.Key}
	switch e.Operation {
	case "CreateKey":
		at.Key = e.Answer.Key
	case "UpdateKeyDescription":
	default:
		return at, false
	}
	return at, at.Key != "" && !e.Ask.DryRun
}

// read finds the acknowledged write whose value a reading told, if there is exactly one.
func (r *register) read(e *history.Entry) (*history.Entry, bool) {
	if r == nil {
		return nil, false
	}
	w, there := r.writes[e.Answer.Description]
	return w, there && !r.twice[e.Answer.Description] && w.Outcome == history.OK
}

// invented reports whether a reading told what nobody had begun to write when it ended.
func (r *register) invented(e *history.Entry) bool {
	if r == nil || !r.whole {
		return false
	}
	w, there := r.writes[e.Answer.Description]
	return !there || !r.twice[e.Answer.Description] && w.Start > e.End
}

// missed finds the first acknowledged write that came after the one that a reading told, and ended before at.
func (r *register) missed(told *history.Entry, at int64) (*history.Entry, bool) {
	for _, w := range r.order {
		if w.End >= at {
			break
		}
		if w.Start > told.End {
			return w, true
		}
	}
	return nil, false
}

// readings calls do with each answer that tells a description, in the order of their ends.
func readings(h *history.History, do func(e *history.Entry, at keyAt)) {
	for i := range h.Entries {
		if e := &h.Entries[i]; e.Operation == "DescribeKey" && e.Outcome == history.OK && e.Stale == "" {
			do(e, keyAt{e.Region, e.Answer.Key})
		}
	}
}

// passed finds the first acknowledged write that came after the one that a reading told, and that lies at or before the
// place whose token the reading's call sent: whoever was at that place has seen it.
func (r *register) passed(told, e *history.Entry) (*history.Entry, bool) {
	line, place, ok := history.Place(e.After)
	for _, w := range r.order {
		if !ok || w.End >= e.Start {
			break
		}
		in, seq, known := history.Place(w.Session)
		if w.Start > told.End && known && in == line && seq <= place {
			return w, true
		}
	}
	return nil, false
}

// Sessions judges whether each client reads at least what it wrote or read before, and each call at least what lies before
// the token that it sent. Calls at the levels eventual and bounded that send none promise no such thing and are left out.
func Sessions(h *history.History) Verdict {
	v := byClient(h)
	tokens := byToken(h)
	v.Checked += tokens.Checked
	v.Notes = tokens.Notes
	if v.Violation == "" {
		v.Violation, v.Example = tokens.Violation, tokens.Example
	}
	return v
}

// byToken judges readings by the tokens that were sent. Whose session they belong to does not matter.
func byToken(h *history.History) (v Verdict) {
	regs, without := registers(h), 0
	readings(h, func(e *history.Entry, at keyAt) {
		told, ok := regs[at].read(e)
		switch {
		case !ok:
			return
		case e.After == "":
			if e.Level == "session" {
				without++
			}
			return
		}
		v.Checked++
		if newer, ok := regs[at].passed(told, e); ok && v.Violation == "" {
			v.Violation = fmt.Sprintf("client %s read an older description than the session token it sent stands for", e.Client)
			v.Example = []history.Entry{*told, *newer, *e}
		}
	})
	if v.Checked > 0 {
		v.Notes = append(v.Notes, fmt.Sprintf("%d readings held to the session token that they sent", v.Checked))
	}
	if without > 0 {
		v.Notes = append(v.Notes, fmt.Sprintf("%d readings at the level session sent no token, and are held to no more than what their client knew", without))
	}
	return v
}

// byClient judges readings by what the same client knew before.
func byClient(h *history.History) Verdict {
	v := Verdict{Judge: "sessions"}
	regs := registers(h)
	type sight struct {
		client string
		at     keyAt
	}
	type seen struct{ write, how *history.Entry }
	known := map[sight]seen{}
	for i := range h.Entries {
		e := &h.Entries[i]
		if e.Outcome != history.OK || e.Level == "eventual" || strings.HasPrefix(e.Level, "bounded=") || e.Stale != "" {
			continue
		}
		at, wrote := written(e)
		w := e
		if !wrote {
			at = keyAt{e.Region, e.Answer.Key}
			told, ok := regs[at].read(e)
			if e.Operation != "DescribeKey" || !ok {
				continue
			}
			w = told
			v.Checked++
		}
		had, before := known[sight{e.Client, at}]
		if before && w.End < had.write.Start && v.Violation == "" {
			v.Violation = fmt.Sprintf("client %s knew a newer description than it then read", e.Client)
			v.Example = slices.CompactFunc([]history.Entry{*w, *had.write, *had.how, *e}, sameCall)
		}
		if !before || w.Start > had.write.Start {
			known[sight{e.Client, at}] = seen{w, e}
		}
	}
	return v
}

func sameCall(a, b history.Entry) bool {
	return a.Client == b.Client && a.Start == b.Start && a.End == b.End
}

// Fresh judges what the levels promise of age: default and strong none at all, bounded=<ms> no more than that. At every
// level, eventual included, an answer is what somebody wrote once. For all levels it tells how old the oldest answer was: for how long a newer value had been acknowledged when it was asked for.
func Fresh(h *history.History) Verdict {
	v := Verdict{Judge: "fresh"}
	regs := registers(h)
	oldest := map[string]time.Duration{}
	count := map[string]int{}
	readings(h, func(e *history.Entry, at keyAt) {
		r := regs[at]
		if r.invented(e) && v.Violation == "" {
			v.Violation = fmt.Sprintf("an answer at level %q tells what nobody had written", level(e.Level))
			v.Example = []history.Entry{*e}
		}
		told, ok := r.read(e)
		if !ok {
			return
		}
		v.Checked++
		count[e.Level]++
		newer, ok := r.missed(told, e.Start)
		if !ok {
			return
		}
		age := time.Duration(e.Start - newer.End)
		oldest[e.Level] = max(oldest[e.Level], age)
		if bound, ok := boundOf(e.Level); ok && age > bound && v.Violation == "" {
			v.Violation = fmt.Sprintf("an answer at level %q was at least %v old", level(e.Level), age)
			v.Example = []history.Entry{*told, *newer, *e}
		}
	})
	for _, l := range slices.Sorted(maps.Keys(count)) {
		v.Notes = append(v.Notes, fmt.Sprintf("%s: %d answers, the oldest %v old", level(l), count[l], oldest[l]))
	}
	return v
}

func level(l string) string {
	if l == "" {
		return "default"
	}
	return l
}

// boundOf is the age that a level promises; ok is false where it promises none.
func boundOf(l string) (time.Duration, bool) {
	switch l {
	case "", "default", "strong":
		return 0, true
	}
	if text, ok := strings.CutPrefix(l, "bounded="); ok {
		ms, err := strconv.ParseUint(text, 10, 31)
		return time.Duration(ms) * time.Millisecond, err == nil
	}
	return 0, false
}
