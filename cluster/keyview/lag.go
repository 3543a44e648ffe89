package keyview

import (
	"encoding/json"
	"slices"
	"time"

	"meridian/cluster/control"
)

// KeyLag is how far one Region is behind another with one key.
type KeyLag struct {
	Key       string `json:"key"` // id
	From      string `json:"from"`
	To        string `json:"to"`
	Has       string `json:"has"`       // version of the record at To; empty: it knows no such key
	Newest    string `json:"newest"`    // at From
	Records   int    `json:"records"`   // that From has and To has not heard of
	Statuses  int    `json:"statuses"`  // that the member at From has noted about itself, and the primary at To not heard of
	Materials int    `json:"materials"` // that From holds and To lacks
	Owed      bool   `json:"owed"`      // From will say something, or say it again, until To answers
	// BehindMillis is for how long: since the first of these records and statuses was written, in From's time.
	BehindMillis int64 `json:"behindMillis"`

	knownSV uint64
	since   int64
}

// Behind reports whether there is anything that To has not heard of.
func (l *KeyLag) Behind() bool { return l.Records+l.Statuses+l.Materials > 0 || l.Owed }

// Lags says for each key and each pair of Regions how far one is behind the other: the members behind who has the newest
// record, and the primary behind the members, which report to it. How many records are missing, and for how long, the
// log of the Region that has them tells: see Count.
func Lags(states []control.KeyState) (lags []*KeyLag) {
	for _, f := range families(states) {
		newest := f.newest(anyRegion)
		if w := f.at(newest.Shared.Writer); w != nil && w.Shared.Version == newest.Shared.Version {
			newest = w
		}
		lags = append(lags, f.behind(newest)...)
		if p := f.at(newest.Shared.Primary); live(p) {
			lags = append(lags, f.reports(p)...)
		}
	}
	return lags
}

// behind is how far Regions are behind the one with the newest record.
func (f *relatives) behind(from *control.KeyState) (lags []*KeyLag) {
	var to []string
	for _, m := range from.Shared.Members {
		if m.Region != from.Region && (!m.Gone || owes(from, m.Region)) {
			to = append(to, m.Region)
		}
	}
	for _, region := range to {
		l := &KeyLag{Key: f.key, From: from.Region, To: region, Newest: from.Shared.Version, Owed: owes(from, region)}
		other := f.at(region)
		if other != nil {
			l.Has = other.Shared.Version
		}
		if Older(l.Has, l.Newest) {
			l.Records = 1 // at least; Count knows
		}
		for _, m := range from.Shared.Materials {
			if from.Shared.Origin != external && slices.Contains(from.Own.Held, m.ID) && (other == nil || !slices.Contains(other.Own.Held, m.ID)) && listed(from.Shared, region) {
				l.Materials++
			}
		}
		lags = append(lags, l)
	}
	return lags
}

// reports is how far the primary is behind what members say of themselves.
func (f *relatives) reports(primary *control.KeyState) (lags []*KeyLag) {
	for _, s := range f.states {
		if s == primary || !live(s) || s.Shared.Primary != primary.Region || !listed(primary.Shared, s.Region) || s.Own.Halted != "" || len(s.Own.Awaits) > 0 {
			continue
		}
		l := &KeyLag{Key: f.key, From: s.Region, To: primary.Region, Has: primary.Shared.Version, Newest: s.Shared.Version, Owed: owes(s, primary.Region)}
		for _, k := range primary.Own.Knows {
			if k.From == s.Region && k.Inc == s.Own.Inc {
				l.knownSV = k.SV
			}
		}
		if s.Own.SV > l.knownSV {
			l.Statuses = int(s.Own.SV - l.knownSV)
		}
		lags = append(lags, l)
	}
	return lags
}

func owes(s *control.KeyState, to string) bool {
	return slices.ContainsFunc(s.Own.Owes, func(o control.OwedMessage) bool { return o.To == to })
}

// Count counts, from the events of the log of a lag's From about its key, the records that its To has not heard of, and finds since
// when there are any. Now is From's time, ms since 1970 UTC.
func (l *KeyLag) Count(events []control.Event, now int64) {
	records := 0
	for i := range events {
		e := &events[i]
		if e.Region != l.From || e.Key != l.Key || !l.unheard(e, &records) {
			continue
		}
		if at, err := time.Parse(time.RFC3339, e.Time); err == nil && (l.since == 0 || at.UnixMilli() < l.since) {
			l.since = at.UnixMilli()
		}
	}
	if l.Records > 0 {
		l.Records = max(l.Records, records)
	}
	if l.since > 0 {
		l.BehindMillis = max(now-l.since, 0)
	}
}

// unheard says whether an event made something that To has not heard of.
func (l *KeyLag) unheard(e *control.Event, records *int) bool {
	var says struct {
		Record *struct {
			Version string `json:"version"`
		} `json:"record"`
		SV uint64 `json:"sv"`
	}
	if json.Unmarshal(e.Data, &says) != nil {
		return false
	}
	if l.Records > 0 && says.Record != nil && Older(l.Has, says.Record.Version) {
		*records++
		return true
	}
	return l.Statuses > 0 && e.Type == "StatusAdvanced" && says.SV > l.knownSV
}
