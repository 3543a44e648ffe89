package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"meridian/cluster/history"
	"meridian/keyengine/kmsapi"
	"meridian/region/awsjson"
	"meridian/region/sts"
)

// Marks that a recording puts into its history.
const (
	markFull = "the record is as long as it may become: later calls are missing"
	markEnd  = "the record ends"
)

// maxRepeats bounds how many calls of unknown outcome, and how many access keys, a tape remembers.
const maxRepeats = 4096

// accessKeyPart is where in a credential's scope the access key stands, counted from the end.
const accessKeyPart = 5

// maxNames bounds the names that a file is tried under, when a front door goes on with a recording.
const maxNames = 100

// A Recording says what a front door records.
type Recording struct {
	File  string `json:"file"`
	Calls uint64 `json:"calls"`
	Bytes int64  `json:"bytes"`
	Full  bool   `json:"full,omitempty"`  // it is as long as it may become, and ended
	Error string `json:"error,omitempty"` // why nothing is recorded
}

// tape records the calls that pass a front door as a history, while it is told to. Calls that are on their way when it
// begins count from its beginning, those that are on their way when it ends have an unknown outcome: what was recorded
// explains itself.
type tape struct {
	mu      sync.Mutex
	flights map[*flight]struct{} // calls that are on their way, whether they are recorded or not
	clients map[string]string    // names of connections
	named   int                  // connections until now
	flown   int                  // calls until now
	known   map[string]string    // accounts of access keys, as answers said
	order   recordOrder          // that is obeyed
	now     Recording
	rec     *history.Recorder // nil: nothing is recorded
	file    *os.File
	// repeats has when calls of unknown outcome came, by their invocation: their repetition may be answered with what
	// they did. Two generations bound it.
	repeats, before map[string]time.Time
}

// flight is a call on its way.
type flight struct {
	seen       history.Seen
	came       time.Time
	invocation string
	accessKey  string
}

func newTape() *tape {
	return &tape{
		flights: map[*flight]struct{}{}, clients: map[string]string{}, known: map[string]string{},
		repeats: map[string]time.Time{}, before: map[string]time.Time{},
	}
}

// begin notes a call that comes; nil: it is none that a history is about.
func (t *tape) begin(r *http.Request, region string, body []byte) *flight {
	_, name, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if _, ok := kmsapi.Lookup(name); !ok || scopeService(r) == sts.Service {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	client := t.clients[r.RemoteAddr]
	if client == "" {
		t.named++
		client = fmt.Sprintf("c%d", t.named)
		t.clients[r.RemoteAddr] = client
	}
	t.flown++
	if r.Header.Get(awsjson.ConsistencyHeader) == "session" {
		client = fmt.Sprintf("%s/%d", client, t.flown) // several clients may share a connection: whose session it is is not known
	}
	f := &flight{came: time.Now(), invocation: r.Header.Get(invocationHeader), accessKey: scopePart(r, accessKeyPart), seen: history.Seen{
		Client: client, Region: region, Operation: name, Request: r.Header, Body: body,
	}}
	t.flights[f] = struct{}{}
	return f
}

// end notes how a call ended. Without a status nobody knows.
func (t *tape) end(f *flight, status int, header http.Header, answer []byte) {
	if f == nil {
		return
	}
	f.seen.Status, f.seen.Header, f.seen.Answer = status, header, answer
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.flights[f]; !ok {
		return
	}
	delete(t.flights, f)
	if account := header.Get(awsjson.AccountHeader); account != "" && status != 0 {
		if len(t.known) >= maxRepeats {
			clear(t.known)
		}
		t.known[f.accessKey] = account
	}
	t.write(f)
	if t.rec != nil && t.rec.Written() >= t.order.MaxBytes {
		t.now.Full = true
		t.close(markFull)
	}
}

// write puts a call into the history, if there is one.
func (t *tape) write(f *flight) {
	if t.rec == nil {
		return
	}
	t.now.Calls++
	f.seen.Account = t.known[f.accessKey] // of a call without an answer, it is what the answers before said
	came := f.came
	if first, ok := t.repeated(f.invocation); ok {
		came = first
	}
	now := t.rec.Now() // before the time that has passed is: it may seem to have come a little early, and never late
	f.seen.Start = max(now-time.Since(came).Nanoseconds(), 0)
	if t.rec.Observe(f.seen) == history.Unknown && f.invocation != "" {
		if len(t.repeats) >= maxRepeats {
			t.before, t.repeats = t.repeats, map[string]time.Time{}
		}
		t.repeats[f.invocation] = came
	}
	t.now.Bytes = t.rec.Written()
}

// repeated says when the first attempt of a call came whose outcome was unknown.
func (t *tape) repeated(invocation string) (time.Time, bool) {
	if at, ok := t.repeats[invocation]; ok {
		return at, true
	}
	at, ok := t.before[invocation]
	return at, ok
}

// obey records what it is told to record, from now on. The zero order ends a recording.
func (t *tape) obey(o recordOrder, cluster string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if o == t.order {
		if t.rec != nil && t.rec.Flush() != nil {
			t.now.Error = "the file cannot be written: see the front door's log"
		}
		return
	}
	t.close(markEnd)
	t.order, t.now = o, Recording{File: o.File}
	if o.File == "" {
		return
	}
	if err := t.open(o, cluster); err != nil {
		t.now.Error = err.Error()
	}
}

// open begins a file. One that is there already was begun by a front door that ended: the next one goes on in another.
func (t *tape) open(o recordOrder, cluster string) (err error) {
	name := o.File
	for n := 2; ; n++ {
		t.file, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if !errors.Is(err, fs.ErrExist) || n == maxNames {
			break
		}
		name = fmt.Sprintf("%s.%d", o.File, n)
	}
	if err != nil {
		return err
	}
	t.now.File = name
	t.rec, err = history.NewRecorder(t.file, history.Header{Cluster: cluster, About: "recorded at the front door"})
	return err
}

// close ends the file. What is on its way has an unknown outcome.
func (t *tape) close(mark string) {
	if t.rec == nil {
		return
	}
	for f := range t.flights {
		unheard := *f
		t.write(&unheard)
	}
	t.rec.Mark(mark)
	t.now.Bytes = t.rec.Written()
	if err := errors.Join(t.rec.Close(), t.file.Close()); err != nil {
		t.now.Error = err.Error()
	}
	t.rec, t.file = nil, nil
}

// forget forgets a connection that ended.
func (t *tape) forget(addr string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.clients, addr)
}

// state is what is recorded now; nil: nothing was asked for.
func (t *tape) state() *Recording {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.order == (recordOrder{}) {
		return nil
	}
	now := t.now
	return &now
}
