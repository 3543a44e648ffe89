package codec

import (
	"reflect"

	"meridian/keyengine"
	"meridian/keyengine/family"
)

// kind is one type of event: its number in the log, for ever, and the newest version of its body at the first feature
// level; see raise for what came later.
type kind struct {
	number  uint16
	version uint8 // 0: the first level does not have the event
	example any   // zero value of the Go type
}

// own are the events of one Region. Numbers are below 100. Never renumber, never reuse.
func own() []kind {
	return []kind{
		{1, 1, keyengine.KeyCreated{}},
		{2, 1, keyengine.MaterialsWrapped{}},
		{3, 1, keyengine.DescriptionUpdated{}},
		{4, 1, keyengine.PolicyPut{}},
		{5, 1, keyengine.TagsChanged{}},
		{6, 1, keyengine.AliasCreated{}},
		{7, 1, keyengine.AliasUpdated{}},
		{8, 1, keyengine.AliasDeleted{}},
		{9, 1, keyengine.PeerSeen{}},
		{10, 1, keyengine.SealingKeyAdvanced{}},
		{11, 1, keyengine.ClockAdvanced{}},
		{12, 1, keyengine.GrantCreated{}},
		{13, 1, keyengine.GrantRetired{}},
		{14, 1, keyengine.GrantRevoked{}},
		{15, 1, keyengine.KeyUsed{}},
		{16, 1, keyengine.LifeBegun{}},
		{17, 1, keyengine.LevelRaised{}},
		{18, 0, keyengine.PeerLevelSeen{}},
	}
}

// shared are the events of the cross-Region protocol. Numbers are from 100. Never renumber, never
// reuse.
func shared() []kind {
	return []kind{
		{100, 2, family.FamilyCreated{}},
		{101, 2, family.ReplicaAdded{}},
		{102, 2, family.ReplicaReported{}},
		{103, 2, family.MemberGone{}},
		{104, 2, family.MemberFenced{}},
		{105, 2, family.HandoffBegun{}},
		{106, 2, family.HandoffAborted{}},
		{107, 2, family.PrimaryRelinquished{}},
		{108, 2, family.PrimaryTaken{}},
		{109, 2, family.PrimaryForced{}},
		{110, 2, family.RotationStarted{}},
		{111, 2, family.RotationActivated{}},
		{112, 2, family.RotationSet{}},
		{113, 2, family.MaterialSalvaged{}},
		{114, 1, family.StatusReceived{}},
		{115, 2, family.RecordAccepted{}},
		{116, 2, family.ReplicaCreated{}},
		{117, 2, family.ReplicaRefused{}},
		{118, 1, family.ReplicaCompleted{}},
		{119, 1, family.MaterialImported{}},
		{120, 1, family.Frozen{}},
		{121, 1, family.Thawed{}},
		{122, 1, family.HandoffRefused{}},
		{123, 1, family.KeyEnabled{}},
		{124, 1, family.KeyDisabled{}},
		{125, 1, family.DeletionScheduled{}},
		{126, 1, family.ReplicaDeletionAwaited{}},
		{127, 1, family.DeletionCancelled{}},
		{128, 1, family.KeyDeleted{}},
		{129, 2, family.Orphaned{}},
		{130, 1, family.OrphanReleased{}},
		{131, 1, family.StatusAdvanced{}},
		{132, 1, family.AlarmRaised{}},
		{133, 2, family.MaterialAdded{}},
		{134, 2, family.MaterialRemoved{}},
		{135, 1, family.MaterialPlaced{}},
		{136, 1, family.MaterialErased{}},
		{137, 1, family.ImportAwaited{}},
		{138, 1, family.PrimaryResumed{}},
		{139, 1, family.FamilyEnded{}},
		{140, 1, family.FamilySuspended{}},
		{141, 2, family.PeerHeard{}},
		{142, 1, family.FamilyResumed{}},
	}
}

// tables are never changed.
var (
	byNumber = index(func(k kind) uint16 { return k.number })
	byType   = index(func(k kind) reflect.Type { return reflect.TypeOf(k.example) })
)

// index panics if two kinds share a number or a type, before anything is read or written.
func index[K comparable](of func(kind) K) map[K]kind {
	m := map[K]kind{}
	for _, k := range append(own(), shared()...) {
		if _, twice := m[of(k)]; twice {
			panic("codec: " + k.name() + " is in the table twice")
		}
		m[of(k)] = k
	}
	return m
}

func (k kind) name() string { return reflect.TypeOf(k.example).Name() }

// ofFamily reports whether the event is one of the protocol, whose body begins with the key's name.
func (k kind) ofFamily() bool {
	_, ok := k.example.(family.Event)
	return ok
}
