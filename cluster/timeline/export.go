package timeline

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Formats are the names of the exports, for messages.
const Formats = "mermaid, json or shiviz"

// Export writes entries in a format of another program, each as it comes.
type Export struct {
	w       io.Writer
	write   func(*Export, *Entry) error
	regions []string
	begun   bool
	text    func(*Entry) string
}

// NewExport returns an Export in one of the Formats; false: there is none of that name. With keys, texts name the key.
func NewExport(w io.Writer, format string, regions []string, keys bool) (*Export, bool) {
	x := &Export{w: w, regions: regions, text: func(e *Entry) string { return e.Text }}
	if keys {
		x.text = func(e *Entry) string { return strings.TrimSpace(ShortKey(e.Key) + " " + e.Text) }
	}
	switch format {
	case "mermaid":
		x.write = (*Export).mermaid
	case "json":
		x.write = (*Export).json
	case "shiviz":
		x.write = (*Export).shiviz
	default:
		return nil, false
	}
	return x, true
}

// Add writes an entry.
func (x *Export) Add(e *Entry) error { return x.write(x, e) }

// json writes one object a line.
func (x *Export) json(e *Entry) error { return json.NewEncoder(x.w).Encode(e) }

// mermaid writes a sequence diagram, of statements that every version of Mermaid knows: participants with an alias,
// solid arrows, notes over one participant.
func (x *Export) mermaid(e *Entry) error {
	var b strings.Builder
	if !x.begun {
		x.begun = true
		b.WriteString("sequenceDiagram\n")
		for i, name := range x.regions {
			fmt.Fprintf(&b, "    participant R%d as %s\n", i+1, mermaidText(name))
		}
	}
	at, from := x.participant(e.Region), ""
	if e.From != nil {
		from = x.participant(e.From.Region)
	}
	if from != "" && from != at {
		fmt.Fprintf(&b, "    %s->>%s: %s\n", from, at, mermaidText(e.From.Message))
	}
	fmt.Fprintf(&b, "    Note over %s: %s\n", at, mermaidText(x.text(e)))
	_, err := io.WriteString(x.w, b.String())
	return err
}

func (x *Export) participant(region string) string {
	for i, name := range x.regions {
		if name == region {
			return fmt.Sprintf("R%d", i+1)
		}
	}
	return ""
}

// mermaidText writes what would end a statement as the number of its character, and the word that would end a block in
// brackets.
func mermaidText(s string) string {
	var b strings.Builder
	for _, r := range clean(s) {
		if strings.ContainsRune("#;<>{}%", r) {
			fmt.Fprintf(&b, "#%d;", r)
			continue
		}
		b.WriteRune(r)
	}
	words := strings.Split(b.String(), " ")
	for i, w := range words {
		if strings.EqualFold(w, "end") {
			words[i] = "(" + w + ")"
		}
	}
	return strings.Join(words, " ")
}

// shiviz writes the log that ShiViz reads with its own regular expression, (?<host>\S*) (?<clock>{.*})\n(?<event>.*):
// host and vector clock, then what happened.
func (x *Export) shiviz(e *Entry) error {
	clock, err := json.Marshal(e.Clock)
	if err != nil {
		return err
	}
	text := x.text(e)
	if e.From != nil {
		text += " (" + e.From.Message + " of " + e.From.Region + ")"
	}
	_, err = fmt.Fprintf(x.w, "%s %s\n%s\n", e.Region, clock, clean(text))
	return err
}
