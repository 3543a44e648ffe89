package family

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Bounds of what another Region may send.
const (
	MaxMembers   = 128
	MaxMaterials = 2048
	MaxHeld      = 2 * MaxMaterials
	MaxReason    = 1024
	MaxRegion    = 64
	MaxCaller    = 16 << 10
	MaxCount     = 1 << 31 // of generations, epochs, writes, attempts, materials: none of them wraps around
)

// Validate reports whether a received record is well-formed. Decide relies on it. Whether its
// writer may say what it says is another question, which signatures and the rules answer.
func (r *Record) Validate() error {
	v := r.Version
	switch {
	case v.Epoch == 0 || (v.Gen == 0) != (v.GenBy == ""):
		return fmt.Errorf("record version %v is impossible", v)
	case max(v.Gen, v.Epoch, v.Seq, r.Attempt) > MaxCount:
		return fmt.Errorf("record version %v is beyond all bounds", v)
	case r.Account == "" || r.KeyID == "":
		return errors.New("record names no key")
	case len(r.Members) == 0 || len(r.Members) > MaxMembers:
		return fmt.Errorf("record has %d members", len(r.Members))
	case len(r.Materials) > MaxMaterials:
		return fmt.Errorf("record has %d materials", len(r.Materials))
	}
	if err := r.validateMembers(); err != nil {
		return err
	}
	return r.validateMaterials()
}

func (r *Record) validateMembers() error {
	for i := range r.Members {
		m := &r.Members[i]
		switch {
		case m.Region == "" || len(m.Region) > MaxRegion:
			return errors.New("record has a member without a Region's name")
		case i > 0 && strings.Compare(r.Members[i-1].Region, m.Region) >= 0:
			return errors.New("record's members are not sorted")
		case m.Inc.Epoch == 0 || r.Version.Less(m.Inc):
			return fmt.Errorf("record's member %s is newer than the record", m.Region)
		case m.Init != nil && (len(m.Init.Caller) > MaxCaller || len(m.Init.By) > MaxReason):
			return fmt.Errorf("record's member %s was asked for by a caller that is too long", m.Region)
		case m.Fenced && !m.Gone:
			return fmt.Errorf("record's member %s is fenced but not gone", m.Region)
		}
	}
	primary, writer := r.member(r.Primary), r.member(r.Writer)
	switch {
	case primary == nil || primary.Gone:
		return errors.New("record's primary is not a member")
	case writer == nil || writer.Gone:
		return errors.New("record's writer is not a member")
	case (r.Writer != r.Primary) != (r.Version.Seq == 0 && r.Version.Epoch > 1):
		return errors.New("record's writer is not its primary")
	}
	if h := r.Handoff; h != nil {
		if to := r.member(h.To); to == nil || to.Gone || h.To == r.Primary || h.Attempt != r.Attempt {
			return errors.New("record's hand-off goes nowhere")
		}
		if len(h.Caller) > MaxCaller || len(h.By) > MaxReason {
			return errors.New("record's hand-off was asked for by a caller that is too long")
		}
	}
	return nil
}

func (r *Record) validateMaterials() error {
	for i := range r.Materials {
		m := &r.Materials[i]
		if m.ID.IsZero() || m.Number > MaxCount {
			return errors.New("record has a material without id or number")
		}
		if i > 0 && r.Materials[i-1].Number >= m.Number {
			return errors.New("record's materials are not sorted")
		}
	}
	if len(slices.Compact(ids(r.Materials))) != len(r.Materials) {
		return errors.New("record lists a material twice")
	}
	if !r.Current.IsZero() && !lists(r.Materials, r.Current) || !r.Pending.IsZero() && !lists(r.Materials, r.Pending) {
		return errors.New("record uses a material that it does not list")
	}
	return nil
}

// Validate reports whether a received status is well-formed.
func (s *Status) Validate() error {
	switch {
	case s.From == "" || len(s.From) > MaxRegion:
		return errors.New("status without a Region's name")
	case s.Inc.Epoch == 0 || s.Applied.Epoch == 0:
		return errors.New("status of no incarnation")
	case s.State < Creating || s.State > Deleted:
		return fmt.Errorf("status with %v", s.State)
	case len(s.Held) > MaxHeld || len(s.Reason) > MaxReason:
		return errors.New("status is too long")
	}
	for i := 1; i < len(s.Held); i++ {
		if s.Held[i-1].Compare(s.Held[i]) >= 0 {
			return errors.New("status's materials are not sorted")
		}
	}
	return nil
}
