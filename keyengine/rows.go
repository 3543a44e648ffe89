package keyengine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"meridian/keyengine/canonical"
	"meridian/keyengine/family"
	"meridian/keyengine/rows"
)

// The prefixes of rows. The state digest covers the first six.
//
//	k/<account>/<key id>                Key
//	f/<account>/<key id>                family.Local
//	a/<account>/alias/<name>            Alias
//	a/<account>/key/<key id>/alias/<…>  empty: the aliases of a key
//	g/…                                 grants: see grantrows.go
//	d/r/<32 bytes>                      remembered
//	d/t/<8 bytes ms><32 bytes>          empty: when a reply is forgotten
//	c/clock                             offset of Region time, ms
//	c/keys/<account>                    number of live keys
//	c/leaf                              first leaf that was never used
//	c/level                             feature level of this Region, if greater than 1
//	c/life                              life number of this Region, if greater than 1
//	c/peer/<Region>                     greatest life seen
//	c/peer-level/<Region>               feature level announced last, if one was
//	c/seal                              step of the sealing key
//	c/used/<account>/<key id>           used: the newest use
//	m/<32 bytes>                        SecretRow, written by the store
//	o/<dst>/<account>/<key id>          empty: the family owes dst a message
//	t/<8 bytes ms>/<account>/<key id>   empty: when the family has work to do
const (
	prefixKey       = "k/"
	prefixFamily    = "f/"
	prefixAlias     = "a/"
	prefixReply     = "d/r/"
	prefixExpiry    = "d/t/"
	prefixCount     = "c/keys/"
	rowClock        = "c/clock"
	rowLeaf         = "c/leaf"
	rowLevel        = "c/level"
	rowLife         = "c/life"
	rowStep         = "c/seal"
	prefixPeer      = "c/peer/"
	prefixPeerLevel = "c/peer-level/"
	prefixUsed      = "c/used/"
	prefixSecret    = "m/"
	prefixObliged   = "o/"
	prefixDue       = "t/"
)

// SecretRow is the value of a row m/: wrapped key material. Stores write it; it is never part of a
// digest, an event or a snapshot in the clear.
type SecretRow struct {
	_       struct{} `cbor:",toarray"`
	Leaf    uint64
	Wrapped []byte
}

// SecretKey is the key of the row m/ of a material.
func SecretKey(id family.MaterialID) []byte { return append([]byte(prefixSecret), id[:]...) }

func keyRow(r Ref) []byte    { return []byte(prefixKey + r.Account + "/" + r.KeyID) }
func familyRow(r Ref) []byte { return []byte(prefixFamily + r.Account + "/" + r.KeyID) }

func aliasRow(account, name string) []byte { return []byte(prefixAlias + account + "/" + name) }

func aliasOfKeyRow(r Ref, name string) []byte {
	return []byte(prefixAlias + r.Account + "/key/" + r.KeyID + "/" + name)
}

func obligedRow(dst string, r Ref) []byte {
	return []byte(prefixObliged + dst + "/" + r.Account + "/" + r.KeyID)
}

func dueRow(at int64, r Ref) []byte {
	b := binary.BigEndian.AppendUint64([]byte(prefixDue), uint64(at))
	return append(b, "/"+r.Account+"/"+r.KeyID...)
}

// parseRef reads "<account>/<key id>", the end of a row's key.
func parseRef(tail []byte) Ref {
	account, keyID, _ := strings.Cut(string(tail), "/")
	return Ref{Account: account, KeyID: keyID}
}

// load decodes a row. A row that does not decode is a broken promise of the store: going on would
// make this node differ from its peers, so it stops.
func load[T any](r rows.Reader, key []byte) (*T, bool) {
	b, ok := r.Get(key)
	if !ok {
		return nil, false
	}
	return decode[T](key, b), true
}

func decode[T any](key, value []byte) *T {
	v := new(T)
	if err := canonical.Unmarshal(value, v); err != nil {
		panic(fmt.Sprintf("keyengine: row %q: %v", key, err))
	}
	return v
}

func (s state) put(key []byte, v any) { s.Put(key, canonical.Marshal(v)) }

// mark puts a row of an index.
func (s state) mark(key []byte) { s.Put(key, []byte{}) }

// raise sets a counter, which never falls.
func (s state) raise(key string, to uint64) {
	if to > counter(s, key) {
		s.Put([]byte(key), binary.BigEndian.AppendUint64(nil, to))
	}
}

// set sets a counter, which may fall.
func (s state) set(key string, to uint64) {
	s.Put([]byte(key), binary.BigEndian.AppendUint64(nil, to))
}

// add moves a count up or down.
func (s state) add(key string, n int64) {
	s.set(key, counter(s, key)+uint64(n))
}

func counter(r rows.Reader, key string) uint64 {
	b, ok := r.Get([]byte(key))
	if !ok {
		return 0
	}
	if len(b) != 8 {
		panic(fmt.Sprintf("keyengine: row %q has %d bytes", key, len(b)))
	}
	return binary.BigEndian.Uint64(b)
}

// keysWith collects at most limit keys of rows with a prefix, so that they can be deleted.
func keysWith(r rows.Reader, prefix []byte, limit int) [][]byte {
	var keys [][]byte
	for k := range r.Scan(prefix, nil) {
		if len(keys) == limit {
			break
		}
		keys = append(keys, bytes.Clone(k))
	}
	return keys
}
