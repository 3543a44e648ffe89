package keystore

import "meridian/keyengine/rows"

// Reads is a Store as a Region reads it: a view for the length of a call, and the position it shows.
type Reads struct{ *Store }

// View calls f with the applied state as it is now; the reader is good until f returns.
func (r Reads) View(f func(rows.Reader)) {
	v := r.Store.View()
	defer v.Close()
	f(v)
}

// Seq is the number of the last record that a view shows.
func (r Reads) Seq() uint64 {
	v := r.Store.View()
	defer v.Close()
	return v.Meta().Seq
}

// Time is the Region time of the last record, in milliseconds since 1970 UTC.
func (r Reads) Time() int64 { return r.Meta().At }

// Life is the life of the Region that the store's history belongs to.
func (r Reads) Life() uint64 { return r.Meta().Life }
