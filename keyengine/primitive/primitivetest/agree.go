package primitivetest

import (
	"bytes"
	"errors"
	"testing"

	"meridian/keyengine/primitive"
)

func agrees(t *testing.T, p primitive.Provider, a primitive.Agrees) {
	k, ok := p.(primitive.PublicKeys)
	if !ok {
		t.Fatal("agreement without public keys")
	}
	mine, theirs := material(p, 1), material(p, 2)
	me, they := must(a.Agreement(mine)), must(a.Agreement(theirs))
	myKey, theirKey := must(k.PublicKey(mine)), must(k.PublicKey(theirs))

	t.Run("both sides", func(t *testing.T) {
		one, two := must(me.Derive(theirKey)), must(they.Derive(myKey))
		if len(one) == 0 || !bytes.Equal(one, two) {
			t.Errorf("secrets of %d and %d bytes differ", len(one), len(two))
		}
		if bytes.Equal(one, must(me.Derive(myKey))) {
			t.Error("another peer gives the same secret")
		}
	})

	t.Run("bad peers", func(t *testing.T) {
		bad := [][]byte{nil, {0}, theirKey[:len(theirKey)-1], append(bytes.Clone(theirKey), 0), mine.Bytes(), make([]byte, 1<<14)}
		for i := range theirKey {
			changed := bytes.Clone(theirKey)
			changed[i] ^= 1
			bad = append(bad, changed)
		}
		for i, peer := range bad {
			if got, err := me.Derive(peer); err != primitive.ErrPeer || got != nil {
				t.Errorf("bad peer %d of %d bytes: %v", i, len(peer), err)
			}
		}
	})

	t.Run("not material", func(t *testing.T) {
		for _, m := range notMaterial() {
			if _, err := a.Agreement(m); !errors.Is(err, primitive.ErrMaterial) {
				t.Errorf("an agreement of %d bytes: %v", m.Len(), err)
			}
		}
	})

	t.Run("destroyed", func(t *testing.T) {
		mine.Destroy()
		if got, err := me.Derive(theirKey); err != primitive.ErrDestroyed || got != nil {
			t.Errorf("deriving under destroyed material: %v", err)
		}
	})
}

// FuzzPeer feeds an agreement with public keys from outside: it derives a secret or says ErrPeer.
func FuzzPeer(f *testing.F, p interface {
	primitive.Provider
	primitive.PublicKeys
	primitive.Agrees
},
) {
	agreement := must(p.Agreement(material(p, 1)))
	f.Add(must(p.PublicKey(material(p, 2))))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, spki []byte) {
		secret, err := agreement.Derive(spki)
		if (err == nil) != (len(secret) > 0) || err != nil && err != primitive.ErrPeer {
			t.Fatalf("%d bytes, %v", len(secret), err)
		}
	})
}
