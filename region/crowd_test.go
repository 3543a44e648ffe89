package region_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"meridian/eventlog"
	"meridian/eventlog/codec"
	"meridian/keyengine/keyring"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/primitive/builtin"
	"meridian/region"
	"meridian/region/keystore"
)

// crowd is a Region of one node whose callers make keys. Its log is the test's: an entry is in it when it is applied.
type crowd struct {
	t      *testing.T
	dir    string
	ring   *keyring.Ring
	store  *keystore.Store
	region region.Still
	term   uint64
	index  uint64
	now    time.Time
	keys   int
	first  pattern // those that the others are like
	took   costs   // of the writes since it was emptied
}

// costs are what writes took: the calls that make keys, and applying what any call wrote.
type costs struct{ creating, applying latencies }

func newCrowd(t *testing.T, dir string) *crowd {
	ring, err := keyring.New("cluster", place.Region, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{t: t, dir: dir, ring: ring, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	c.open()
	return c
}

// open starts the node, in a term of its own.
func (c *crowd) open() {
	c.term++
	c.store = openStore(c.t, crowdConfig(c.dir))
	c.region = region.NewStill(region.Config{
		Place: place, Regions: []string{place.Region}, Node: place.Region + "/1", Nodes: 1, Store: keystore.Reads{Store: c.store},
		Log: appliedAtOnce{crowd: c}, Ring: c.ring, Primitives: builtin.Set(), Random: rand.Reader, Wall: func() time.Time { return c.now },
		Logger: slog.New(slog.DiscardHandler),
	}, func() bool { return false })
}

// close stops the node and lets go of what it had in memory.
func (c *crowd) close() {
	closeStore(c.t, c.store)
	c.store, c.region = nil, region.Still{}
}

func crowdConfig(dir string) keystore.Config {
	return keystore.Config{
		Dir: dir, ClusterID: "cluster", Region: place.Region, Domain: region.Domain{Place: place}, Fatal: func(err error) { panic(err) },
	}
}

// keep leaves a snapshot in a folder as the backup that it is, and what opens the key ring.
func (c *crowd) keep(snapshot, to string) {
	if err := os.MkdirAll(to, 0o700); err != nil {
		c.t.Fatal(err)
	}
	root, err := keyring.CreateRoot(filepath.Join(to, "root.key"), rand.Reader)
	if err != nil {
		c.t.Fatal(err)
	}
	defer root.Destroy()
	if err := errors.Join(c.ring.Save(filepath.Join(to, "keystore"), root, rand.Reader), os.Rename(snapshot, filepath.Join(to, "backup"))); err != nil {
		c.t.Fatal(err)
	}
}

// one makes a key and what goes with it: in Region time fifty a second, so that replies are forgotten as they are in a
// Region that is used.
func (c *crowd) one() {
	i := c.keys
	c.keys, c.now = i+1, c.now.Add(keyEvery)
	var id string
	c.took.creating = append(c.took.creating, clocked(func() {
		out := c.call("CreateKey", fmt.Sprintf(`{"Description": "key %d of a crowd", "Tags": [{"TagKey": "team", "TagValue": "t%d"}]}`, i, i%100))
		id = *out.(*kmsapi.CreateKeyResponse).KeyMetadata.KeyId
	}))
	if i%2 == 0 {
		c.call("CreateAlias", fmt.Sprintf(`{"AliasName": "alias/crowd/%d", "TargetKeyId": %q}`, i, id))
	}
	if i%10 == 0 {
		c.call("CreateGrant", fmt.Sprintf(`{"KeyId": %q, "GranteePrincipal": "arn:aws:iam::000000000000:root", "Operations": ["Decrypt"]}`, id))
	}
}

const keyEvery = 20 * time.Millisecond

func (c *crowd) call(operation, body string) any {
	op, _ := kmsapi.Lookup(operation)
	in := op.New()
	if err := in.UnmarshalJSON([]byte(body)); err != nil {
		c.t.Fatal(err)
	}
	out, err := c.region.Dispatch(c.t.Context(), op, &kmsapi.Call{
		RequestID: fmt.Sprintf("%s-%d", operation, c.keys),
		Caller:    kmsapi.Principal{Account: "000000000000", ARN: "arn:aws:iam::000000000000:root", AccessKeyID: "test"},
	}, in)
	if err != nil {
		c.t.Fatalf("%s %s: %v", operation, body, err)
	}
	return out
}

// writes makes keys as long as it is told to go on, one at least, and returns what it took.
func (c *crowd) writes(on func(i int) bool) costs {
	c.took = costs{}
	for i := 0; i == 0 || on(i); i++ {
		c.one()
	}
	slices.Sort(c.took.creating)
	slices.Sort(c.took.applying)
	return c.took
}

// appliedAtOnce is a log of one node that always leads.
type appliedAtOnce struct {
	eventlog.Log // whatever else there is to ask is not asked
	*crowd
}

// Append implements eventlog.Log.
func (l appliedAtOnce) Append(_ context.Context, entry []byte) (eventlog.Position, error) {
	l.index++
	var results []eventlog.Result
	l.took.applying = append(l.took.applying, clocked(func() {
		results = l.store.Apply([]eventlog.Entry{{Index: l.index, Term: l.term, Data: entry}})
	}))
	l.first.note(entry)
	return eventlog.Position{Term: l.term, Index: l.index, Seq: results[0].Seq}, results[0].Err
}

// Leadership implements eventlog.Log.
func (l appliedAtOnce) Leadership() eventlog.Leadership {
	return eventlog.Leadership{Leader: true, Term: l.term, ID: "n1", Addr: "n1"}
}

// VerifyLeader implements eventlog.Log.
func (appliedAtOnce) VerifyLeader(context.Context) error { return nil }

// Term implements eventlog.Log.
func (l appliedAtOnce) Term() uint64 { return l.term }

// pattern is the log of a crowd's first keys. Others are made like them, in other accounts and under ids of their own:
// applied as a node applies what it missed, which is several times as fast as to decide each.
type pattern struct {
	entries [][]byte
	keys    int
	copies  int
}

const patternKeys = 1000

// note keeps an entry, if the pattern is not whole yet.
func (p *pattern) note(entry []byte) {
	if p.keys == 0 {
		p.entries = append(p.entries, bytes.Clone(entry))
	}
}

// grow makes keys until there are n or some more.
func (c *crowd) grow(n int) {
	if c.first.keys == 0 {
		for c.keys < min(n/2, patternKeys) {
			c.one()
		}
		c.first.keys = c.keys
	}
	for c.keys < n {
		c.like()
	}
}

// like makes as many keys as the pattern has.
func (c *crowd) like() {
	c.first.copies++
	later := time.Duration(c.first.keys) * keyEvery
	entries := make([]eventlog.Entry, len(c.first.entries))
	for i, e := range c.first.entries {
		c.index++
		entries[i] = eventlog.Entry{Index: c.index, Term: c.term, Data: c.copied(e, time.Duration(c.first.copies)*later)}
	}
	for _, r := range c.store.Apply(entries) {
		if r.Err != nil {
			c.t.Fatal(r.Err)
		}
	}
	c.keys, c.now = c.keys+c.first.keys, c.now.Add(later)
}

// copied is an entry as it were had another account done the same, later. The wrapped material in it is bound to the
// first account and opens nothing.
func (c *crowd) copied(entry []byte, later time.Duration) []byte {
	raw, secrets, err := codec.SplitEntry(entry)
	if err != nil {
		c.t.Fatal(err)
	}
	record, err := codec.DecodeRecord(raw)
	if err != nil {
		c.t.Fatal(err)
	}
	were := make([][]byte, len(secrets)) // names of materials
	for i := range secrets {
		were[i] = bytes.Clone(secrets[i].ID[:])
		secrets[i].ID = c.first.other(were[i])
	}
	renamed := func(b []byte) []byte {
		for i, was := range were {
			b = bytes.ReplaceAll(b, was, secrets[i].ID[:])
		}
		return nameable.ReplaceAllFunc(b, c.first.renamed)
	}
	record.Term, record.At, record.Hash = c.term, record.At+later.Milliseconds(), nil
	for i := range record.Events {
		record.Events[i].Body = renamed(record.Events[i].Body)
	}
	for i := range record.Commands {
		command, dedup := &record.Commands[i], c.first.other(record.Commands[i].Dedup)
		command.Dedup, command.Reply, command.Caller = dedup[:], renamed(command.Reply), string(renamed([]byte(command.Caller)))
	}
	return codec.EncodeEntry(record, secrets)
}

// nameable is what tells one account, key, material or grant from another where it stands as text.
var nameable = regexp.MustCompile(`0{12}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{64}`)

// renamed is another name of the same length, so that the encoding around it stays right.
func (p *pattern) renamed(name []byte) []byte {
	switch len(name) {
	case 12:
		return fmt.Appendf(nil, "%012d", p.copies)
	case 64:
		id, _ := hex.DecodeString(string(name)) // digits
		other := p.other(id)
		return hex.AppendEncode(nil, other[:])
	default:
		other := p.other(name)
		digits := hex.AppendEncode(nil, other[:])
		for _, i := range []int{8, 13, 14, 18, 19, 23} { // what makes it a random UUID
			digits[i] = name[i]
		}
		return digits[:len(name)]
	}
}

func (p *pattern) other(id []byte) [32]byte { return sha256.Sum256(fmt.Append(nil, p.copies, id)) }
