package timeline

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Widths of a diagram's parts, in characters.
const (
	timeWidth = len("15:04:05.123 ")
	narrow    = 20 // a column that has no room for text
	laneWidth = 3  // of a column without text
	arrowHead = 3  // what an arrow needs behind a text: blank, head, one stroke
)

// Diagram draws entries as they come: time runs down, each Region has a column, and an arrow leads from the Region
// where a message was written to the event that it caused. Where columns would be too narrow the text stands beside
// them.
type Diagram struct {
	w       io.Writer
	regions []string
	column  int  // width
	beside  bool // text stands behind the last column
	width   int
	colour  bool
	keys    bool // name the key of each event
	day     string
}

// NewDiagram returns a Diagram for a terminal of that width, or for a file. With keys, each event names its key.
func NewDiagram(w io.Writer, regions []string, width int, colour, keys bool) *Diagram {
	d := &Diagram{w: w, regions: regions, width: max(width, 40), colour: colour, keys: keys}
	d.column = (d.width - timeWidth) / max(len(regions), 1)
	if d.column < narrow {
		d.column, d.beside = laneWidth, true
	}
	return d
}

// Draw adds an entry. The first one brings the names of the Regions.
func (d *Diagram) Draw(e *Entry) error {
	var b strings.Builder
	day, clock := "", clean(e.Time)
	if at, err := time.Parse(time.RFC3339, e.Time); err == nil {
		day, clock = at.UTC().Format(time.DateOnly), at.UTC().Format("15:04:05.000")
	}
	if d.day == "" {
		d.head(&b)
	}
	if day = "day " + day; day != d.day {
		d.day = day
		fmt.Fprintf(&b, "%s\n", strings.TrimPrefix(day, "day "))
	}
	d.rows(&b, e, clock)
	_, err := io.WriteString(d.w, b.String())
	return err
}

// head writes the names of the Regions over their columns; beside narrow columns, one below the other.
func (d *Diagram) head(b *strings.Builder) {
	if !d.beside {
		var line strings.Builder
		line.WriteString(strings.Repeat(" ", timeWidth))
		for _, name := range d.regions {
			line.WriteString(pad(cut(name, d.column-1), d.column))
		}
		fmt.Fprintf(b, "%s\n", strings.TrimRight(line.String(), " "))
		return
	}
	for i := range d.regions {
		l := d.blank(i)
		l.put(d.lane(i), d.regions[i], plainInk)
		l.write(b, false)
	}
}

// lane is where the line of a Region's column is.
func (d *Diagram) lane(region int) int { return timeWidth + region*d.column }

// blank is a line with the lanes of the first regions.
func (d *Diagram) blank(lanes int) *line {
	l := newLine(max(d.width, d.lane(len(d.regions))))
	for i := range lanes {
		l.put(d.lane(i), "│", dimInk)
	}
	return l
}

// rows writes an event: a line with its dot, and as many more as its text needs.
func (d *Diagram) rows(b *strings.Builder, e *Entry, clock string) {
	at, from := d.index(e.Region), -1
	if e.From != nil {
		from = d.index(e.From.Region)
	}
	x, room := d.lane(max(at, 0))+2, d.column-3
	if d.beside {
		x = d.lane(len(d.regions))
		room = max(d.width-x, narrow)
	}
	first := room
	if from > at && !d.beside {
		first -= arrowHead
	}
	texts := wrap(d.text(e), first, room)
	for n, text := range texts {
		l := d.blank(len(d.regions))
		end := x
		if n == 0 {
			l.put(0, clock, dimInk)
			l.put(d.lane(max(at, 0)), "●", inkOf(e))
		}
		l.put(x, text, inkOf(e))
		if end += utf8.RuneCountInString(text); d.beside {
			end = d.lane(max(at, 0))
		}
		if n == 0 && from >= 0 && from != at {
			d.arrow(l, from, at, end)
		}
		l.write(b, d.colour)
	}
}

// arrow draws a message into a line whose text ends at end.
func (d *Diagram) arrow(l *line, from, to, end int) {
	a, z := d.lane(from), d.lane(to)
	step, tail, head, stop := 1, "├", "▶", z-1
	if from > to {
		step, tail, head, stop = -1, "┤", "◀", max(z, end)+1
	}
	for x := a + step; x != stop; x += step {
		stroke := "─"
		if (x-timeWidth)%d.column == 0 {
			stroke = "┼"
		}
		l.put(x, stroke, arrowInk)
	}
	l.put(a, tail, arrowInk)
	l.put(stop, head, arrowInk)
}

func (d *Diagram) index(region string) int {
	for i, name := range d.regions {
		if name == region {
			return i
		}
	}
	return -1
}

func (d *Diagram) text(e *Entry) string {
	text := e.Text
	if d.keys && e.Key != "" {
		text = ShortKey(e.Key) + " " + text
	}
	if d.beside {
		text = e.Region + " " + text
	}
	if e.From == nil {
		return text
	}
	if d.index(e.From.Region) < 0 {
		text += " from " + e.From.Region
	}
	if took, ok := e.took(); ok {
		text += " +" + took.String()
	}
	return text
}

// took is how long a message was on its way, by the Regions' clocks; false: they do not tell.
func (e *Entry) took() (time.Duration, bool) {
	sent, err := time.Parse(time.RFC3339, e.From.Time)
	if err != nil {
		return 0, false
	}
	at, err := time.Parse(time.RFC3339, e.Time)
	return at.Sub(sent), err == nil && !at.Before(sent)
}

// wrap breaks a text between words into lines of so many characters, and words that are longer anywhere.
func wrap(text string, first, others int) []string {
	var lines []string
	line, room := "", max(first, 1)
	end := func() { lines, line, room = append(lines, line), "", max(others, 1) }
	for word := range strings.FieldsSeq(text) {
		switch n := utf8.RuneCountInString(line); {
		case line != "" && n+1+utf8.RuneCountInString(word) <= room:
			line += " " + word
			continue
		case line != "":
			end()
		}
		for runes := []rune(word); ; {
			if len(runes) <= room {
				line = string(runes)
				break
			}
			line, runes = string(runes[:room]), runes[room:]
			end()
		}
	}
	return append(lines, line)
}

func cut(s string, width int) string {
	if runes := []rune(s); len(runes) > width {
		return string(runes[:width-1]) + "…"
	}
	return s
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}
