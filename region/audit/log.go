package audit

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Limits unless the Config says otherwise.
const (
	DefaultMaxFile   = 16 << 20 // bytes
	DefaultMaxFiles  = 8
	DefaultQueue     = 8192
	DefaultMaxQueued = 32 << 20 // bytes of requests
)

// Config is what a Log needs.
type Config struct {
	Dir    string // is made if it is not there
	Region string
	Node   string
	// NewID makes the id of an event.
	NewID func() string
	// Resolve finds the ARN of the key that a caller's account means by an identifier; empty: there is none. Nil: no
	// key is looked for but in answers.
	Resolve func(account, id string) string
	// Now is the Region time, ms since 1970, for what the Log records of itself.
	Now func() int64
	// Logger is told of files that cannot be written; nil discards.
	Logger *slog.Logger

	MaxFile   int64 // bytes of one file; 0: DefaultMaxFile
	MaxFiles  int   // 0: DefaultMaxFiles
	Queue     int   // calls that wait to be written; 0: DefaultQueue
	MaxQueued int64 // bytes of their bodies; 0: DefaultMaxQueued
}

func (c *Config) fill() {
	if c.MaxFile == 0 {
		c.MaxFile = DefaultMaxFile
	}
	if c.MaxFiles == 0 {
		c.MaxFiles = DefaultMaxFiles
	}
	if c.Queue == 0 {
		c.Queue = DefaultQueue
	}
	if c.MaxQueued == 0 {
		c.MaxQueued = DefaultMaxQueued
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = func() int64 { return time.Now().UnixMilli() }
	}
}

// A Log is the record that one node keeps. Open makes one.
type Log struct {
	config Config
	queue  chan noted
	held   atomic.Int64 // bytes of the requests in the queue
	lost   atomic.Int64 // records that were dropped and not reported yet
	total  atomic.Int64 // records that were dropped

	closing sync.RWMutex // Note reads, Close writes
	closed  bool
	done    chan struct{} // the writer has ended
}

// Open begins a Log. What earlier ones wrote to the folder stays as long as there is room.
func Open(c Config) (*Log, error) {
	c.fill()
	files, err := openFiles(&c)
	if err != nil {
		return nil, err
	}
	l := &Log{config: c, queue: make(chan noted, c.Queue), done: make(chan struct{})}
	go l.write(files)
	return l, nil
}

// noted is what waits to be recorded: a call, one of the Security Token Service, or an event.
type noted struct {
	call  Call
	event *Event
	token *TokenCall
	size  int64 // bytes that it holds on to, about
}

// Note has a call recorded. It never waits: a call for which there is no room is counted as lost.
func (l *Log) Note(c Call) { l.note(noted{call: c, size: int64(2*len(c.Call.Raw.Body) + 1024)}) }

func (l *Log) note(n noted) {
	l.closing.RLock()
	defer l.closing.RUnlock()
	if !l.closed && l.held.Add(n.size) <= l.config.MaxQueued {
		select {
		case l.queue <- n:
			return
		default:
		}
	}
	if !l.closed {
		l.held.Add(-n.size)
	}
	l.lost.Add(1)
	l.total.Add(1)
}

// Lost is how many records were dropped and are not reported yet.
func (l *Log) Lost() int64 { return l.lost.Load() }

// Stats is how a Log fares.
type Stats struct {
	Queued int   // calls and events that wait to be recorded
	Lost   int64 // records that were dropped since Open, reported or not
}

// Stats returns how the Log fares now.
func (l *Log) Stats() Stats { return Stats{Queued: len(l.queue), Lost: l.total.Load()} }

// Close writes what is in the queue and ends the Log. Calls that are noted afterwards are lost.
func (l *Log) Close() {
	l.closing.Lock()
	if !l.closed {
		l.closed = true
		close(l.queue)
	}
	l.closing.Unlock()
	<-l.done
}

// maxBatch bounds what is written at once, in bytes, but for its last record.
const maxBatch = 256 << 10

// write makes the records and writes them until the queue is closed. Whatever waits goes into one write.
func (l *Log) write(files *files) {
	defer close(l.done)
	defer files.close()
	r := &recorder{config: &l.config, members: newPlanner()}
	var batch []byte
	most := int(min(maxBatch, l.config.MaxFile/4))
	for first := range l.queue {
		batch = l.record(batch[:0], r, &first)
		n := int64(1)
		for len(batch) < most && len(l.queue) > 0 {
			next, ok := <-l.queue
			if !ok {
				break
			}
			batch = l.record(batch, r, &next)
			n++
		}
		lost := l.lost.Swap(0)
		if lost > 0 {
			batch = r.appendLoss(batch, lost)
		}
		if !files.write(batch) {
			l.lost.Add(lost + n)
			l.total.Add(n)
		}
	}
	if lost := l.lost.Swap(0); lost > 0 && !files.write(r.appendLoss(nil, lost)) {
		l.config.Logger.Warn("records of calls were lost", "records", lost)
	}
}

func (l *Log) record(b []byte, r *recorder, n *noted) []byte {
	l.held.Add(-n.size)
	switch {
	case n.event != nil:
		return r.appendEvent(b, n.event)
	case n.token != nil:
		return r.appendToken(b, n.token)
	}
	return r.appendCall(b, &n.call)
}

// appendLoss records that records are missing.
func (r *recorder) appendLoss(b []byte, lost int64) []byte {
	var details object
	details.begin("")
	details.number("records", lost)
	details.end()
	e := &entry{
		identity: ownIdentity(""), at: r.config.Now(), name: "AuditRecordsLost", source: internal, agent: internal,
		id: r.config.NewID(), kind: serviceEvent, serviceDetails: details.b,
	}
	return e.append(b, r.config, "")
}

// ownIdentity writes the userIdentity of the service itself.
func ownIdentity(account string) []byte {
	var o object
	o.begin("")
	o.text("accountId", account)
	o.text("invokedBy", internal)
	o.end()
	return o.b
}
