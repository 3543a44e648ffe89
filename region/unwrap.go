package region

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"meridian/keyengine"
	"meridian/keyengine/family"
	"meridian/keyengine/keyring"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/primitive"
)

// materialLimit bounds the cache of unwrapped materials.
const materialLimit = 4096

// errNoMaterial says that this node does not hold a material.
var errNoMaterial = errors.New("no such key material")

// unwrapped is a material in use, with what was made ready of it: to parse a private key can take
// longer than to use it.
type unwrapped struct {
	primitive.Material
	ready sync.Map // reflect.Type of a capability to the capability
}

// materialCache holds unwrapped materials of keys in use. Whatever changes a key empties it of that
// key's materials and clears their bytes.
type materialCache struct {
	mu      sync.Mutex
	count   int
	dropped uint64 // how often something was dropped
	keys    map[keyengine.Ref]map[family.MaterialID]*unwrapped
}

// get returns a material that is kept, and what put needs to keep one that was read after get.
func (c *materialCache) get(ref keyengine.Ref, id family.MaterialID) (m *unwrapped, ok bool, asOf uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, ok = c.keys[ref][id]
	return m, ok, c.dropped
}

// put keeps m, unless another call was faster, or something was dropped since asOf: it may have been
// this. It returns the material to use.
func (c *materialCache) put(ref keyengine.Ref, id family.MaterialID, m *unwrapped, asOf uint64) *unwrapped {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dropped != asOf {
		return m
	}
	if kept, ok := c.keys[ref][id]; ok {
		m.Destroy()
		return kept
	}
	if c.count >= materialLimit || c.keys == nil {
		for ref := range c.keys {
			c.forget(ref)
		}
		c.keys = map[keyengine.Ref]map[family.MaterialID]*unwrapped{}
	}
	if c.keys[ref] == nil {
		c.keys[ref] = map[family.MaterialID]*unwrapped{}
	}
	c.keys[ref][id] = m
	c.count++
	return m
}

// drop forgets the materials of ref.
func (c *materialCache) drop(ref keyengine.Ref) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped++
	c.forget(ref)
}

func (c *materialCache) forget(ref keyengine.Ref) {
	for _, m := range c.keys[ref] {
		m.Destroy()
	}
	c.count -= len(c.keys[ref])
	delete(c.keys, ref)
}

// Changed tells the Region which rows a record of the Region time at changed; all where a restore replaced the
// state. It does not block.
func (r *Region) Changed(keys [][]byte, at int64, all bool) {
	if all {
		r.materials.clear()
		r.kept.clear()
		r.followSealingKey()
		return
	}
	r.kept.changed(keys)
	if sealingKeyChanged(keys) {
		r.followSealingKey()
	}
	var refs []keyengine.Ref
	for _, k := range keys {
		if ref, ok := keyengine.FamilyOfRow(k); ok && !slices.Contains(refs, ref) {
			refs = append(refs, ref)
			r.materials.drop(ref)
		}
	}
	if r.relay != nil {
		r.relay.Changed(at, refs...)
	}
}

func (c *materialCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped++
	for ref := range c.keys {
		c.forget(ref)
	}
}

// with calls use with what prepare makes of a key's material. The material may be cleared by a change
// of the key at any time; then it is unwrapped again, if the key still has it.
func with[C any](r *Region, key *keyengine.Usable, id family.MaterialID, prepare func(primitive.Set, string, primitive.Material) (C, error), use func(C) error) error {
	for {
		material, err := r.material(key.Ref, key.Spec, id)
		if err != nil {
			return err
		}
		capability, err := ready(material, func() (C, error) { return prepare(r.Primitives, key.Spec, material.Material) })
		if err == nil {
			err = use(capability)
		}
		if material.Len() == 0 && (errors.Is(err, primitive.ErrDestroyed) || errors.Is(err, primitive.ErrMaterial)) {
			continue
		}
		return err
	}
}

// ready returns what was made of m, or makes it.
func ready[C any](m *unwrapped, prepare func() (C, error)) (C, error) {
	kind := reflect.TypeFor[C]()
	if c, ok := m.ready.Load(kind); ok {
		return c.(C), nil
	}
	c, err := prepare()
	if err == nil {
		m.ready.Store(kind, c)
	}
	return c, err
}

// withCurrent is with for the current material of a key that was found a moment ago.
func withCurrent[C any](r *Region, key *keyengine.Usable, prepare func(primitive.Set, string, primitive.Material) (C, error), use func(C) error) error {
	err := with(r, key, key.Current, prepare, use)
	if errors.Is(err, errNoMaterial) && key.Origin != string(keyring.OriginAWSKMS) { // its material was deleted since
		return kmsapi.Errorf(kmsapi.KMSInvalidStateException, "%s is pending import.", key.ARN)
	}
	if errors.Is(err, errNoMaterial) { // the key was deleted since
		return kmsapi.Errorf(kmsapi.NotFoundException, "Key '%s' does not exist", key.ARN)
	}
	return err
}

// material returns an unwrapped material of a key.
func (r *Region) material(ref keyengine.Ref, spec string, id family.MaterialID) (*unwrapped, error) {
	m, ok, asOf := r.materials.get(ref, id)
	if ok {
		return m, nil
	}
	leaf, wrapped, ok := r.view().Secret(id)
	if !ok {
		return nil, errNoMaterial
	}
	opened, err := r.Ring.Unwrap(leaf, r.binding(ref, id, spec), wrapped)
	if err != nil {
		return nil, fmt.Errorf("unwrap material of key %s: %w", strings.TrimSpace(ref.KeyID), err)
	}
	return r.materials.put(ref, id, &unwrapped{Material: opened}, asOf), nil
}
