package chaos

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"time"

	"meridian/cluster/check"
	"meridian/cluster/history"
)

//go:embed report.html
var pageText string

// page is what the template shows beside the report.
type page struct {
	*Report
	Timeline picture
	Lags     []picture
	Rows     []faultRow
	Doubtful []history.Entry
}

// A faultRow is a fault in the table of faults.
type faultRow struct {
	Number     int
	From, Till string
	Text       string
	Nodes      []string
	Error      string
	Late       string
}

// WriteHTML writes the report as one page that needs nothing else: no script, no font, no other file.
func (r *Report) WriteHTML(w io.Writer) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"word":    check.Verdict.Word,
		"counts":  func(caption string, list []Count) counts { return counts{caption, list} },
		"seconds": func(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) },
		"millis":  func(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) },
	}).Parse(pageText)
	if err != nil {
		return err
	}
	p := page{Report: r, Timeline: r.timeline(), Lags: r.lagPictures(), Doubtful: r.unknown}
	for i, a := range r.Faults {
		p.Rows = append(p.Rows, faultRow{i + 1, r.Clock(a.Begin), r.Clock(a.End), a.Text, a.Nodes, a.Error, a.Late})
	}
	return t.Execute(w, p)
}

// counts is a table of them.
type counts struct {
	Caption string
	Counts  []Count
}

// Clock says a time of the history in seconds since the load began.
func (r *Report) Clock(at int64) string { return fmt.Sprintf("%.2f s", float64(at-r.LoadBegin)/1e9) }
