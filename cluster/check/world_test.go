package check

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"meridian/cluster/history"
	"meridian/keyengine/kmsapi"
)

// book is a service of one Region that does everything in one order, and a history of clients that use it.
type book struct {
	rng   *rand.Rand
	now   int64 // each call takes effect a little later than the one before
	keys  map[string]*page
	alias map[string]string
	grant map[string]string // to its key
	h     history.History
}

type page struct{ state, text, material string }

func newBook(seed uint64) *book {
	return &book{
		rng: rand.New(rand.NewPCG(seed, 1)), keys: map[string]*page{}, alias: map[string]string{}, grant: map[string]string{},
		h: history.History{Header: history.Header{Format: history.Format}},
	}
}

// fill writes a history of n calls, a few of whose outcomes the clients never heard.
func (b *book) fill(n int) *history.History {
	for i := range 5 {
		b.call(&history.Entry{Operation: "CreateKey", Ask: history.Ask{Description: fmt.Sprint("first ", i)}})
	}
	ops := []string{
		"DescribeKey", "DescribeKey", "EnableKey", "EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion", "UpdateKeyDescription",
		"UpdateKeyDescription", "RotateKeyOnDemand", "GenerateDataKey", "Encrypt", "CreateAlias", "UpdateAlias", "DeleteAlias",
		"ListAliases", "CreateGrant", "RevokeGrant", "ListGrants",
	}
	for i := len(b.h.Entries); i < n; i++ {
		key := fmt.Sprint("key-", b.rng.IntN(5))
		e := &history.Entry{Operation: ops[b.rng.IntN(len(ops))], Ask: history.Ask{Key: key, Description: fmt.Sprint("text ", i)}}
		switch e.Operation {
		case "CreateAlias", "UpdateAlias", "DeleteAlias":
			e.Ask = history.Ask{Alias: fmt.Sprint("alias/", b.rng.IntN(3)), Target: key}
		case "RevokeGrant":
			e.Ask.Grant = fmt.Sprint("grant-", b.rng.IntN(max(1, i/20)))
		case "ListAliases":
			e.Ask = history.Ask{}
		}
		if op, _ := kmsapi.Lookup(e.Operation); op.ReadOnly() {
			e.Level = "strong"
		}
		b.call(e)
	}
	slices.SortStableFunc(b.h.Entries, func(x, y history.Entry) int { return cmp.Compare(x.End, y.End) })
	return &b.h
}

// call carries a call out and notes it: the effect falls somewhere between its start and its end, and calls of
// different clients overlap.
func (b *book) call(e *history.Entry) {
	b.now += 100
	n := len(b.h.Entries)
	e.Client, e.Region = fmt.Sprint("c", n%6), "us-east-1"
	e.Start, e.End = max(0, b.now-int64(b.rng.IntN(250))), b.now+int64(b.rng.IntN(250))
	e.Outcome = history.OK
	lost := b.rng.IntN(40) == 0 && e.Level == "" && e.Operation != "CreateKey" && e.Operation != "CreateGrant"
	if lost && b.rng.IntN(2) == 0 {
		e.Outcome = history.Unknown // and it never happened
		b.h.Entries = append(b.h.Entries, *e)
		return
	}
	if code := b.do(n, e); code != "" {
		e.Outcome, e.Code = history.Fault, code
	}
	if lost {
		e.Outcome, e.Code, e.Answer = history.Unknown, "", history.Answer{}
	}
	b.h.Entries = append(b.h.Entries, *e)
}

// do is the service itself.
func (b *book) do(n int, e *history.Entry) string {
	switch e.Operation {
	case "CreateKey":
		id := fmt.Sprint("key-", len(b.keys))
		b.keys[id] = &page{state: enabled, text: e.Ask.Description, material: fmt.Sprint("m", n)}
		e.Answer = history.Answer{Key: id, State: enabled, Description: e.Ask.Description, Material: b.keys[id].material}
	case "CreateGrant":
		e.Answer.Grant = fmt.Sprint("grant-", len(b.grant))
		b.grant[e.Answer.Grant] = e.Ask.Key
	case "RevokeGrant":
		if b.grant[e.Ask.Grant] == "" {
			return kmsapi.NotFoundException
		}
		b.grant[e.Ask.Grant] = ""
	case "ListGrants":
		for id, key := range b.grant {
			if key == e.Ask.Key {
				e.Answer.Grants = append(e.Answer.Grants, id)
			}
		}
	case "CreateAlias", "UpdateAlias", "DeleteAlias", "ListAliases":
		return b.doAlias(e)
	default:
		return b.doKey(n, e, b.keys[e.Ask.Key])
	}
	return ""
}

func (b *book) doAlias(e *history.Entry) string {
	_, there := b.alias[e.Ask.Alias]
	switch {
	case e.Operation == "ListAliases":
		e.Answer.Aliases = map[string]string{}
		maps.Copy(e.Answer.Aliases, b.alias)
	case e.Operation == "CreateAlias" && there:
		return kmsapi.AlreadyExistsException
	case e.Operation != "CreateAlias" && !there:
		return kmsapi.NotFoundException
	case e.Operation == "DeleteAlias":
		delete(b.alias, e.Ask.Alias)
	default:
		b.alias[e.Ask.Alias] = e.Ask.Target
	}
	return ""
}

func (b *book) doKey(n int, e *history.Entry, p *page) string {
	pending := p.state == pendingDeletion
	e.Answer.Key = e.Ask.Key
	switch e.Operation {
	case "DescribeKey":
		e.Answer = history.Answer{Key: e.Ask.Key, State: p.state, Description: p.text, Material: p.material}
		return ""
	case "CancelKeyDeletion":
		if !pending {
			return kmsapi.KMSInvalidStateException
		}
		p.state = disabled
		return ""
	}
	if pending {
		return kmsapi.KMSInvalidStateException
	}
	switch e.Operation {
	case "EnableKey":
		p.state = enabled
	case "DisableKey":
		p.state = disabled
	case "ScheduleKeyDeletion":
		p.state = pendingDeletion
	case "UpdateKeyDescription":
		p.text = e.Ask.Description
	default:
		if p.state == disabled {
			return kmsapi.DisabledException
		}
		if e.Operation == "RotateKeyOnDemand" {
			p.material = fmt.Sprint("m", n)
		} else if e.Operation == "GenerateDataKey" {
			e.Answer.Material = p.material
		}
	}
	return ""
}
