package check

import (
	"slices"
	"strings"

	"meridian/cluster/history"
	"meridian/keyengine/kmsapi"
)

// presence is whether something is there.
type presence uint8

const (
	untold presence = iota // the history has not said yet
	absent
	present
)

// state is an object between two calls. The zero state knows nothing.
type state struct {
	is presence

	// of an alias
	target string // key id; empty: unknown

	// of a key
	key      string // its state; empty: unknown
	text     string // description
	textTold bool
	material string // the current one; empty: unknown
	before   string // one that a rotation put aside: it is never current again
	multi    bool   // of several Regions: its state and material change by themselves
	doomed   bool   // of several Regions, and its deletion was asked for: it may go, and come anew as a replica
	rotates  bool   // automatically: its material changes by itself
}

// next is what a call makes of a state, or false if it cannot have answered so in that state.
func next(s state, st step) (state, bool) {
	if s.is == untold && st.fresh {
		s.is = absent
	}
	switch st.object.Kind {
	case "alias":
		return nextAlias(s, st)
	case "grant":
		return nextGrant(s, st)
	}
	return nextKey(s, st)
}

// be binds what was untold; it is false where the opposite is known.
func (s *state) be(is presence) bool {
	if s.is == untold {
		s.is = is
	}
	return s.is == is
}

// nextAlias is the register of an alias.
func nextAlias(s state, st step) (state, bool) {
	e := st.entry
	done, maybe := e.Outcome == history.OK, e.Outcome == history.Unknown
	switch e.Operation {
	case "CreateAlias":
		switch {
		case maybe:
			if s.is != present {
				s.is, s.target = present, e.Ask.Target
			}
			return s, true
		case done:
			ok := s.be(absent)
			s.is, s.target = present, e.Ask.Target
			return s, ok
		case e.Code == kmsapi.AlreadyExistsException:
			return s, s.be(present)
		}
	case "UpdateAlias":
		if done && !s.be(present) {
			return s, false
		}
		if done || maybe && s.is != absent {
			s.is, s.target = present, e.Ask.Target
		}
	case "DeleteAlias":
		if done && !s.be(present) || e.Code == kmsapi.NotFoundException && !s.be(absent) {
			return s, false
		}
		if done || maybe {
			s.is, s.target = absent, ""
		}
	case "DescribeKey":
		if done {
			return s.pointsTo(e.Answer.Key)
		}
		if e.Code == kmsapi.NotFoundException {
			return s, s.be(absent)
		}
	case "ListAliases":
		if target, there := e.Answer.Aliases[strings.TrimPrefix(st.object.ID, e.Account+":")]; there {
			return s.pointsTo(target)
		}
		return s, s.be(absent)
	}
	return s, true
}

// pointsTo is a reading of an alias.
func (s state) pointsTo(key string) (state, bool) {
	if !s.be(present) || s.target != "" && s.target != key {
		return s, false
	}
	s.target = key
	return s, true
}

// nextGrant is the life of a grant: made once, ended once.
func nextGrant(s state, st step) (state, bool) {
	e := st.entry
	done := e.Outcome == history.OK
	switch e.Operation {
	case "CreateGrant":
		s.is = present // with a name, making it again answers with the same grant
	case "RevokeGrant", "RetireGrant":
		if done && !s.be(present) || e.Code == kmsapi.NotFoundException && !s.be(absent) {
			return s, false
		}
		if done || e.Outcome == history.Unknown {
			s.is = absent
		}
	case "ListGrants":
		if slices.Contains(e.Answer.Grants, st.object.ID) {
			return s, s.be(present)
		}
		return s, s.be(absent)
	}
	return s, true
}
