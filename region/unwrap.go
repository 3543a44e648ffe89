package region

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"meridian/keyengine"
	"meridian/keyengine/family"
	"meridian/keyengine/primitive"
)

// materialLimit bounds the cache of unwrapped materials.
const materialLimit = 4096

// errNoMaterial says that this node does not hold a material.
var errNoMaterial = errors.New("no such key material")

// materialCache holds unwrapped materials of keys in use. Whatever changes a key empties it of that
// key's materials and clears their bytes.
type materialCache struct {
	mu      sync.Mutex
	count   int
	dropped uint64 // how often something was dropped
	keys    map[keyengine.Ref]map[family.MaterialID]primitive.Material
}

// get returns a material that is kept, and what put needs to keep one that was read after get.
func (c *materialCache) get(ref keyengine.Ref, id family.MaterialID) (m primitive.Material, ok bool, asOf uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, ok = c.keys[ref][id]
	return m, ok, c.dropped
}

// put keeps m, unless another call was faster, or something was dropped since asOf: it may have been
// this. It returns the material to use.
func (c *materialCache) put(ref keyengine.Ref, id family.MaterialID, m primitive.Material, asOf uint64) primitive.Material {
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
		c.keys = map[keyengine.Ref]map[family.MaterialID]primitive.Material{}
	}
	if c.keys[ref] == nil {
		c.keys[ref] = map[family.MaterialID]primitive.Material{}
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

// Changed tells the Region which rows a record changed; all where a restore replaced the state. It
// does not block.
func (r *Region) Changed(keys [][]byte, all bool) {
	if all {
		r.materials.clear()
		return
	}
	var refs []keyengine.Ref
	for _, k := range keys {
		if ref, ok := keyengine.FamilyOfRow(k); ok && !slices.Contains(refs, ref) {
			refs = append(refs, ref)
			r.materials.drop(ref)
		}
	}
	if r.relay != nil {
		r.relay.Changed(refs...)
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

// encrypter calls use with the encrypter of a key's material. The material may be cleared by a
// change of the key at any time; then it is unwrapped again, if the key still has it.
func (r *Region) encrypter(ref keyengine.Ref, spec string, id family.MaterialID, use func(primitive.Encrypter) error) error {
	for {
		material, err := r.material(ref, spec, id)
		if err != nil {
			return err
		}
		encrypter, err := r.Primitives.Encrypter(spec, material)
		if err == nil {
			err = use(encrypter)
		}
		if material.Len() == 0 && (errors.Is(err, primitive.ErrDestroyed) || errors.Is(err, primitive.ErrMaterial)) {
			continue
		}
		return err
	}
}

// material returns an unwrapped material of a key.
func (r *Region) material(ref keyengine.Ref, spec string, id family.MaterialID) (primitive.Material, error) {
	m, ok, asOf := r.materials.get(ref, id)
	if ok {
		return m, nil
	}
	leaf, wrapped, ok := r.view().Secret(id)
	if !ok {
		return primitive.Material{}, errNoMaterial
	}
	m, err := r.Ring.Unwrap(leaf, r.binding(ref, id, spec), wrapped)
	if err != nil {
		return primitive.Material{}, fmt.Errorf("unwrap material of key %s: %w", strings.TrimSpace(ref.KeyID), err)
	}
	return r.materials.put(ref, id, m, asOf), nil
}
