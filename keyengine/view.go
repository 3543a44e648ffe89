package keyengine

import (
	"bytes"
	"encoding/binary"
	"iter"

	"meridian/keyengine/family"
	"meridian/keyengine/rows"
)

// View is the state of one Region, to be read. Its methods named after operations answer callers;
// the others serve the Region's own work.
type View struct {
	rows   rows.Reader
	place  Place
	kept   Kept // nil: nothing is
	newest bool // rows are, or lie over, the newest state
}

// NewView returns a View of the rows in r.
func NewView(r rows.Reader, p Place) *View { return &View{rows: r, place: p} }

// Place returns where the View is.
func (v *View) Place() Place { return v.place }

// Family returns this Region's state of a key's family; also of a key that is deleted.
func (v *View) Family(ref Ref) (*family.Local, bool) {
	return load[family.Local](v.rows, familyRow(ref))
}

func localOrNew(r rows.Reader, ref Ref) *family.Local {
	if l, ok := load[family.Local](r, familyRow(ref)); ok {
		return l
	}
	return new(family.Local)
}

// Families yields every family this Region has ever known, in the order of Ref.
func (v *View) Families() iter.Seq2[Ref, *family.Local] {
	return func(yield func(Ref, *family.Local) bool) {
		for k, value := range v.rows.Scan([]byte(prefixFamily), nil) {
			if !yield(parseRef(k[len(prefixFamily):]), decode[family.Local](k, value)) {
				return
			}
		}
	}
}

// Obligations yields the families that owe the Region dst a message.
func (v *View) Obligations(dst string) iter.Seq[Ref] {
	prefix := []byte(prefixObliged + dst + "/")
	return func(yield func(Ref) bool) {
		for k := range v.rows.Scan(prefix, nil) {
			if !yield(parseRef(k[len(prefix):])) {
				return
			}
		}
	}
}

// Due yields the families whose time has come, the earliest first.
func (v *View) Due(now int64) iter.Seq[Ref] {
	return func(yield func(Ref) bool) {
		for k := range v.rows.Scan([]byte(prefixDue), nil) {
			if dueTime(k) > now || !yield(parseRef(k[len(prefixDue)+9:])) {
				return
			}
		}
	}
}

// HandsOver reports whether a family that is due by its row only waits for the end of a hand-off that has longer than
// the usual time, and until when.
func (v *View) HandsOver(ref Ref, now, timeout int64) (until int64, ok bool) {
	l, found := v.Family(ref)
	if !found || !primaryHere(v.place, l) || l.Record.Handoff == nil {
		return 0, false
	}
	if expiry, expires := family.Expiry(l); expires && expiry <= now {
		return 0, false
	}
	until = l.HandoffAt + timeout
	return until, now < until
}

// NextDue returns when the next family has work to do.
func (v *View) NextDue() (at int64, ok bool) {
	for k := range v.rows.Scan([]byte(prefixDue), nil) {
		return dueTime(k), true
	}
	return 0, false
}

func dueTime(key []byte) int64 {
	return int64(binary.BigEndian.Uint64(key[len(prefixDue):]))
}

// NextLeaf returns the first leaf of the key hierarchy that no material in the log has used.
func (v *View) NextLeaf() uint64 { return counter(v.rows, rowLeaf) }

// SealingStep returns the step of the sealing key that the log has reached.
func (v *View) SealingStep() uint64 { return counter(v.rows, rowStep) }

// SealingRow is the key of the row that holds SealingStep.
func SealingRow() []byte { return []byte(rowStep) }

// Peer returns the greatest life seen of another Region, 0 if none was.
func (v *View) Peer(region string) (life uint64) { return counter(v.rows, prefixPeer+region) }

// Peers yields the Regions whose life is known.
func (v *View) Peers() iter.Seq2[string, uint64] {
	return func(yield func(string, uint64) bool) {
		for k, value := range v.rows.Scan([]byte(prefixPeer), nil) {
			if !yield(string(k[len(prefixPeer):]), binary.BigEndian.Uint64(value)) {
				return
			}
		}
	}
}

// Keys returns how many live keys the account has here.
func (v *View) Keys(account string) uint64 { return counter(v.rows, prefixCount+account) }

// Secret returns a material as it is stored: wrapped under the key of leaf.
func (v *View) Secret(id family.MaterialID) (leaf uint64, wrapped []byte, ok bool) {
	row, ok := load[SecretRow](v.rows, SecretKey(id))
	if !ok {
		return 0, nil, false
	}
	return row.Leaf, bytes.Clone(row.Wrapped), true
}

// Materials yields, for each family, the materials whose secrets this Region must have.
func (v *View) Materials() iter.Seq2[Ref, family.MaterialID] {
	return func(yield func(Ref, family.MaterialID) bool) {
		for ref, l := range v.Families() {
			for _, id := range l.Held {
				if !yield(ref, id) {
					return
				}
			}
		}
	}
}

// CheckIndexes compares the rows o/ and t/ with what f/ demands and returns how they differ, in
// words; nothing where all is well.
func CheckIndexes(r rows.Reader, p Place) []string {
	want := map[string]bool{}
	var problems []string
	for ref, l := range NewView(r, p).Families() {
		for _, k := range append(obligationRows(p, ref, l), dueRows(p, ref, l)...) {
			want[string(k)] = true
			if _, ok := r.Get(k); !ok {
				problems = append(problems, "missing index row of "+ref.String())
			}
		}
	}
	for _, prefix := range []string{prefixObliged, prefixDue} {
		for k := range r.Scan([]byte(prefix), nil) {
			if !want[string(k)] {
				problems = append(problems, "index row without cause under "+prefix)
			}
		}
	}
	return problems
}
