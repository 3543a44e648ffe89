package check

import (
	"slices"
	"strings"

	"meridian/cluster/history"
	"meridian/keyengine/kmsapi"
)

// The states of a key that calls alone lead to.
const (
	enabled         = string(kmsapi.KeyStateEnabled)
	disabled        = string(kmsapi.KeyStateDisabled)
	pendingDeletion = string(kmsapi.KeyStatePendingDeletion)
)

// A rule is what an operation demands of a single-Region key's state, and makes of it.
type rule struct {
	in []string // states in which it succeeds
	to string   // the state after it; empty: as before
}

// ruleOf returns an operation's rule.
func ruleOf(op string) rule {
	live := []string{enabled, disabled}
	switch op {
	case "EnableKey":
		return rule{live, enabled}
	case "DisableKey":
		return rule{live, disabled}
	case "ScheduleKeyDeletion":
		return rule{live, pendingDeletion}
	case "CancelKeyDeletion":
		return rule{[]string{pendingDeletion}, disabled}
	case "UpdateKeyDescription":
		return rule{live, ""}
	}
	return rule{[]string{enabled}, ""} // rotation and cryptography
}

// nextKey is a key of one Region as AWS's table of key states describes it.
func nextKey(s state, st step) (state, bool) {
	e := st.entry
	s.multi = s.multi || strings.HasPrefix(st.object.ID, "mrk-")
	switch {
	case e.Operation == "CreateKey":
		ok := s.is == absent
		a := e.Answer
		return state{is: present, key: a.State, text: e.Ask.Description, textTold: true, material: a.Material, multi: a.MultiRegion}, ok
	case e.Outcome == history.Fault:
		return refusedKey(s, e)
	case e.Outcome == history.OK && !s.be(present):
		return s, false
	case e.Operation == "DescribeKey":
		return described(s, e)
	}
	r := ruleOf(e.Operation)
	fits := s.multi || s.key == "" || !tracked(s.key) || slices.Contains(r.in, s.key)
	if e.Outcome == history.Unknown {
		if !fits || s.is == absent {
			return s, true // had it been carried out, it would have been refused
		}
	} else if !fits {
		return s, false
	}
	return changed(s, e, r)
}

// tracked reports whether calls alone lead out of a state.
func tracked(key string) bool { return key == enabled || key == disabled || key == pendingDeletion }

// refusedKey is a call that changed nothing; the reason it gave must be true.
func refusedKey(s state, e *history.Entry) (state, bool) {
	switch e.Code {
	case kmsapi.NotFoundException:
		if s.multi {
			return lostMember(s)
		}
		if s.is == present && (s.key == pendingDeletion || s.key == "") {
			return state{is: absent}, true // its time had come
		}
		return s, e.Ask.Alias != "" || s.be(absent)
	case kmsapi.DisabledException:
		if !s.be(present) {
			return s, false
		}
		return s.known(disabled)
	case kmsapi.KMSInvalidStateException:
		if !s.be(present) {
			return s, false
		}
		r := ruleOf(e.Operation)
		return s, s.multi || s.key == "" || !tracked(s.key) || !slices.Contains(r.in, s.key)
	}
	return s, true
}

// lostMember is a multi-Region key that is not there: it was not made yet, or it was deleted. It may come at any time,
// for replicas are made by the primary's Region.
func lostMember(s state) (state, bool) {
	if s.is == present {
		return state{multi: true}, s.doomed
	}
	return s, true
}

// known is a reading of a key's state.
func (s state) known(key string) (state, bool) {
	if s.multi || s.key == key {
		return s, true
	}
	if s.key != "" && tracked(s.key) && tracked(key) {
		return s, false
	}
	s.key = key
	return s, true
}

// described is a reading of all that a key says of itself.
func described(s state, e *history.Entry) (state, bool) {
	a := e.Answer
	if a.MultiRegion {
		s.multi = true
	}
	if s.textTold && s.text != a.Description && !s.doomed {
		return s, false
	}
	s.text, s.textTold = a.Description, true
	s, ok := s.known(a.State)
	if !ok {
		return s, false
	}
	return s.uses(a.Material)
}

// uses is a reading of a key's current material.
func (s state) uses(material string) (state, bool) {
	switch {
	case s.multi || s.rotates || material == "":
		return s, true
	case s.material != "":
		return s, s.material == material
	}
	s.material = material
	return s, material != s.before
}

// changed is the state after a call that was, or may have been, carried out.
func changed(s state, e *history.Entry, r rule) (state, bool) {
	if r.to != "" {
		s.key = r.to
	} else if s.key == "" && !s.multi && len(r.in) == 1 && e.Outcome == history.OK {
		s.key = r.in[0]
	}
	switch e.Operation {
	case "ScheduleKeyDeletion":
		s.doomed = s.multi
	case "CancelKeyDeletion":
		s.doomed = s.doomed && e.Outcome == history.Unknown
	case "UpdateKeyDescription":
		s.text, s.textTold = e.Ask.Description, true
	case "EnableKeyRotation":
		s.rotates = true
	case "RotateKeyOnDemand":
		if s.material != "" {
			s.before = s.material
		}
		s.material = ""
	case "GenerateDataKey", "GenerateDataKeyWithoutPlaintext":
		return s.uses(e.Answer.Material)
	}
	return s, true
}
