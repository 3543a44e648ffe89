package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"meridian/keyengine/kmsapi"
)

func open(t testing.TB, change func(*Config)) *Log {
	t.Helper()
	c := testConfig()
	c.Dir = t.TempDir()
	change(&c)
	l, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func numbered(n int) Call {
	call := callOf(user())
	call.RequestID = fmt.Sprint(n)
	return Call{Operation: operation("ListKeys"), Call: call, Input: &kmsapi.ListKeysRequest{}}
}

func read(t testing.TB, r *Reader) (records []*Record) {
	t.Helper()
	if err := r.Read(func(r *Record) error {
		records = append(records, r)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return records
}

// TestAReaderSeesEachRecordOnce follows a log through many files, and reads it whole afterwards.
func TestAReaderSeesEachRecordOnce(t *testing.T) {
	l := open(t, func(c *Config) { c.MaxFile, c.MaxFiles = 4000, 1000 })
	const calls = 300
	follower := NewReader(l.config.Dir)
	defer follower.Close()
	var seen []*Record
	for i := range calls {
		l.Note(numbered(i))
		if i%7 == 0 {
			seen = append(seen, read(t, follower)...)
		}
	}
	l.Close()
	seen = append(seen, read(t, follower)...)
	fresh := NewReader(l.config.Dir)
	defer fresh.Close()
	for how, records := range map[string][]*Record{"following": seen, "afterwards": read(t, fresh)} {
		if len(records) != calls {
			t.Fatalf("%s: %d records, want %d", how, len(records), calls)
		}
		for i, r := range records {
			if r.Event.RequestID != fmt.Sprint(i) {
				t.Fatalf("%s: record %d is of request %s", how, i, r.Event.RequestID)
			}
		}
	}
	if files, _ := numbers(l.config.Dir); len(files) < 10 {
		t.Errorf("all that is in %d files", len(files))
	}
}

// TestOldFilesGo keeps the newest files.
func TestOldFilesGo(t *testing.T) {
	l := open(t, func(c *Config) { c.MaxFile, c.MaxFiles = 2000, 3 })
	for i := range 100 {
		l.Note(numbered(i))
	}
	l.Close()
	files, _ := numbers(l.config.Dir)
	if len(files) > 3 || files[0] == 1 {
		t.Errorf("files are %v", files)
	}
	for _, n := range files {
		if info, err := os.Stat(filepath.Join(l.config.Dir, fileName(n))); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("file %d: %v, %v", n, info, err)
		}
	}
	r := NewReader(l.config.Dir)
	defer r.Close()
	if records := read(t, r); len(records) == 0 || records[len(records)-1].Event.RequestID != "99" {
		t.Errorf("the newest record is not there: %d records", len(records))
	}
}

// TestLossIsRecorded fills the queue while the writer is held up.
func TestLossIsRecorded(t *testing.T) {
	held, reached := make(chan struct{}), make(chan struct{})
	var once sync.Once
	l := open(t, func(c *Config) {
		c.Queue = 4
		newID := c.NewID
		c.NewID = func() string {
			once.Do(func() {
				close(reached)
				<-held
			})
			return newID()
		}
	})
	l.Note(numbered(0))
	<-reached // the writer has taken it
	for i := range 10 {
		l.Note(numbered(1 + i)) // never waits, or this test would
	}
	if l.Lost() != 6 {
		t.Errorf("%d lost, want 6: four have room", l.Lost())
	}
	close(held)
	l.Close()
	r := NewReader(l.config.Dir)
	defer r.Close()
	calls, lost := 0, ""
	for _, record := range read(t, r) {
		switch record.Event.Name {
		case "ListKeys":
			calls++
		case "AuditRecordsLost":
			lost += record.Line
		}
	}
	if calls != 5 || !strings.Contains(lost, `"serviceEventDetails":{"records":6}`) || l.Lost() != 0 {
		t.Errorf("%d calls are recorded, want 5; of the loss it says %q; %d not reported", calls, lost, l.Lost())
	}
}

// TestLargeRequestsDoNotPileUp bounds the memory of what waits.
func TestLargeRequestsDoNotPileUp(t *testing.T) {
	l := open(t, func(c *Config) { c.MaxQueued = 1 << 20 })
	c := numbered(1)
	c.Call.Raw.Body = make([]byte, 1<<20)
	l.Note(c)
	if l.Lost() != 1 {
		t.Error("a body of more than the limit went into the queue")
	}
}

// TestAfterACrash goes on after a line that a dying process left half written.
func TestAfterACrash(t *testing.T) {
	dir := t.TempDir()
	half := `{"eventName":"Encrypt","requestID":"half`
	if err := os.WriteFile(filepath.Join(dir, fileName(7)), []byte(half), 0o600); err != nil {
		t.Fatal(err)
	}
	l := open(t, func(c *Config) { c.Dir = dir })
	l.Note(numbered(1))
	l.Close()
	r := NewReader(dir)
	defer r.Close()
	if records := read(t, r); len(records) != 1 || records[0].Event.RequestID != "1" {
		t.Errorf("%d records", len(records))
	}
	l.Note(numbered(2)) // after the end: neither a panic nor a record
	if l.Lost() != 1 {
		t.Error("a call after Close is not counted")
	}
}

// TestAFolderThatCannotBeWritten counts, and records the count when it can.
func TestAFolderThatCannotBeWritten(t *testing.T) {
	c := testConfig()
	c.Dir = filepath.Join(t.TempDir(), "audit")
	f, err := openFiles(&c)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	f.file.Close() // what a failing disk looks like
	if f.write([]byte("{}\n")) {
		t.Error("a write to a closed file worked")
	}
	if !f.write([]byte("{}\n")) {
		t.Error("it did not open the file again")
	}
}

// FuzzReader reads files of any content: no panic, and no record that is not a whole line of JSON.
func FuzzReader(f *testing.F) {
	f.Add([]byte(`{"eventName":"Encrypt","resources":[{"ARN":"` + key1 + `"}]}` + "\n{}\nx\n{"))
	f.Add([]byte("\n\n\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, fileName(1)), b, 0o600); err != nil {
			t.Fatal(err)
		}
		r := NewReader(dir)
		defer r.Close()
		for _, record := range read(t, r) {
			if strings.Contains(record.Line, "\n") || !strings.Contains(string(b), record.Line+"\n") {
				t.Errorf("no line of the file: %q", record.Line)
			}
			record.About("k")
		}
	})
}
