package keyview

import (
	"fmt"
	"slices"

	"meridian/cluster/control"
)

// What a Region can do with a key.
const (
	Yes    = "yes"
	No     = "no"
	Never  = "-"      // keys of that kind do not do it, or there is nothing to do it with
	Part   = "part"   // Decrypt: only what was encrypted under the materials that are there
	Waits  = "waits"  // a rotation begins, and ends when the lost Region has been declared lost (fence)
	Is     = "is"     // it is primary already
	Forced = "forced" // by force-promote alone
)

// Ability is what a Region could do with a key without another one, as both are now.
type Ability struct {
	Key       string `json:"key"` // id
	Region    string `json:"region"`
	Role      string `json:"role"`
	State     string `json:"state"`
	Encrypt   string `json:"encrypt"` // and GenerateDataKey
	Decrypt   string `json:"decrypt"`
	Sign      string `json:"sign"` // or GenerateMac, or DeriveSharedSecret
	Replicate string `json:"replicate"`
	Rotate    string `json:"rotate"`
	Promote   string `json:"promote"`       // to become primary
	Why       string `json:"why,omitempty"` // of what it cannot do
}

// without is what each other Region could do with the key if one were lost.
func (f *relatives) without(lost string, all []string) (list []Ability) {
	newest := f.newest(func(r string) bool { return r != lost })
	if newest == nil {
		return nil
	}
	primary := f.at(newest.Shared.Primary)
	if newest.Shared.Primary == lost || !live(primary) {
		primary = nil // nobody, without force
	}
	for _, region := range all {
		s := f.at(region)
		if region == lost || !live(s) {
			continue
		}
		a := Ability{Key: f.key, Region: region, Role: s.Own.Role, State: s.Own.State}
		a.use(s)
		a.manage(f, s, primary, lost, all)
		list = append(list, a)
	}
	return list
}

// use fills in what cryptography is possible.
func (a *Ability) use(s *control.KeyState) {
	a.Encrypt, a.Decrypt, a.Sign = Never, Never, Never
	works := No
	if s.Own.State == "Enabled" || s.Own.State == "Updating" {
		works = Yes
	} else {
		a.Why = "it is " + s.Own.State
	}
	if s.Shared.Usage != "ENCRYPT_DECRYPT" {
		a.Sign = works
		return
	}
	a.Encrypt, a.Decrypt = works, works
	if works == No {
		return
	}
	held := 0
	for _, m := range s.Shared.Materials {
		if slices.Contains(s.Own.Held, m.ID) {
			held++
		} else if m.ID == s.Shared.Current {
			a.Encrypt = No
		}
	}
	if pending := s.Shared.Pending; pending != "" && !slices.Contains(s.Own.Held, pending) {
		held++ // nothing is encrypted under it yet
	}
	if held < len(s.Shared.Materials) {
		a.Decrypt = Part
	}
}

// manage fills in what can be done to the key. Primary is nil where nobody is.
func (a *Ability) manage(f *relatives, s, primary *control.KeyState, lost string, all []string) {
	a.Replicate, a.Rotate = No, rotates(s)
	own := s.Own.Role == "PRIMARY" // as far as it knows: after a promotion by force there may be two
	if own && resting(s) {
		a.Replicate = Never
		if slices.ContainsFunc(all, func(r string) bool { return r != lost && !listed(s.Shared, r) && !live(f.at(r)) }) {
			a.Replicate = Yes
		}
		if a.Rotate == No {
			a.Rotate = Yes
			if listed(s.Shared, lost) || s.Shared.Pending != "" {
				a.Rotate = Waits
			}
		}
	}
	a.promote(s, primary)
	switch {
	case a.Why != "":
	case own && s != primary:
		a.Why = "another Region was promoted by force, which it has not heard"
	case primary == nil:
		a.Why = "nobody would be primary"
	case own && !resting(s):
		a.Why = "it is " + s.Own.State
	case s != primary && a.Promote == No:
		a.Why = fmt.Sprintf("it is not Enabled, as far as the primary in %s knows, or that is %s", primary.Region, primary.Own.State)
	}
}

// rotates is whether material of such keys rotates at all: not by this Region, until more is known.
func rotates(s *control.KeyState) string {
	if s.Shared.Spec == "SYMMETRIC_DEFAULT" && s.Shared.Usage == "ENCRYPT_DECRYPT" && s.Shared.Origin == "AWS_KMS" {
		return No
	}
	return Never
}

// resting says whether a member takes calls that manage the key.
func resting(s *control.KeyState) bool {
	return s.Own.State == "Enabled" && s.Own.Halted == "" && len(s.Own.Awaits) == 0 && s.Shared.Handoff == ""
}

// promote fills in whether the role of primary can go to the Region.
func (a *Ability) promote(s, primary *control.KeyState) {
	settled := (s.Own.State == "Enabled" || s.Own.State == "Disabled" || s.Own.State == "Updating") && s.Own.Complete && s.Own.Halted == "" && len(s.Own.Awaits) == 0
	switch {
	case s.Own.Role == "PRIMARY":
		a.Promote = Is
	case primary == nil && settled && s.Own.Role != "ORPHAN":
		a.Promote = Forced
	case primary != nil && primary.Shared.Handoff == s.Region: // asked for already
		a.Promote = Yes
	case primary == nil, !resting(primary), s.Own.State != "Enabled", !listed(primary.Shared, s.Region):
		a.Promote = No
	case slices.ContainsFunc(primary.Own.Knows, func(k control.KnownStatus) bool { return k.From == s.Region && k.State == "Enabled" }):
		a.Promote = Yes
	default:
		a.Promote = No
	}
}
