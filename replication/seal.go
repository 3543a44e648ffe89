package replication

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"meridian/eventlog"
	"meridian/keyengine"
	"meridian/keyengine/canonical"
	"meridian/keyengine/family"
	"meridian/keyengine/keyring"
	"meridian/keyengine/primitive"
)

// originExternal is the origin of families whose material callers bring themselves, in each Region:
// it never travels.
const originExternal = "EXTERNAL"

// sealingKey is a Region's public sealing key, as it announced it.
type sealingKey struct {
	step   uint64
	public []byte
}

// label is what sealing is bound to: the HPKE info. Each box is bound to labelOf its material.
type label struct {
	_    struct{} `cbor:",toarray"`
	Src  string
	Dst  string
	Step uint64
}

// boxLabel is the associated data of a box.
type boxLabel struct {
	_       struct{} `cbor:",toarray"`
	Account string
	KeyID   string
	ID      family.MaterialID
	Version family.Version // of the record, or the Applied of the status, that the material goes with
}

// stored is a material as this Region keeps it.
type stored struct {
	id      family.MaterialID
	leaf    uint64
	wrapped []byte
}

// storedOf reads materials from the state; what is not there is left out.
func storedOf(v *keyengine.View, ids []family.MaterialID) (out []stored) {
	for _, id := range ids {
		if leaf, wrapped, ok := v.Secret(id); ok {
			out = append(out, stored{id, leaf, wrapped})
		}
	}
	return out
}

// binding says whose a wrapped material is.
func (r *Relay) binding(rec *family.Record, id family.MaterialID) keyring.Binding {
	return keyring.Binding{
		Partition: rec.Partition, Account: rec.Account, KeyID: rec.KeyID, ID: id, Spec: rec.Spec,
	}
}

// seal opens materials and seals them to dst's key.
func (r *Relay) seal(dst string, key sealingKey, rec *family.Record, version family.Version, materials []stored) (*Sealed, error) {
	if len(materials) == 0 {
		return nil, nil
	}
	info := canonical.Marshal(label{Src: r.config.Place.Region, Dst: dst, Step: key.step})
	sealer, enc, err := keyring.SealTo(key.public, info)
	if err != nil {
		return nil, fmt.Errorf("seal to %s: %w", dst, err)
	}
	s := &Sealed{Step: key.step, Enc: enc}
	for _, m := range materials {
		box, err := r.box(sealer, rec, version, m)
		if err != nil {
			return nil, fmt.Errorf("seal material %v: %w", m.id, err)
		}
		s.Boxes = append(s.Boxes, box)
	}
	return s, nil
}

func (r *Relay) box(sealer *keyring.Sealer, rec *family.Record, version family.Version, m stored) (Box, error) {
	material, err := r.config.Ring.Unwrap(m.leaf, r.binding(rec, m.id), m.wrapped)
	if err != nil {
		return Box{}, err
	}
	defer material.Destroy()
	box := Box{ID: m.id}
	aad := canonical.Marshal(boxLabel{Account: rec.Account, KeyID: rec.KeyID, ID: m.id, Version: version})
	err = material.Use(func(secret []byte) error {
		box.Ciphertext, err = sealer.Seal(aad, secret)
		return err
	})
	return box, err
}

// errCannotOpen: the key it was sealed to is not here (any more), and a newer one is.
var errCannotOpen = errors.New("sealed to a key that is not here")

// opened is material that arrived, wrapped under this Region's own hierarchy.
type opened struct {
	materials []keyengine.NewMaterial
	secrets   []eventlog.Secret
}

func (o *opened) ids() (ids []family.MaterialID) {
	for _, m := range o.materials {
		ids = append(ids, m.ID)
	}
	return ids
}

// open opens what src sealed to this Region and wraps it anew, each material under a leaf of its
// own. Materials that are held are opened, because the boxes have an order, and dropped.
func (r *Relay) open(src string, sealed *Sealed, rec *family.Record, version family.Version, held []family.MaterialID) (*opened, error) {
	out := new(opened)
	if sealed == nil || !slices.ContainsFunc(sealed.Boxes, func(b Box) bool { return !slices.Contains(held, b.ID) }) {
		return out, nil
	}
	info := canonical.Marshal(label{Src: src, Dst: r.config.Place.Region, Step: sealed.Step})
	opener, err := r.config.Ring.OpenFrom(sealed.Step, sealed.Enc, info)
	if err != nil {
		r.counters.resealed.Add(1)
		return nil, fmt.Errorf("%w: %w", errCannotOpen, err)
	}
	for _, b := range sealed.Boxes {
		aad := canonical.Marshal(boxLabel{Account: rec.Account, KeyID: rec.KeyID, ID: b.ID, Version: version})
		plain, err := opener.Open(aad, b.Ciphertext)
		if err != nil {
			r.counters.resealed.Add(1)
			return nil, fmt.Errorf("%w: %w", errCannotOpen, err)
		}
		if !slices.Contains(held, b.ID) && !slices.Contains(out.ids(), b.ID) {
			err = r.rewrap(out, rec, b.ID, plain)
		}
		clear(plain)
		if err != nil {
			return nil, fmt.Errorf("wrap material %v: %w", b.ID, err)
		}
	}
	return out, nil
}

func (r *Relay) rewrap(out *opened, rec *family.Record, id family.MaterialID, plain []byte) error {
	material := primitive.NewMaterial(plain)
	defer material.Destroy()
	leaf := r.config.Region.NextLeaf()
	wrapped, err := r.config.Ring.Wrap(rand.Reader, leaf, r.binding(rec, id), material)
	if err != nil {
		return err
	}
	out.materials = append(out.materials, keyengine.NewMaterial{ID: id, Leaf: leaf})
	out.secrets = append(out.secrets, eventlog.Secret{ID: id, Leaf: leaf, Wrapped: wrapped})
	r.counters.opened.Add(1)
	return nil
}

// announcement is this Region's sealing key as it is told to dst, with dst's life as remembered.
func (r *Relay) announcement(dst string) (*KeyBody, error) {
	b := &KeyBody{Nonce: newNonce()}
	r.config.Region.View(func(v *keyengine.View) {
		b.Step, b.LifeSeen = v.SealingStep(), v.Peer(dst)
		if level := v.Level(); level > 1 {
			b.Level = level
		}
	})
	var err error
	if b.Public, err = r.config.Ring.SealingKey(b.Step); err != nil {
		return nil, fmt.Errorf("sealing key of step %d: %w", b.Step, err)
	}
	return b, nil
}
