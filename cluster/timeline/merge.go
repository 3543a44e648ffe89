package timeline

import (
	"maps"
	"slices"
	"strings"

	"meridian/cluster/control"
)

// kept is how many messages of one Region about one key are remembered for their receivers. Who receives an older one
// is shown without the place where it came from.
const kept = 64

// Entry is an event in its place in the history.
type Entry struct {
	control.Event
	Text  string            `json:"text"`
	From  *Origin           `json:"from,omitempty"` // the message that it came from
	Clock map[string]uint64 `json:"clock"`          // vector clock: events of each Region that this one may know of
	// Hidden events are not asked for: see Merger.From.
	Hidden bool `json:"-"`
}

// Origin is a message from another Region.
type Origin struct {
	Region  string `json:"region"`
	Message string `json:"message"`       // record 1.2, status 3
	Seq     uint64 `json:"seq,omitempty"` // of the event that wrote it; 0: it is not known
	I       int    `json:"i,omitempty"`
	Time    string `json:"time,omitempty"` // Region time of the sender
}

// Patience is what Next waits for.
type Patience int

// The degrees of it.
const (
	Whole  Patience = iota // every Region that is not closed has shown its next event
	Causes                 // a message is shown before who received it, if its sender may still show it
	None                   // nothing
)

// Merger puts events of Regions in order.
type Merger struct {
	// From hides events with a lower seq: they count as causes, and not in clocks.
	From uint64

	names  []string
	queues map[string]*queue
	senton map[stream]*sendings
}

// queue is what one Region has said and was not put in order yet.
type queue struct {
	events []item
	closed bool
	clock  map[string]uint64 // of its last event
}

// item is an event with what was read of it.
type item struct {
	control.Event
	facts facts
}

// stream is where messages are numbered: by one Region, about one key, of one kind.
type stream struct{ by, key, what string }

// sendings are the newest messages of a stream, oldest first.
type sendings struct {
	newest version
	list   []sending
}

type sending struct {
	version version
	at      Origin
	clock   map[string]uint64
}

// New returns a Merger of the logs of Regions.
func New(regions ...string) *Merger {
	m := &Merger{names: regions, queues: map[string]*queue{}, senton: map[stream]*sendings{}}
	for _, name := range regions {
		m.queues[name] = &queue{clock: map[string]uint64{}}
	}
	return m
}

// Push adds the next event of a Region's log. Events of a Region that New did not name are ignored.
func (m *Merger) Push(e control.Event) {
	if q := m.queues[e.Region]; q != nil {
		q.events = append(q.events, item{e, read(&e)})
	}
}

// Close says that nothing more comes from a Region.
func (m *Merger) Close(region string) {
	if q := m.queues[region]; q != nil {
		q.closed = true
	}
}

// Waiting is how many events of a Region are not in order yet.
func (m *Merger) Waiting(region string) int {
	if q := m.queues[region]; q != nil {
		return len(q.events)
	}
	return 0
}

// Next returns the next event of the history. False: there is none, or it has to be waited for. Where every Region
// waits for another's message, which logs of a history that happened never do, the oldest comes first.
func (m *Merger) Next(p Patience) (Entry, bool) {
	name, ok := m.choose(p)
	if !ok {
		return Entry{}, false
	}
	q := m.queues[name]
	e := q.events[0]
	q.events = q.events[1:]
	return m.place(q, &e), true
}

// choose returns the Region whose next event comes next.
func (m *Merger) choose(p Patience) (string, bool) {
	first, blocked, missing := "", "", false
	for _, name := range m.names {
		q := m.queues[name]
		if len(q.events) == 0 {
			missing = missing || !q.closed
			continue
		}
		best := &first
		if p != None && m.waits(&q.events[0]) {
			best = &blocked
		}
		if *best == "" || strings.Compare(q.events[0].Time, m.queues[*best].events[0].Time) < 0 {
			*best = name
		}
	}
	switch {
	case p == Whole && missing:
		return "", false
	case first == "" && !missing:
		first = blocked
	}
	return first, first != ""
}

// waits tells whether an event came from a message that its sender may still show.
func (m *Merger) waits(e *item) bool {
	msg, ok := received(&e.Event, &e.facts)
	if !ok {
		return false
	}
	q := m.queues[msg.by]
	if q == nil || q.closed && len(q.events) == 0 {
		return false
	}
	s := m.senton[stream{msg.by, msg.key, msg.what}]
	return s == nil || s.newest.before(msg.version)
}

// place makes an event an entry, and remembers what it sent.
func (m *Merger) place(q *queue, e *item) Entry {
	entry := Entry{Event: e.Event, Text: summary(&e.Event, &e.facts), Hidden: e.Seq < m.From}
	if msg, ok := received(&e.Event, &e.facts); ok {
		entry.From = &Origin{Region: msg.by, Message: msg.String()}
		if s := m.find(msg); s != nil {
			at := s.at
			entry.From = &at
			join(q.clock, s.clock)
		}
	}
	if !entry.Hidden {
		q.clock[e.Region]++
	}
	entry.Clock = maps.Clone(q.clock)
	if msg, ok := sent(&e.Event, &e.facts); ok {
		m.remember(msg, sending{msg.version, Origin{e.Region, msg.String(), e.Seq, e.I, e.Time}, entry.Clock})
	}
	return entry
}

func join(clock, other map[string]uint64) {
	for name, n := range other {
		clock[name] = max(clock[name], n)
	}
}

func (m *Merger) remember(msg message, s sending) {
	at := stream{msg.by, msg.key, msg.what}
	list := m.senton[at]
	if list == nil {
		list = &sendings{newest: msg.version}
		m.senton[at] = list
	}
	if list.newest.before(msg.version) {
		list.newest = msg.version
	}
	if list.list = append(list.list, s); len(list.list) > kept {
		list.list = slices.Delete(list.list, 0, 1)
	}
}

// find returns the newest sending of a message; a Region that forgot its last records may write their versions again.
func (m *Merger) find(msg message) *sending {
	s := m.senton[stream{msg.by, msg.key, msg.what}]
	if s == nil {
		return nil
	}
	for i := len(s.list) - 1; i >= 0; i-- {
		if v := s.list[i].version; !v.before(msg.version) && !msg.version.before(v) {
			return &s.list[i]
		}
	}
	return nil
}
