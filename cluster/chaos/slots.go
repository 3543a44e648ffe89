package chaos

import (
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// Bounds of what a run remembers of a key, and of how much one key is used: the search for an order of a key's calls
// takes the longer the more there are.
const (
	maxBlobs  = 16
	maxGrants = 16
	wornOut   = 150
)

// slot is a place for a key that clients share.
type slot struct {
	mu      sync.Mutex
	key     string
	primary string // Region, as last heard
	uses    int
	renewed bool // somebody makes the next key
	steady  bool // is never made anew
	blobs   [][]byte
	grants  []grant
}

type grant struct{ key, id string }

// use counts a use, and says whether the caller is to make the next key.
func (s *slot) use() (key, primary string, renew bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uses++
	if s.key == "" || s.uses >= wornOut && !s.steady {
		renew = !s.renewed
		s.renewed = s.renewed || renew
	}
	return s.key, s.primary, renew
}

// occupy puts a new key in the slot; an empty one leaves the old one, to be renewed later.
func (s *slot) occupy(key, primary string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.renewed = false
	if key != "" {
		s.key, s.primary, s.uses, s.blobs = key, primary, 0, nil
	}
}

// gone notes that a key does not exist any more.
func (s *slot) gone(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.key == key {
		s.uses = wornOut
	}
}

// heard notes who the primary is.
func (s *slot) heard(m *types.KeyMetadata) {
	if m.MultiRegionConfiguration == nil || m.MultiRegionConfiguration.PrimaryKey == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if *m.KeyId == s.key {
		s.primary = *m.MultiRegionConfiguration.PrimaryKey.Region
	}
}

// keep remembers a ciphertext, in the place of the oldest.
func (s *slot) keep(key string, blob []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.key != key {
		return
	}
	if len(s.blobs) == maxBlobs {
		s.blobs = s.blobs[1:]
	}
	s.blobs = append(s.blobs, blob)
}

// blob picks a ciphertext; nil: there is none.
func (s *slot) blob(pick int) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.blobs) == 0 {
		return nil
	}
	return s.blobs[pick%len(s.blobs)]
}

func (s *slot) granted(g grant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.grants) == maxGrants {
		s.grants = s.grants[1:]
	}
	s.grants = append(s.grants, g)
}

func (s *slot) grant(pick int) (grant, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.grants) == 0 {
		return grant{}, false
	}
	return s.grants[pick%len(s.grants)], true
}

// ring is all slots.
type ring struct {
	regions map[string]map[Class][]*slot
	shared  map[Class][]*slot
}

func newRing(regions []string) *ring {
	r := &ring{regions: map[string]map[Class][]*slot{}, shared: map[Class][]*slot{}}
	some := func(c Class) (s []*slot) {
		for range slotsOf(c) {
			s = append(s, &slot{})
		}
		return s
	}
	for _, name := range regions {
		r.regions[name] = map[Class][]*slot{Local: some(Local), Doomed: some(Doomed)}
	}
	r.shared[Mobile], r.shared[Churn] = some(Mobile), some(Churn)
	for i := range steadyKeys {
		r.shared[Mobile][i].steady = true
	}
	return r
}

// steadyKeys is how many mobile keys are never made anew: the decrypt loop uses them from the beginning to the end.
const steadyKeys = 3

// at is the slot of a step.
func (r *ring) at(s Step) *slot {
	if s.Class == Local || s.Class == Doomed {
		return r.regions[s.Region][s.Class][s.Slot]
	}
	return r.shared[s.Class][s.Slot]
}
