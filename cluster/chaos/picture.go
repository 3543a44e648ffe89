package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"meridian/cluster/control"
)

// Measures of a picture, in its own units.
const (
	gutter  = 150 // for names
	plot    = 2 * columns
	margin  = 10
	right   = 40 // room for the last mark of time
	rowStep = 22
	bar     = 18
	strip   = 20 // of a row of faults
	chart   = 140

	numbered = 200 // faults, at most, that are all numbered
)

// A picture is what an SVG of the page shows.
type picture struct {
	ID, Title, Desc string
	Width, Height   int
	Bands           []band
	Chips           []chip
	Rows            []row
	Lines           []line
	Ticks           []tick
	Top, Bottom     int // of what the bands shade
	Legend          []line
}

// A band shades the time of a fault; a chip names it in a row above.
type band struct {
	X, W  float64
	Class string
	Says  string
}

type chip struct {
	X, W   float64
	Y      int
	Number string // "" where there is no room for it
	Class  string
	Says   string
}

// TextX and TextY are where a chip's number stands.
func (c chip) TextX() float64 { return c.X + 2 }
func (c chip) TextY() int     { return c.Y + 13 }

// TextY is where a row's name stands.
func (r row) TextY() int { return r.Y + 14 }

// High is how high the bands are.
func (p picture) High() int { return p.Bottom - p.Top }

// A row is a client's, or a Region's: paths of vertical strokes.
type row struct {
	Y                    int
	Name                 string
	OK, Refused, Unknown string
}

type line struct {
	Name   string
	Class  string
	Points string
}

type tick struct {
	X    float64
	Y    int
	Text string
}

// x is where a time of the history lies.
func (r *Report) x(at int64) float64 {
	span := max(r.End-r.LoadBegin, 1)
	part := float64(at-r.LoadBegin) / float64(span)
	return gutter + plot*min(max(part, 0), 1)
}

// lane tells faults on nodes from faults on links.
func (a Applied) lane() string {
	switch {
	case a.Fault.Kind == Clock:
		return "clock"
	case len(a.Fault.regions()) > 0:
		return "nodes"
	}
	return "links"
}

func (r *Report) bands() (bands []band) {
	for i, a := range r.Faults {
		bands = append(bands, band{r.x(a.Begin), max(r.x(a.End)-r.x(a.Begin), 1), a.lane(), r.says(i)})
	}
	return bands
}

func (r *Report) says(i int) string {
	a := r.Faults[i]
	return fmt.Sprintf("%d: %s%s, %s to %s", i+1, a.Text, naming(a.Nodes, a.Fault.Places), r.Clock(a.Begin), r.Clock(a.End))
}

// chips puts each fault into the first row of its lane in which nothing else is shown. Of many faults only those that
// last show their number; what the pointer rests on tells of the others.
func (r *Report) chips() (chips []chip, rows int) {
	var ends []float64
	lanes := []string{}
	for i, a := range r.Faults {
		number := strconv.Itoa(i + 1)
		x, w, room := r.x(a.Begin), r.x(a.End)-r.x(a.Begin), float64(4+7*len(number))
		switch {
		case len(r.Faults) <= numbered:
			w = max(w, room)
		case w < room:
			w, number = max(w, 3), ""
		}
		n := slices.IndexFunc(ends, func(end float64) bool { return end < x })
		for n >= 0 && lanes[n] != a.lane() {
			next := slices.IndexFunc(ends[n+1:], func(end float64) bool { return end < x })
			if next < 0 {
				n = -1
				break
			}
			n += next + 1
		}
		if n < 0 {
			ends, lanes, n = append(ends, 0), append(lanes, a.lane()), len(ends)
		}
		ends[n] = x + w
		chips = append(chips, chip{x, w, margin + n*strip, number, a.lane(), r.says(i)})
	}
	return chips, len(ends)
}

// timeline shows each client's calls, and the Regions' times without a leader, under the faults.
func (r *Report) timeline() picture {
	p := picture{
		ID: "timeline", Title: "Calls of each client over time, with the faults shaded",
		Desc: fmt.Sprintf("%d clients' calls and %d faults; the tables below hold the same figures.", len(r.activity), len(r.Faults)),
	}
	p.Bands = r.bands()
	var rows int
	p.Chips, rows = r.chips()
	y := margin + rows*strip + margin
	p.Top = y
	for _, a := range r.activity {
		p.Rows = append(p.Rows, clientRow(a, y))
		y += rowStep
	}
	for _, region := range r.Shape.Regions {
		p.Rows = append(p.Rows, r.leadlessRow(region, y))
		y += rowStep
	}
	p.Bottom = y
	p.Ticks = r.ticks(y + 16)
	p.Width, p.Height = gutter+plot+right, y+24
	return p
}

// clientRow draws a piece of time as a stroke: what succeeded, above it what was refused, and what is unknown as a
// stroke of the whole height.
func clientRow(a activity, y int) row {
	var ok, refused, unknown strings.Builder
	for i := range columns {
		x, base := gutter+2*i+1, float64(y+bar)
		if n := a.unknown[i]; n > 0 {
			fmt.Fprintf(&unknown, "M%d %dV%d", x, y+bar, y)
			continue
		}
		unit := float64(bar) / float64(a.most)
		if n := a.ok[i]; n > 0 {
			top := base - unit*float64(n)
			fmt.Fprintf(&ok, "M%d %.1fV%.1f", x, base, top)
			base = top
		}
		if n := a.refused[i]; n > 0 {
			fmt.Fprintf(&refused, "M%d %.1fV%.1f", x, base, base-unit*float64(n))
		}
	}
	return row{y, a.client, ok.String(), refused.String(), unknown.String()}
}

// leadlessRow marks the samples at which a Region had no leader.
func (r *Report) leadlessRow(region string, y int) row {
	var out strings.Builder
	for i, s := range r.Samples {
		if !slices.Contains(s.Silent, region) || s.At < r.LoadBegin {
			continue
		}
		end := s.At
		if i+1 < len(r.Samples) {
			end = r.Samples[i+1].At
		}
		for x := r.x(s.At); x <= r.x(end); x += 2 {
			fmt.Fprintf(&out, "M%.0f %dV%d", x, y+bar, y+bar/2)
		}
	}
	return row{Y: y, Name: "no leader: " + region, Unknown: out.String()}
}

// ticks are marks of time.
func (r *Report) ticks(y int) (ticks []tick) {
	span := time.Duration(r.End - r.LoadBegin)
	every := time.Second
	for _, d := range []time.Duration{5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 10 * time.Minute, time.Hour} {
		if span/every > 15 {
			every = d
		}
	}
	for at := time.Duration(0); at <= span; at += every {
		ticks = append(ticks, tick{r.x(r.LoadBegin + int64(at)), y, at.String()})
	}
	return ticks
}

// lagPictures plot what each Region owes the others.
func (r *Report) lagPictures() []picture {
	return []picture{
		r.plotLag("lag-keys", "Keys that one Region still owes another word of", "keys", func(l control.Lag) float64 { return float64(l.PendingKeys) }),
		r.plotLag("lag-age", "Age of the oldest word that one Region owes another", "s", func(l control.Lag) float64 { return float64(l.OldestMillis) / 1000 }),
	}
}

func (r *Report) plotLag(id, title, unit string, value func(control.Lag) float64) picture {
	most, series := 0.0, map[string]*strings.Builder{}
	for _, s := range r.Samples {
		for _, l := range s.Lags {
			most = max(most, value(l))
		}
	}
	for _, s := range r.Samples {
		if s.At < r.LoadBegin {
			continue
		}
		for _, l := range s.Lags {
			name := l.From + " → " + l.To
			if series[name] == nil {
				series[name] = &strings.Builder{}
			}
			fmt.Fprintf(series[name], "%.1f,%.1f ", r.x(s.At), margin+chart*(1-value(l)/max(most, 1)))
		}
	}
	p := picture{
		ID: id, Title: title, Desc: fmt.Sprintf("The most was %.4g %s.", most, unit),
		Width: gutter + plot + margin, Height: margin + chart + 30, Top: margin, Bottom: margin + chart,
		Bands: r.bands(), Ticks: r.ticks(margin + chart + 16),
	}
	p.Rows = []row{{Y: margin - 6, Name: fmt.Sprintf("%.4g %s", max(most, 1), unit)}, {Y: margin + chart - bar, Name: "0"}}
	for i, name := range slices.Sorted(maps.Keys(series)) {
		p.Lines = append(p.Lines, line{name, fmt.Sprintf("s%d", i%6), series[name].String()})
	}
	p.Legend = p.Lines
	return p
}
