package keyengine

import (
	"crypto/sha256"
	"encoding/binary"
	"iter"
	"slices"
	"strings"
)

// Fit is what a grant should fit: an operation with an encryption context and, where a grant is to be made, that one.
type Fit struct {
	Operation string
	Context   map[string]string
	Child     *Grant
}

// GrantIndex finds, among the grants of one key to one grantee, those that may fit a call, so that the others need not
// be read. It leaves out only grants that do not fit; whether one fits says the grant. The zero value is empty. It may
// be asked by many at once, but not while it is changed.
type GrantIndex struct {
	slots   []grantSlot
	free    []uint32 // slots without a grant
	all     []uint32 // the others, by the ids of their grants
	buckets map[grantBucket][]uint32
	equal   int // how many are constrained to one encryption context
	subset  int // … to those that include one
	size    int
}

// grantSlot is what the index knows of a grant: so much that it can be removed when its row is gone.
type grantSlot struct {
	id         string
	operations uint32 // a bit for each
	constraint constraint
	digest     pairsDigest
}

// constraint is what a grant demands of an encryption context.
type constraint uint8

const (
	unasked  constraint = iota // the operation has none: whatever the grant demands
	anything                   // nothing
	equality                   // to be the one with the digest
	subset                     // to include the pair with the digest
)

// grantBucket holds the grants for one operation that have a constraint in common, by their ids.
type grantBucket struct {
	operation  uint8
	constraint constraint
	digest     pairsDigest
}

type pairsDigest [16]byte

// grantOperation numbers the operations that a grant can hold.
func grantOperation(op string) (number uint8, ok bool) {
	i := slices.Index(grantOperationNames[:], op)
	return uint8(i), i >= 0
}

var grantOperationNames = [...]string{
	"Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo",
	"CreateGrant", "RetireGrant", "DescribeKey", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
	"Sign", "Verify", "GetPublicKey", "GenerateMac", "VerifyMac", "DeriveSharedSecret",
}

// operationBits has a bit for each of the operations. Those that no grant can hold have none.
func operationBits(ops []string) (bits uint32) {
	for _, op := range ops {
		if n, ok := grantOperation(op); ok {
			bits |= 1 << n
		}
	}
	return bits
}

// digestPairs is of folded pairs, in their order.
func digestPairs(pairs []Pair) (d pairsDigest) {
	var b []byte
	for _, p := range pairs {
		for _, s := range [...]string{p.Name, p.Value} {
			b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
			b = append(b, s...)
		}
	}
	sum := sha256.Sum256(b)
	copy(d[:], sum[:])
	return d
}

// Len returns how many grants the index has.
func (x *GrantIndex) Len() int { return len(x.all) }

// Size is about how much memory the index takes, in bytes.
func (x *GrantIndex) Size() int { return x.size }

// What a grant takes, beside its operations, and what an operation takes, with a bucket of its own.
const (
	slotSize   = 192
	bucketSize = 96
)

// Put adds a grant.
func (x *GrantIndex) Put(id string, g *Grant) {
	x.Remove(id)
	s := grantSlot{id: id, operations: operationBits(g.Operations)}
	s.constraint, s.digest = x.constraintOf(&s, g)
	var slot uint32
	if n := len(x.free); n > 0 {
		slot, x.free = x.free[n-1], x.free[:n-1]
		x.slots[slot] = s
	} else {
		slot = uint32(len(x.slots))
		x.slots = append(x.slots, s)
	}
	x.all = x.inserted(x.all, slot)
	if x.buckets == nil {
		x.buckets = map[grantBucket][]uint32{}
	}
	for b := range s.buckets() {
		x.buckets[b] = x.inserted(x.buckets[b], slot)
	}
	x.count(&s, +1)
}

// Remove takes a grant out, if it is there.
func (x *GrantIndex) Remove(id string) {
	i, ok := x.find(x.all, id)
	if !ok {
		return
	}
	slot := x.all[i]
	s := x.slots[slot]
	for b := range s.buckets() {
		list := x.buckets[b]
		at, _ := x.find(list, id)
		if list = slices.Delete(list, at, at+1); len(list) == 0 {
			delete(x.buckets, b)
		} else {
			x.buckets[b] = list
		}
	}
	x.all = slices.Delete(x.all, i, i+1)
	x.slots[slot] = grantSlot{}
	x.free = append(x.free, slot)
	x.count(&s, -1)
}

func (x *GrantIndex) count(s *grantSlot, n int) {
	x.size += n * slotSize
	for range s.buckets() {
		x.size += n * bucketSize
	}
	switch s.constraint {
	case equality:
		x.equal += n
	case subset:
		x.subset += n
	}
}

// constraintOf is by what a grant is found. Of a subset one pair will do: the one that fewest others have.
func (x *GrantIndex) constraintOf(s *grantSlot, g *Grant) (constraint, pairsDigest) {
	if len(g.Equals) > 0 {
		return equality, digestPairs(folded(g.Equals))
	}
	best, fewest := pairsDigest{}, -1
	for _, p := range folded(g.Subset) {
		d, n := digestPairs([]Pair{p}), 0
		for b := range (&grantSlot{operations: s.operations, constraint: subset, digest: d}).buckets() {
			n = max(n, len(x.buckets[b]))
		}
		if fewest < 0 || n < fewest {
			best, fewest = d, n
		}
	}
	if fewest < 0 {
		return anything, pairsDigest{}
	}
	return subset, best
}

// buckets yields where the grant of a slot is.
func (s *grantSlot) buckets() iter.Seq[grantBucket] {
	return func(yield func(grantBucket) bool) {
		for n, op := range grantOperationNames {
			if s.operations&(1<<n) == 0 {
				continue
			}
			b := grantBucket{operation: uint8(n)}
			if takesContext(op) {
				b.constraint, b.digest = s.constraint, s.digest
			}
			if !yield(b) {
				return
			}
		}
	}
}

func (x *GrantIndex) find(list []uint32, id string) (int, bool) {
	return slices.BinarySearchFunc(list, id, func(slot uint32, id string) int { return strings.Compare(x.slots[slot].id, id) })
}

func (x *GrantIndex) inserted(list []uint32, slot uint32) []uint32 {
	i, _ := x.find(list, x.slots[slot].id)
	return slices.Insert(list, i, slot)
}

// Fitting yields the ids of the grants that may fit, in order.
func (x *GrantIndex) Fitting(ask Fit) iter.Seq[string] {
	var with uint32 // the operations that a grant must have
	if ask.Child != nil {
		with = operationBits(ask.Child.Operations)
	}
	lists := x.lists(ask)
	return func(yield func(string) bool) {
		for slot := range x.merged(lists) {
			s := &x.slots[slot]
			if s.operations&with == with && !yield(s.id) {
				return
			}
		}
	}
}

// lists are the buckets in which grants for a call can be.
func (x *GrantIndex) lists(ask Fit) (lists [][]uint32) {
	op, ok := grantOperation(ask.Operation)
	if !ok {
		return nil
	}
	add := func(c constraint, d pairsDigest) {
		if list := x.buckets[grantBucket{op, c, d}]; len(list) > 0 {
			lists = append(lists, list)
		}
	}
	if !takesContext(ask.Operation) {
		add(unasked, pairsDigest{})
		return lists
	}
	add(anything, pairsDigest{})
	if x.equal+x.subset == 0 {
		return lists
	}
	given := folded(pairsOf(ask.Context))
	if x.equal > 0 {
		add(equality, digestPairs(given))
	}
	if x.subset > 0 {
		for _, p := range slices.Compact(given) {
			add(subset, digestPairs([]Pair{p}))
		}
	}
	return lists
}

// merged yields the slots of all lists by the ids of their grants.
func (x *GrantIndex) merged(lists [][]uint32) iter.Seq[uint32] {
	if len(lists) == 1 {
		return slices.Values(lists[0])
	}
	return func(yield func(uint32) bool) {
		rest := slices.Clone(lists)
		for len(rest) > 0 {
			first := 0
			for i := range rest {
				if x.slots[rest[i][0]].id < x.slots[rest[first][0]].id {
					first = i
				}
			}
			slot := rest[first][0]
			if rest[first] = rest[first][1:]; len(rest[first]) == 0 {
				rest = slices.Delete(rest, first, first+1)
			}
			if !yield(slot) {
				return
			}
		}
	}
}
