package timeline

import (
	"slices"
	"strings"
)

// ink is a colour of a terminal: what ESC [ … m takes.
type ink string

const (
	plainInk  ink = ""
	dimInk    ink = "2"
	arrowInk  ink = "36" // cyan: what came from elsewhere
	writeInk  ink = "33" // yellow: what the primary wrote for all
	ownInk    ink = "32" // green: what concerns this member alone
	alarmInk  ink = "1;31"
	resetInks     = "\x1b[0m"
)

// inkOf tells the kinds of events apart.
func inkOf(e *Entry) ink {
	switch e.Type {
	case "AlarmRaised", "MemberFenced", "PrimaryForced", "Orphaned", "FamilySuspended", "HandoffAborted", "HandoffRefused":
		return alarmInk
	case "StatusAdvanced":
		return dimInk
	}
	f := read(&e.Event)
	switch {
	case e.From != nil:
		return arrowInk
	case f.Record != nil:
		return writeInk
	}
	return ownInk
}

// line is a line of characters with their colours.
type line struct {
	chars []rune
	inks  []ink
}

func newLine(width int) *line {
	return &line{chars: slices.Repeat([]rune{' '}, width), inks: make([]ink, width)}
}

// put writes a text from a place on; the line grows where it must.
func (l *line) put(x int, text string, i ink) {
	for _, r := range text {
		for x >= len(l.chars) {
			l.chars, l.inks = append(l.chars, ' '), append(l.inks, plainInk)
		}
		l.chars[x], l.inks[x] = r, i
		x++
	}
}

// write ends the line.
func (l *line) write(b *strings.Builder, colour bool) {
	n := len(l.chars)
	for n > 0 && l.chars[n-1] == ' ' {
		n--
	}
	now := plainInk
	for x := range n {
		if i := l.inks[x]; colour && i != now && l.chars[x] != ' ' {
			if now != plainInk {
				b.WriteString(resetInks)
			}
			if now = i; now != plainInk {
				b.WriteString("\x1b[" + string(now) + "m")
			}
		}
		b.WriteRune(l.chars[x])
	}
	if now != plainInk {
		b.WriteString(resetInks)
	}
	b.WriteByte('\n')
}
