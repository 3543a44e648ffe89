package keyengine_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"meridian/eventlog/codec"
	"meridian/keyengine"
	"meridian/keyengine/canonical"
	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
)

// TestScenarios runs the text files of testdata. Each is one world:
//
//	regions us-east-1 eu-west-1         begins it
//	do us-east-1 [as=444455556666] [show]   one call a line: operation and JSON; show prints the replies
//	record from=us-east-1 to=eu-west-1 key=$k1 [bare]   carries the family's record, bare without secrets
//	status from=eu-west-1 to=us-east-1 key=$k1          carries a member's status
//	settle                              carries all that is owed until nothing changes
//	wait 7d                             lets Region time pass; nothing happens by itself
//	due us-east-1                       does what is due
//	advance us-east-1 7d                sets the offset of that Region's time alone
//	next us-east-1                      shows what waits for its time
//	managed us-east-1 alias/aws/s3      makes the key of a predefined alias
//	used us-east-1                      reports uses, one a line: key, operation, how long ago, request id
//	see us-east-1 k/                    shows the rows that begin so
//
// After each step the indexes, the secrets and a replay of the log are compared with the state.
// Texts are shown as $k1 (key id), $m1 (material id), $marker and $defaultPolicy. Rewrite with -args -rewrite, and read the
// difference.
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata/scenarios", func(t *testing.T, path string) {
		s := &scenario{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			out := s.run(t, d)
			if s.w != nil {
				s.w.check(t)
			}
			return s.w.shorten(out)
		})
	})
}

type scenario struct{ w *world }

func (s *scenario) run(t *testing.T, d *datadriven.TestData) string {
	arg := func(i int) string {
		if i >= len(d.CmdArgs) {
			d.Fatalf(t, "too few arguments")
		}
		return d.CmdArgs[i].Key
	}
	switch d.Cmd {
	case "regions":
		var names []string
		for _, a := range d.CmdArgs {
			names = append(names, a.Key)
		}
		s.w = newWorld(names...)
		return ""
	case "do":
		return s.do(t, d, s.site(t, d, arg(0)))
	case "record", "status":
		return s.carry(t, d)
	case "settle":
		s.w.settle(t)
		return ""
	case "wait":
		s.w.now += duration(t, d, arg(0))
		return ""
	case "due":
		events, err := s.w.runDue(s.site(t, d, arg(0)))
		return s.happened(t, events, err)
	case "advance":
		dec, err := s.w.decide(s.site(t, d, arg(0)), "", keyengine.AdvanceClock{Offset: duration(t, d, arg(1))})
		return s.happened(t, dec.Events, err)
	case "next":
		return s.next(s.site(t, d, arg(0)))
	case "managed":
		dec, err := s.w.makeManaged(s.site(t, d, arg(0)), arg(1))
		return s.happened(t, dec.Events, err)
	case "used":
		return s.used(t, d, s.site(t, d, arg(0)))
	case "see":
		return s.see(t, s.site(t, d, arg(0)), arg(1))
	}
	d.Fatalf(t, "no command %s", d.Cmd)
	return ""
}

func (s *scenario) site(t *testing.T, d *datadriven.TestData, name string) *site {
	if s.w == nil || s.w.sites[name] == nil {
		d.Fatalf(t, "no region %s", name)
	}
	return s.w.sites[name]
}

func duration(t *testing.T, d *datadriven.TestData, text string) int64 {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
		return int64(n) * day
	}
	length, err := time.ParseDuration(text)
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	return length.Milliseconds()
}

// do makes the calls of the input's lines.
func (s *scenario) do(t *testing.T, d *datadriven.TestData, at *site) string {
	acct := account
	d.MaybeScanArgs(t, "as", &acct)
	var out strings.Builder
	for line := range strings.Lines(d.Input) {
		op, body, _ := strings.Cut(strings.TrimSpace(line), " ")
		if body == "" {
			body = "{}"
		}
		reply, events, err := s.w.call(at, acct, op, s.w.expand(body))
		var f *kmsapi.Fault
		switch {
		case errors.As(err, &f):
			fmt.Fprintf(&out, "%s\n", f.Error())
			continue
		case err != nil:
			d.Fatalf(t, "%s: %v", line, err)
		case d.HasArg("show") && reply != nil:
			fmt.Fprintf(&out, "%s\n", s.reply(t, reply))
		default:
			fmt.Fprintln(&out, "ok")
		}
		out.WriteString(s.happened(t, events, nil))
	}
	return out.String()
}

// reply shows a reply, and remembers the marker in it as $marker.
func (s *scenario) reply(t *testing.T, reply any) string {
	if u, ok := reply.(*keyengine.Usable); ok {
		return fmt.Sprintf("uses %s with %s, current of %d", u.ARN, u.Current, len(u.Held))
	}
	text := asJSON(t, reply)
	if _, rest, ok := strings.Cut(text, `"NextMarker":"`); ok {
		s.w.names["$marker"], _, _ = strings.Cut(rest, `"`)
		text = strings.ReplaceAll(text, s.w.names["$marker"], "$marker")
	}
	return text
}

func (s *scenario) carry(t *testing.T, d *datadriven.TestData) string {
	var from, to, key string
	d.ScanArgs(t, "from", &from)
	d.ScanArgs(t, "to", &to)
	d.ScanArgs(t, "key", &key)
	ref := keyengine.Ref{Account: account, KeyID: s.w.expand(key)}
	if d.Cmd == "status" {
		events, err := s.w.sendStatus(s.site(t, d, from), s.site(t, d, to), ref)
		return s.happened(t, events, err)
	}
	events, err := s.w.sendRecord(s.site(t, d, from), s.site(t, d, to), ref, !d.HasArg("bare"))
	return s.happened(t, events, err)
}

// happened shows events: those of this Region in full, those of the protocol by name and version.
func (s *scenario) happened(t *testing.T, events []keyengine.Event, err error) string {
	if err != nil {
		return err.Error() + "\n"
	}
	var out strings.Builder
	for _, e := range events {
		name, _, content, err := codec.Describe(codec.Encode(e))
		if err != nil {
			t.Fatal(err)
		}
		if fe, ok := e.(keyengine.FamilyEvent); ok {
			content = nil
			if r, ok := family.WrittenRecord(fe.Event); ok {
				content = fmt.Append(nil, r.Version)
			}
		}
		fmt.Fprintln(&out, strings.TrimRight(fmt.Sprintf("  + %s %s", name, content), " "))
	}
	return out.String()
}

// see shows the keys of rows, and the values of those that are short.
func (s *scenario) see(t *testing.T, at *site, prefix string) string {
	var out strings.Builder
	for k, v := range at.rows.Scan([]byte(s.w.expand(prefix)), nil) {
		fmt.Fprintf(&out, "%q", k)
		switch {
		case strings.HasPrefix(prefix, "a/") && len(v) > 0:
			var a keyengine.Alias
			if err := canonical.Unmarshal(v, &a); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&out, " %s", a.KeyID)
		case strings.HasPrefix(prefix, "c/"):
			fmt.Fprintf(&out, " %x", v)
		}
		out.WriteString("\n")
	}
	return out.String()
}

// next shows the Region's clock offset and what waits, from now.
func (s *scenario) next(at *site) string {
	var out strings.Builder
	fmt.Fprintf(&out, "offset %v\n", time.Duration(at.view().ClockOffset())*time.Millisecond)
	for w := range at.view().Waiting(s.w.time(at)) {
		fmt.Fprintf(&out, "in %v: %s of %s\n", time.Duration(w.At-s.w.time(at))*time.Millisecond, w.What, w.Ref.KeyID)
	}
	return out.String()
}
