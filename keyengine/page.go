package keyengine

import (
	"bytes"
	"encoding/base64"
	"iter"
	"strings"

	"meridian/keyengine/canonical"
	"meridian/keyengine/kmsapi"
)

// A list is read page by page. The marker of the next page is the last thing the page before showed,
// so that a page misses nothing and repeats nothing that was there all the time, whatever is made and
// deleted meanwhile. Callers cannot read it, and one of another list is refused.

// bounds are those of an operation's Limit; the model's are wider.
type bounds struct{ normal, most int32 }

// marker is what a Marker says.
type marker struct {
	_     struct{} `cbor:",toarray"`
	List  string   // operation
	Scope string   // what is listed
	Last  string   // the last item shown
}

func (m marker) String() string {
	return base64.RawURLEncoding.EncodeToString(canonical.Marshal(m))
}

// limit checks a caller's Limit.
func limit(in *int32, b bounds) (int, error) {
	n := b.normal
	if in != nil {
		n = *in
	}
	if n < 1 {
		return 0, fault(kmsapi.ValidationException, "1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1", n)
	}
	if n > b.most {
		return 0, fault(kmsapi.ValidationException, "1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value less than or equal to %d", n, b.most)
	}
	return int(n), nil
}

// last reads a caller's Marker: what the page before ended with, "" for the first page.
func last(in *string, list, scope string) (string, error) {
	if in == nil {
		return "", nil
	}
	var m marker
	b, err := base64.RawURLEncoding.DecodeString(*in)
	if err == nil {
		err = canonical.Unmarshal(b, &m)
	}
	if err != nil || m.List != list || m.Scope != scope || m.Last == "" {
		return "", fault(kmsapi.InvalidMarkerException, "The marker is not valid for this list.")
	}
	return m.Last, nil
}

// page is one page of rows.
type page struct {
	list, scope string
	rows        iter.Seq2[[]byte, []byte]
	shown       []byte
	more        bool
}

// end returns what a response says about the page after.
func (p *page) end() (truncated *bool, next *string) {
	if !p.more {
		return new(false), nil
	}
	return new(true), new(marker{List: p.list, Scope: p.scope, Last: string(p.shown[len(p.scope):])}.String())
}

// page reads the rows under a prefix, which is also the scope of its markers.
func (v *View) page(list, prefix string, wanted *int32, from *string, b bounds) (*page, error) {
	n, err := limit(wanted, b)
	if err != nil {
		return nil, err
	}
	tail, err := last(from, list, prefix)
	if err != nil {
		return nil, err
	}
	var after []byte
	if tail != "" {
		after = []byte(prefix + tail)
	}
	p := &page{list: list, scope: prefix}
	p.rows = func(yield func(k, value []byte) bool) {
		for k, value := range v.rows.Scan([]byte(prefix), after) {
			if n == 0 {
				p.more = true
				return
			}
			n--
			p.shown = bytes.Clone(k)
			if !yield(k, value) {
				return
			}
		}
	}
	return p, nil
}

// pageOf cuts a page out of a short list whose items have names in ascending order.
func pageOf[T any](items []T, name func(T) string, list, scope string, wanted *int32, from *string, b bounds) (shown []T, truncated *bool, next *string, err error) {
	n, err := limit(wanted, b)
	if err != nil {
		return nil, nil, nil, err
	}
	after, err := last(from, list, scope)
	if err != nil {
		return nil, nil, nil, err
	}
	shown = []T{}
	for _, item := range items {
		if after != "" && strings.Compare(name(item), after) <= 0 {
			continue
		}
		if len(shown) == n {
			m := marker{List: list, Scope: scope, Last: name(shown[n-1])}
			return shown, new(true), new(m.String()), nil
		}
		shown = append(shown, item)
	}
	return shown, new(false), nil, nil
}
