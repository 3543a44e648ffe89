package check

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"testing"

	"meridian/cluster/history"
	"meridian/keyengine/kmsapi"
)

// TestAnOrderlyServicePasses judges histories of a service that does everything in one order.
func TestAnOrderlyServicePasses(t *testing.T) {
	for seed := range uint64(20) {
		h := newBook(seed).fill(1500)
		for _, v := range All(h, Options{}) {
			if !v.OK() {
				t.Fatalf("seed %d:\n%s", seed, v)
			}
			if v.Judge == "linearizable" && v.Checked < 1300 {
				t.Fatalf("seed %d: only %d calls judged", seed, v.Checked)
			}
		}
	}
}

// TestPlantedLies adds to an orderly history of many calls a few in which a broken cluster lies, and expects the judge
// to find them, and to show no more than them.
func TestPlantedLies(t *testing.T) {
	const us = "eu-west-1" // where nobody else lists anything
	key := func(ask history.Ask) history.Ask { ask.Key = "new"; return ask }
	make1 := call("x", us, "", "CreateKey", 1, 2, history.Ask{Description: "one"}, history.Answer{Key: "new", State: enabled, Material: "m1"})
	describe := func(start int64, a history.Answer) history.Entry {
		a.Key = "new"
		return call("y", us, "strong", "DescribeKey", start, start+1, key(history.Ask{}), a)
	}
	do := func(op string, start int64) history.Entry {
		return call("x", us, "", op, start, start+1, key(history.Ask{Description: "two"}), history.Answer{})
	}
	lost := do("UpdateKeyDescription", 3)
	lost.Outcome = history.Unknown
	dataKey := func(start int64, material string) history.Entry {
		return call("y", us, "strong", "GenerateDataKey", start, start+1, key(history.Ask{}), history.Answer{Key: "new", Material: material})
	}
	alias := func(op string, start int64) history.Entry {
		return call("x", us, "", op, start, start+1, history.Ask{Alias: "alias/new", Target: "new"}, history.Answer{})
	}
	grant := history.Answer{Grant: "g"}
	replica := func(op string, start int64, code string) history.Entry {
		e := call("y", us, "strong", op, start, start+1, history.Ask{Key: "mrk-new"}, history.Answer{Key: "mrk-new", State: enabled, MultiRegion: true})
		if code != "" {
			e.Outcome, e.Code, e.Answer = history.Fault, code, history.Answer{}
		}
		return e
	}
	one, two := history.Answer{State: enabled, Description: "one", Material: "m1"}, history.Answer{State: enabled, Description: "two", Material: "m1"}
	for _, lie := range []struct {
		name  string
		calls []history.Entry
		found bool
	}{
		{"a read of what had been written over", []history.Entry{make1, do("UpdateKeyDescription", 3), describe(5, one)}, true},
		{"a read of what may have been written over", []history.Entry{make1, lost, describe(5, one), describe(7, two)}, false},
		{"a lost write that appears and goes", []history.Entry{make1, lost, describe(5, two), describe(7, one)}, true},
		{"an acknowledged write that is lost", []history.Entry{make1, do("DisableKey", 3), describe(5, one)}, true},
		{"encryption under a disabled key", []history.Entry{make1, do("DisableKey", 3), dataKey(5, "m1")}, true},
		{"a data key under material that was put aside", []history.Entry{make1, do("RotateKeyOnDemand", 3), dataKey(5, "m1")}, true},
		{"a rotation that is undone", []history.Entry{make1, do("RotateKeyOnDemand", 3), dataKey(5, "m2"), dataKey(7, "m1")}, true},
		{"an alias made twice", []history.Entry{alias("CreateAlias", 3), alias("CreateAlias", 5)}, true},
		{"an alias made, deleted and made", []history.Entry{alias("CreateAlias", 3), alias("DeleteAlias", 5), alias("CreateAlias", 7)}, false},
		{"a revoked grant that is listed", []history.Entry{
			call("x", us, "", "CreateGrant", 3, 4, key(history.Ask{}), grant),
			call("x", us, "", "RevokeGrant", 5, 6, key(history.Ask{Grant: "g"}), history.Answer{}),
			call("y", us, "strong", "ListGrants", 7, 8, key(history.Ask{}), history.Answer{Grants: []string{"g"}}),
		}, true},
		{"a replica that is not there, then is", []history.Entry{replica("ScheduleKeyDeletion", 3, kmsapi.NotFoundException), replica("DescribeKey", 5, "")}, false},
		{"a replica that is deleted and made anew", []history.Entry{
			replica("DescribeKey", 3, ""), replica("ScheduleKeyDeletion", 5, ""), replica("DescribeKey", 7, kmsapi.NotFoundException), replica("DescribeKey", 9, ""),
		}, false},
		{"a replica that nobody deletes and that is gone", []history.Entry{replica("DescribeKey", 3, ""), replica("DescribeKey", 5, kmsapi.NotFoundException)}, true},
		{"a replica whose deletion was cancelled and that is gone", []history.Entry{
			replica("ScheduleKeyDeletion", 3, ""), replica("CancelKeyDeletion", 5, ""), replica("DescribeKey", 7, kmsapi.NotFoundException),
		}, true},
	} {
		t.Run(lie.name, func(t *testing.T) {
			h := newBook(7).fill(500)
			for _, e := range lie.calls { // in the middle of it
				e.Start, e.End = e.Start*100+20_000, e.End*100+20_000
				h.Entries = append(h.Entries, e)
			}
			slices.SortStableFunc(h.Entries, func(x, y history.Entry) int { return cmp.Compare(x.End, y.End) })
			v := Linearizable(h, Options{})
			if lie.found != (v.Violation != "") {
				t.Fatalf("violation %q", v.Violation)
			}
			if len(v.Example) > len(lie.calls) {
				t.Errorf("an example of %d calls:\n%s", len(v.Example), v)
			}
		})
	}
}

// story is a history of a few calls, a line each: client, Region, level, operation, start, end.
func story(entries ...history.Entry) *history.History {
	return &history.History{Header: history.Header{Format: 1}, Entries: entries}
}

func call(client, region, level, op string, start, end int64, ask history.Ask, answer history.Answer) history.Entry {
	return history.Entry{
		Client: client, Region: region, Level: level, Operation: op, Start: start, End: end, Outcome: history.OK, Ask: ask, Answer: answer,
	}
}

// place is a call with the session token that it sent, and the one that it was given.
func place(e history.Entry, sent, given string) history.Entry {
	e.After, e.Session = sent, given
	return e
}

// TestSmallStories holds each judge against a history that is right and one that is not.
func TestSmallStories(t *testing.T) {
	const us, eu = "us-east-1", "eu-west-1"
	make1 := call("a", us, "", "CreateKey", 1, 2, history.Ask{Description: "one"}, history.Answer{Key: "k", State: enabled})
	write2 := call("a", us, "", "UpdateKeyDescription", 3, 4, history.Ask{Key: "k", Description: "two"}, history.Answer{})
	read := func(client, level string, start int64, text string) history.Entry {
		return call(client, us, level, "DescribeKey", start, start+1, history.Ask{Key: "k"}, history.Answer{Key: "k", State: enabled, Description: text})
	}
	encrypt := call("a", us, "", "Encrypt", 5, 6, history.Ask{Key: "k", Plain: "p"}, history.Answer{Key: "k", Blob: "b"})
	decrypt := call("b", eu, "", "Decrypt", 7, 8, history.Ask{Blob: "b"}, history.Answer{Key: "k", Plain: "p"})
	other, unrecognised := decrypt, decrypt
	other.Answer.Plain = "q"
	unrecognised.Outcome, unrecognised.Code = history.Fault, "InvalidCiphertextException"
	member := func(region, primary string, at int64) history.Entry {
		return call("a", region, "", "DescribeKey", at, at+1, history.Ask{Key: "m"},
			history.Answer{Key: "m", State: enabled, MultiRegion: true, Primary: primary, Replicas: []string{eu}})
	}
	quiet := func(h *history.History) *history.History {
		h.Marks = append(h.Marks, history.Mark{Text: history.Quiet, At: 10})
		return h
	}
	updating := member(us, us, 11)
	updating.Answer.State = "Updating"

	for _, c := range []struct {
		name  string
		judge func(*history.History) Verdict
		h     *history.History
		want  string // part of the violation; empty: none
	}{
		{"a client reads its own write", Sessions, story(make1, write2, read("a", "session", 5, "two")), ""},
		{"a client misses its own write", Sessions, story(make1, write2, read("a", "session", 5, "one")), "newer description"},
		{"another client may miss it in a session", Sessions, story(make1, write2, read("b", "session", 5, "one")), ""},
		{"a client goes back in time", Sessions, story(make1, write2, read("b", "session", 5, "two"), read("b", "session", 7, "one")), "newer description"},
		{"another client may not miss it with its token", Sessions, story(make1, place(write2, "", "us-east-1.1.2"), place(read("b", "session", 5, "one"), "us-east-1.1.2", "")), "session token"},
		{"nor at a later place", Sessions, story(make1, place(write2, "", "us-east-1.1.2"), place(read("b", "eventual", 5, "one"), "us-east-1.1.7", "")), "session token"},
		{"it may with an older token", Sessions, story(make1, place(write2, "", "us-east-1.1.2"), place(read("b", "session", 5, "one"), "us-east-1.1.1", "")), ""},
		{"and with a token of another life", Sessions, story(make1, place(write2, "", "us-east-1.1.2"), place(read("b", "session", 5, "one"), "us-east-1.2.9", "")), ""},
		{"and while the write is under way", Sessions, story(make1, place(write2, "", "us-east-1.1.2"), place(read("b", "session", 3, "one"), "us-east-1.1.9", "")), ""},
		{"eventual promises no session", Sessions, story(make1, write2, read("a", "eventual", 5, "one")), ""},
		{"default misses an acknowledged write", Fresh, story(make1, write2, read("b", "", 5, "one")), "at least 1ns old"},
		{"a write under way may be missed", Fresh, story(make1, write2, read("b", "", 3, "one")), ""},
		{"bounded is within its bound", Fresh, story(make1, write2, read("b", "bounded=1", 1_000_004, "one")), ""},
		{"bounded is beyond its bound", Fresh, story(make1, write2, read("b", "bounded=1", 1_000_005, "one")), "bounded=1"},
		{"eventual tells what was", Fresh, story(make1, write2, read("b", "eventual", 9_000_000_000, "one")), ""},
		{"eventual tells what never was", Fresh, story(make1, write2, read("b", "eventual", 5, "three")), "nobody had written"},
		{"eventual tells what is to come", Fresh, story(make1, read("b", "eventual", 1, "two"), write2), "nobody had written"},
		{"of an older key anything may be told", Fresh, story(write2, read("b", "eventual", 5, "three")), ""},
		{"eventual is measured", Fresh, story(make1, write2, read("b", "eventual", 5_000_000, "one")), ""},
		{"decrypts elsewhere", Decrypts, story(encrypt, decrypt), ""},
		{"decrypts to something else", Decrypts, story(encrypt, other), "something else"},
		{"is not recognised", Decrypts, story(encrypt, unrecognised), "not recognised"},
		{"Regions agree", Converged, quiet(story(member(us, us, 11), member(eu, us, 12))), ""},
		{"Regions disagreed before", Converged, quiet(story(member(us, us, 5), member(eu, eu, 11))), ""},
		{"Regions disagree", Converged, quiet(story(member(us, us, 11), member(eu, eu, 12))), "different things"},
		{"a move that never ends", Converged, quiet(story(updating)), "still Updating"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := c.judge(c.h)
			if (v.Violation == "") != (c.want == "") || !strings.Contains(v.Violation, c.want) {
				t.Errorf("violation %q, want %q", v.Violation, c.want)
			}
		})
	}
	if v := Fresh(story(make1, write2, read("b", "eventual", 5_000_004, "one"))); !strings.Contains(strings.Join(v.Notes, " "), "oldest 5ms") {
		t.Errorf("staleness not told: %q", v.Notes)
	}
}

// TestPicture draws the object that is wrong.
func TestPicture(t *testing.T) {
	h := newBook(3).fill(300)
	var page bytes.Buffer
	shown, err := Picture(&page, h, Options{})
	if err != nil || shown == "" || !strings.Contains(page.String(), "<html") {
		t.Fatalf("shown %q, %d bytes, %v", shown, page.Len(), err)
	}
	if _, err := Picture(&page, story(), Options{}); err == nil {
		t.Error("a picture of nothing")
	}
}

// BenchmarkLinearizable judges a history of a hundred thousand calls.
func BenchmarkLinearizable(b *testing.B) {
	h := newBook(1).fill(20_000)
	for b.Loop() {
		if v := Linearizable(h, Options{}); !v.OK() {
			b.Fatal(v)
		}
	}
}
