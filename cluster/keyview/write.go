package keyview

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// widest is the width of the widest column; longer values are cut.
const widest = 34

// mark stands before a property that differs.
const mark = "≠ "

// Write shows the comparison as a table. With only, properties that are the same everywhere are left out.
func (c *Comparison) Write(w io.Writer, only bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, "key %s\n", c.KeyID)
	table := []Row{{Name: "", Values: c.Heads}, {Name: "as of", Values: c.moments()}}
	for _, kind := range []string{Shared, Independent} {
		group := Row{Name: kind + c.count(kind)}
		table = append(table, group)
		for _, r := range c.Rows {
			if r.Kind == kind && (r.Differ || !only) {
				table = append(table, r)
			}
		}
	}
	layout(&b, table)
	for _, text := range c.Behind {
		fmt.Fprintf(&b, "%s\n", text)
	}
	for _, text := range c.Violations {
		fmt.Fprintf(&b, "VIOLATION: %s\n", text)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (c *Comparison) count(kind string) string {
	if n := c.Differing(kind); n > 0 {
		return fmt.Sprintf(" — %d differ", n)
	}
	return " — no difference"
}

func (c *Comparison) moments() (list []string) {
	for _, s := range c.States {
		text := fmt.Sprintf("seq %d", s.Seq)
		if _, at, ok := strings.Cut(s.Time, "T"); ok {
			text += ", " + strings.TrimSuffix(at, "Z")
		}
		if !s.Known {
			text += "\nknows no such key"
		}
		list = append(list, text)
	}
	return list
}

// layout writes rows in columns as wide as they need; a row without values is a headline.
func layout(b *strings.Builder, table []Row) {
	first, widths := 0, []int(nil)
	for _, r := range table {
		if len(r.Values) == 0 {
			continue
		}
		first = max(first, utf8.RuneCountInString(r.Name))
		for i, v := range r.Values {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			for line := range strings.SplitSeq(v, "\n") {
				widths[i] = max(widths[i], min(utf8.RuneCountInString(line), widest))
			}
		}
	}
	for _, r := range table {
		if len(r.Values) == 0 {
			fmt.Fprintf(b, "%s\n", r.Name)
			continue
		}
		r.write(b, first, widths)
	}
}

func (r *Row) write(b *strings.Builder, first int, widths []int) {
	cells, height := make([][]string, len(r.Values)), 1
	for i, v := range r.Values {
		if v == "" && r.Kind != "" {
			v = "-"
		}
		cells[i] = strings.Split(v, "\n")
		height = max(height, len(cells[i]))
	}
	for n := range height {
		line := strings.Repeat(" ", first+len([]rune(mark)))
		if n == 0 {
			line = "  " + pad(r.Name, first)
			if r.Differ {
				line = mark + pad(r.Name, first)
			}
		}
		for i := range cells {
			text := ""
			if n < len(cells[i]) {
				text = cells[i][n]
			}
			line += "  " + pad(cut(text), widths[i])
		}
		fmt.Fprintf(b, "%s\n", strings.TrimRight(line, " "))
	}
}

func cut(s string) string {
	if runes := []rune(s); len(runes) > widest {
		return string(slices.Concat(runes[:widest-1], []rune("…")))
	}
	return s
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}
