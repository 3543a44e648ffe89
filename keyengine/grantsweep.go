package keyengine

import "slices"

// The grants of a deleted key are out of reach at once. Their rows go in small steps, a few with the
// deletion and a few with each command after it: a key may have so many that removing them in one
// record would hold up the Region for longer than a revocation may take.
const (
	dropAtOnce  = 256 // grants, with the deletion of their key
	sweepAtOnce = 8   // grants, with each later command
)

// gone is the value of the row g/gone: the keys to be swept, the first to go first.
type gone struct {
	_    struct{} `cbor:",toarray"`
	Keys []string // <account>/<key id>
}

// forgetGrants removes the grants of a deleted key, or leaves the rest of them to sweepGrants.
func (s state) forgetGrants(key Ref) {
	s.Delete([]byte(grantCount(key)))
	if !s.dropGrants(key, dropAtOnce) {
		queue := s.gone()
		queue.Keys = append(queue.Keys, key.String())
		s.putGone(queue)
	}
}

// sweepGrants goes on with the removal of grants whose key is deleted.
func (s state) sweepGrants() {
	queue := s.gone()
	if len(queue.Keys) == 0 || !s.dropGrants(parseRef([]byte(queue.Keys[0])), sweepAtOnce) {
		return
	}
	queue.Keys = slices.Delete(queue.Keys, 0, 1)
	s.putGone(queue)
}

// finishSweep removes what is left of a deleted key's grants before another replica takes its place:
// that one has the same name, and would have them.
func (s state) finishSweep(key Ref) {
	queue := s.gone()
	i := slices.Index(queue.Keys, key.String())
	if i < 0 {
		return
	}
	for !s.dropGrants(key, dropAtOnce) {
	}
	queue.Keys = slices.Delete(queue.Keys, i, i+1)
	s.putGone(queue)
}

func (s state) gone() *gone {
	if queue, ok := load[gone](s, []byte(rowGone)); ok {
		return queue
	}
	return new(gone)
}

func (s state) putGone(queue *gone) {
	if len(queue.Keys) == 0 {
		s.Delete([]byte(rowGone))
		return
	}
	s.put([]byte(rowGone), queue)
}

// dropGrants removes at most n grants of a key and reports whether there are no more.
func (s state) dropGrants(key Ref, n int) (done bool) {
	prefix := grantRow(key, "")
	found := keysWith(s, prefix, n)
	for _, k := range found {
		s.dropGrant(GrantRef{key, string(k[len(prefix):])})
	}
	return len(found) < n
}
