package history

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"meridian/keyengine/kmsapi"
)

// MaxBytes is how long a history may become. After that, a recorder stops and Close says so.
const MaxBytes = 4 << 30

// A Recorder writes a history.
type Recorder struct {
	began  time.Time
	digest digest

	mu      sync.Mutex
	w       *bufio.Writer
	written int64
	err     error // the first; nothing is written after it
}

// NewRecorder begins a history. Close ends it; w stays open.
func NewRecorder(w io.Writer, h Header) (*Recorder, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("begin a history: %w", err)
	}
	r := &Recorder{began: time.Now(), digest: key, w: bufio.NewWriterSize(w, 64<<10)}
	h.Format = Format
	r.write(h)
	return r, r.err
}

// Now is the time of the history: nanoseconds since it began.
func (r *Recorder) Now() int64 { return time.Since(r.began).Nanoseconds() }

// Mark notes something beside the calls.
func (r *Recorder) Mark(text string) { r.write(Mark{Text: text, At: r.Now()}) }

// Add notes a call.
func (r *Recorder) Add(e Entry) { r.write(e) }

// write appends a line. An error stays for Close: a client's call must not fail because its record did.
func (r *Recorder) write(v any) {
	text, err := json.Marshal(v)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.err != nil:
		return
	case err == nil && r.written+int64(len(text)) > MaxBytes:
		err = fmt.Errorf("the history is longer than %d bytes: what came later is missing", int64(MaxBytes))
	}
	if err == nil {
		r.written += int64(len(text)) + 1
		_, err = r.w.Write(append(text, '\n'))
	}
	r.err = err
}

// Close writes out what is buffered and returns the first error of all writes.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.err, r.w.Flush())
}

// A Seen is a call as a server between client and service sees it.
type Seen struct {
	Client    string
	Account   string // of the caller; empty: not known
	Region    string
	Operation string
	Start     int64 // Now when it came
	Request   http.Header
	Body      []byte
	Status    int // of the answer; 0: there was none
	Header    http.Header
	Answer    []byte
}

// Observe notes a call that passed through a server, and says what its caller knows of it.
func (r *Recorder) Observe(s Seen) Outcome {
	e := Entry{
		Client: s.Client, Account: ofOthers(s.Account), Region: s.Region, Operation: s.Operation, Start: s.Start, End: r.Now(),
		Level: s.Request.Get("X-Meridian-Consistency"),
		Ask:   r.digest.ask(s.Operation, parse(s.Body)),
	}
	e.After = sent(s.Request)
	e.answeredWith(s.Header)
	switch {
	case s.Status == http.StatusOK:
		e.Outcome, e.Answer = OK, r.digest.answer(parse(s.Answer))
	case s.Status == 0:
		e.Outcome = Unknown
	default:
		e.Outcome, e.Code = outcome(s.Operation, s.Status, parse(s.Answer).text("__type"))
	}
	r.write(e)
	return e.Outcome
}

// ofOthers is the account of a caller, unless it is that of zeros.
func ofOthers(account string) string {
	if account == noAccount {
		return ""
	}
	return account
}

// noAccount is the account of those who say nothing about theirs.
const noAccount = "000000000000"

// Written is how many bytes the history has.
func (r *Recorder) Written() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.written
}

// Flush writes out what is buffered.
func (r *Recorder) Flush() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.err, r.w.Flush())
}

// outcome is what a caller knows after a fault. A 5xx may have been carried out, and so may a call that was
// throttled: an earlier attempt of it may have gone through.
func outcome(op string, status int, code string) (Outcome, string) {
	doubtful := status >= http.StatusInternalServerError || code == kmsapi.ThrottlingException
	if o, ok := kmsapi.Lookup(op); ok && o.Mutating() && doubtful || code == "" {
		return Unknown, code
	}
	return Fault, code
}
