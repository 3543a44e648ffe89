package cluster

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meridian/cluster/history"
	"meridian/region/awsjson"
)

// asks is a request of a caller.
func asks(addr, operation, accessKey string, header ...string) *http.Request {
	r := &http.Request{RemoteAddr: addr, Header: http.Header{}, URL: &url.URL{Path: "/"}}
	r.Header.Set("X-Amz-Target", "TrentService."+operation)
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+accessKey+"/20260101/us-east-1/kms/aws4_request, SignedHeaders=host, Signature=0")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func record(t *testing.T, tp *tape, maxBytes int64) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "run.jsonl")
	tp.obey(recordOrder{recordFormat, file, maxBytes}, "cluster")
	if s := tp.state(); s == nil || s.Error != "" || s.File != file {
		t.Fatalf("%+v", s)
	}
	return file
}

func recorded(t *testing.T, file string) *history.History {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	h, err := history.Read(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestTapeExplainsItself: calls that are on their way at its beginning and end are in a history, and so is that the
// repetition of a call may be answered with what its first attempt did.
func TestTapeExplainsItself(t *testing.T) {
	tp := newTape()
	body := []byte(`{"KeyId":"k","Description":"d"}`)
	before := tp.begin(asks("a", "UpdateKeyDescription", "test"), "us-east-1", body)
	file := record(t, tp, 1<<20)
	tp.end(before, 200, http.Header{}, nil)
	first := tp.begin(asks("a", "DisableKey", "test", invocationHeader, "i1"), "us-east-1", body)
	tp.end(first, 500, http.Header{}, []byte(`{"__type":"KMSInternalException"}`))
	between := tp.begin(asks("b", "DescribeKey", "test", "X-Meridian-Consistency", "session"), "us-east-1", body)
	tp.end(between, 200, http.Header{}, []byte(`{}`))
	again := tp.begin(asks("b", "DisableKey", "test", invocationHeader, "i1"), "us-east-1", body)
	tp.end(again, 200, http.Header{}, nil)
	if tp.begin(asks("a", "NoSuchOperation", "test"), "us-east-1", body) != nil {
		t.Error("a call of no operation is on its way")
	}
	open := tp.begin(asks("c", "EnableKey", "AKIAOTHER", invocationHeader, "i2"), "eu-west-1", body)
	tp.obey(recordOrder{}, "cluster")
	tp.end(open, 200, http.Header{}, nil)
	if tp.state() != nil {
		t.Errorf("still recording: %+v", tp.state())
	}

	h := recorded(t, file)
	var got []string
	for _, e := range h.Entries {
		got = append(got, e.Client+" "+e.Operation+" "+string(e.Outcome))
	}
	want := "c1 UpdateKeyDescription ok, c1 DisableKey unknown, c2/3 DescribeKey ok, c2 DisableKey ok, c3 EnableKey unknown"
	if strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
	}
	if e := h.Entries[0]; e.Start != 0 {
		t.Errorf("what was on its way at the beginning began at %d", e.Start)
	}
	if attempt, repeat := h.Entries[1], h.Entries[3]; repeat.Start > attempt.End {
		t.Errorf("a repetition begins at %d, when its first attempt had ended at %d", repeat.Start, attempt.End)
	}
	if len(h.Marks) != 1 || h.Marks[0].Text != markEnd || h.Header.Cluster != "cluster" {
		t.Errorf("%+v %+v", h.Header, h.Marks)
	}
}

// TestTapeIsBounded: it ends by itself, and says so; the next front door goes on in another file.
func TestTapeIsBounded(t *testing.T) {
	tp := newTape()
	file := record(t, tp, 4096)
	for range 200 {
		tp.end(tp.begin(asks("a", "DescribeKey", "test"), "us-east-1", []byte(`{"KeyId":"k"}`)), 200, http.Header{}, []byte(`{}`))
	}
	s := tp.state()
	if !s.Full || s.Calls >= 200 || s.Bytes < 4096 || s.Bytes > 8192 {
		t.Errorf("%+v", s)
	}
	if h := recorded(t, file); len(h.Entries) != int(s.Calls) || h.Marks[len(h.Marks)-1].Text != markFull {
		t.Errorf("%d calls, %+v", len(h.Entries), h.Marks)
	}
	next := newTape()
	next.obey(recordOrder{recordFormat, file, 4096}, "cluster")
	if s := next.state(); s.File != file+".2" || s.Error != "" {
		t.Errorf("%+v", s)
	}
	next.obey(recordOrder{}, "cluster")
	next.obey(recordOrder{recordFormat, filepath.Join(t.TempDir(), "no", "such", "folder"), 4096}, "cluster")
	if s := next.state(); s.Error == "" {
		t.Errorf("a file that cannot be: %+v", s)
	}
}

// TestTapeKnowsAccounts: what an answer said of a caller is remembered for calls that have none.
func TestTapeKnowsAccounts(t *testing.T) {
	tp := newTape()
	file := record(t, tp, 1<<20)
	answered := http.Header{awsjson.AccountHeader: {"111122223333"}}
	tp.end(tp.begin(asks("a", "CreateAlias", "AKIAALICE"), "us-east-1", []byte(`{}`)), 200, answered, nil)
	tp.end(tp.begin(asks("a", "DeleteAlias", "AKIAALICE"), "us-east-1", []byte(`{}`)), 0, http.Header{}, nil)
	tp.end(tp.begin(asks("a", "CreateAlias", "test"), "us-east-1", []byte(`{}`)), 200, http.Header{awsjson.AccountHeader: {"000000000000"}}, nil)
	tp.obey(recordOrder{}, "cluster")
	h := recorded(t, file)
	if h.Entries[0].Account != "111122223333" || h.Entries[1].Account != "111122223333" || h.Entries[2].Account != "" {
		t.Errorf("%+v", h.Entries)
	}
}

// FuzzParseRecordOrder: what is taken names a file and a size.
func FuzzParseRecordOrder(f *testing.F) {
	f.Add([]byte(`{"format":1,"file":"/tmp/run.jsonl","maxBytes":100}`))
	f.Add([]byte(`{"format":2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := parseRecordOrder(b)
		if (err == nil) != (filepath.IsAbs(o.File) && o.MaxBytes > 0 && o.Format == recordFormat) {
			t.Errorf("%+v, %v", o, err)
		}
	})
}
