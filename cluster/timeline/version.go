package timeline

import (
	"strconv"
	"strings"
)

// version is the place of a record, or of a status, among those of its key.
type version struct {
	text       string // as the Region wrote it
	gen        uint64
	by         string
	epoch, seq uint64
}

func number(n uint64) version { return version{seq: n} }

// parse reads epoch.seq, behind generation@Region. where a promotion was forced. What it cannot read is before all.
func parse(s string) version {
	v, rest := version{text: s}, s
	if gen, after, ok := strings.Cut(s, "@"); ok {
		v.gen, _ = strconv.ParseUint(gen, 10, 32)
		v.by, rest, _ = strings.Cut(after, ".")
	}
	epoch, seq, _ := strings.Cut(rest, ".")
	v.epoch, _ = strconv.ParseUint(epoch, 10, 32)
	v.seq, _ = strconv.ParseUint(seq, 10, 32)
	return v
}

// before tells whether v is older than w.
func (v version) before(w version) bool {
	switch {
	case v.gen != w.gen:
		return v.gen < w.gen
	case v.by != w.by:
		return v.by < w.by
	case v.epoch != w.epoch:
		return v.epoch < w.epoch
	}
	return v.seq < w.seq
}
