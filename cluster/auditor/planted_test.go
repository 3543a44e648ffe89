package auditor

import (
	"slices"
	"testing"

	"meridian/cluster/sim"
	"meridian/eventlog"
	"meridian/keyengine"
	"meridian/keyengine/canonical"
	"meridian/keyengine/family"
)

// stage is two Regions with one key. What is done on it is decided by the protocol; what is planted is not.
type stage struct {
	t *testing.T
	*logs
	locals map[string]*family.Local
}

const day = 24 * 60 * 60 * 1000

func newStage(t *testing.T) *stage {
	g := newLogs("A", "B")
	g.now = 1_700_000_000_000
	return &stage{t: t, logs: g, locals: map[string]*family.Local{"A": {}, "B": {}}}
}

// do has a Region decide.
func (s *stage) do(region string, c family.Command) {
	s.t.Helper()
	l := s.locals[region]
	events, err := family.Decide(family.Here{Region: region, Now: s.now, HandoffTimeout: day}, l, c)
	if err != nil {
		s.t.Fatalf("%s, %T: %v", region, c, err)
	}
	s.plant(region, operationOf(c), events...)
}

// plant puts events into a log, and into force.
func (s *stage) plant(region, operation string, events ...family.Event) {
	var all []keyengine.Event
	for _, e := range events {
		all = append(all, keyengine.FamilyEvent{Ref: ref, Event: e})
		family.Evolve(region, s.locals[region], e)
	}
	if len(all) > 0 {
		s.add(region, s.now, operation, all...)
	}
}

var ref = keyengine.Ref{Account: account, KeyID: "mrk-00000000000000000000000000000000"}

// talk has the Regions tell each other all there is to tell.
func (s *stage) talk() {
	for range 6 {
		a, b := s.locals["A"], s.locals["B"]
		for _, way := range []struct {
			from, to string
			l, other *family.Local
		}{{"A", "B", a, b}, {"B", "A", b, a}} {
			if way.l.Record.Writer == way.from {
				s.do(way.to, family.ReceiveRecord{Record: way.l.Record, Carried: way.l.Held})
			}
			s.do(way.to, family.FinishCreate{})
			if family.SendsStatusTo(way.from, way.l) == way.to {
				s.do(way.to, family.ReceiveStatus{Status: family.StatusOf(way.from, way.l)})
			}
		}
	}
}

func material(n byte) family.MaterialID { return family.MaterialID{n} }

// begin makes a key with a replica.
func (s *stage) begin() {
	s.do("A", family.Create{
		Record:   family.Record{Partition: "aws", Account: account, KeyID: ref.KeyID, Multi: true, Spec: "SYMMETRIC_DEFAULT", Usage: "ENCRYPT_DECRYPT", Origin: "AWS_KMS"},
		Material: material(1),
	})
	s.do("A", family.Replicate{To: "B"})
	s.talk()
	if s.locals["B"].State != family.Enabled {
		s.t.Fatalf("the replica is %v", s.locals["B"].State)
	}
}

// next is a write of the primary in A.
func (s *stage) next(change func(*family.Record)) family.Record {
	r := s.locals["A"].Record
	r.Version.Seq++
	r.Writer = "A"
	r.Members, r.Materials = slices.Clone(r.Members), slices.Clone(r.Materials)
	if change != nil {
		change(&r)
	}
	return r
}

// TestStory is a life of a key in which nothing is wrong: creation, rotation, hand-off there and back, the end.
func TestStory(t *testing.T) {
	s := newStage(t)
	s.begin()
	s.do("A", family.Rotate{Material: material(2), Type: family.OnDemand})
	s.talk()
	s.do("A", family.UpdatePrimary{To: "B"})
	s.talk()
	if p := s.locals["A"].Record.Primary; p != "B" || s.locals["B"].Record.Current != material(2) {
		t.Fatalf("the primary is %s", p)
	}
	s.do("A", family.ScheduleDeletion{WindowDays: 7})
	s.now += 8 * day
	s.do("A", family.Tick{})
	s.talk()
	s.do("B", family.ScheduleDeletion{WindowDays: 7})
	s.now += 8 * day
	s.do("B", family.Tick{})
	if r := s.audit(t); !r.OK || r.Open > 0 || r.Seqs["A"] != uint64(len(s.regions["A"])) || r.Keys != 1 {
		t.Errorf("%+v", r)
	}
}

// TestPlanted plants one violation of each invariant and wants it found, by its name.
func TestPlanted(t *testing.T) {
	for _, c := range []struct {
		name  string
		want  Invariant
		plant func(s *stage)
	}{
		{"another record of the same version", sim.SingleWriter, func(s *stage) {
			r := s.locals["A"].Record
			r.Rotation.Enabled = true
			s.locals["B"].Record.Version.Seq-- // B did not have it yet
			s.plant("B", "ReceiveRecord", family.RecordAccepted{Record: r})
		}},
		{"a version written twice", sim.SingleWriter, func(s *stage) {
			r := s.next(nil)
			s.plant("A", "EnableKeyRotation", family.RotationSet{Record: r})
			s.plant("A", "EnableKeyRotation", family.RotationSet{Record: r})
		}},
		{"a write in another Region's name", sim.SingleWriter, func(s *stage) {
			s.plant("A", "EnableKeyRotation", family.RotationSet{Record: s.next(func(r *family.Record) { r.Writer = "B" })})
		}},
		{"a write by a replica", sim.AtMostOnePrimary, func(s *stage) {
			s.plant("B", "EnableKeyRotation", family.RotationSet{Record: s.next(func(r *family.Record) { r.Writer = "B" })})
		}},
		{"two primaries in an epoch", sim.AtMostOnePrimaryPerEpoch, func(s *stage) {
			s.plant("A", "EnableKeyRotation", family.RotationSet{Record: s.next(func(r *family.Record) { r.Primary = "B" })})
		}},
		{"a record that its writer never wrote", RecordHasWriter, func(s *stage) {
			s.plant("B", "ReceiveRecord", family.RecordAccepted{Record: s.next(nil)})
		}},
		{"an older record", sim.VersionMonotone, func(s *stage) {
			r := s.locals["B"].Record
			s.do("A", family.SetRotation{Rotation: family.Rotation{Enabled: true, PeriodDays: 90}})
			s.talk()
			s.plant("B", "ReceiveRecord", family.RecordAccepted{Record: r})
		}},
		{"a smaller status number", sim.VersionMonotone, func(s *stage) {
			s.plant("B", "ReceiveRecord", family.StatusAdvanced{SV: s.locals["B"].SV - 1})
		}},
		{"an impossible record", sim.RecordIsValid, func(s *stage) {
			s.plant("A", "EnableKeyRotation", family.RotationSet{Record: s.next(func(r *family.Record) { r.Members = nil })})
		}},
		{"a material that the replica did not report", sim.MaterialBeforeUse, func(s *stage) {
			s.do("A", family.Rotate{Material: material(2), Type: family.OnDemand})
			s.plant("A", "ReceiveStatus", family.RotationActivated{Record: s.next(activate)})
		}},
		{"a material that the replica reported and never held", sim.MaterialBeforeUse, func(s *stage) {
			s.do("A", family.Rotate{Material: material(2), Type: family.OnDemand})
			said := family.StatusOf("B", s.locals["B"])
			said.SV, said.Held = said.SV+1, []family.MaterialID{material(1), material(2)}
			s.do("A", family.ReceiveStatus{Status: said})
		}},
		{"a status that the member never had", StatusIsTrue, func(s *stage) {
			said := family.StatusOf("B", s.locals["B"])
			said.SV, said.State = said.SV+1, family.Disabled
			s.do("A", family.ReceiveStatus{Status: said})
		}},
		{"two contents under one number", sim.StatusIsNumbered, func(s *stage) {
			s.plant("B", "DisableKey", family.KeyDisabled{})
		}},
		{"a member taken for gone that lives", GoneIsDead, func(s *stage) {
			s.plant("A", "ReceiveStatus", family.MemberGone{Region: "B", Record: s.next(func(r *family.Record) { r.Members[1].Gone = true })})
		}},
		{"a primary deleted before its replica", sim.NoLostReplica, func(s *stage) {
			s.plant("A", "RunDue", family.KeyDeleted{})
		}},
		{"a tombstone that rises", sim.NoResurrection, func(s *stage) {
			inc := s.locals["B"].Inc
			s.plant("B", "RunDue", family.KeyDeleted{})
			s.plant("B", "ReceiveRecord", family.ReplicaCreated{Record: s.locals["A"].Record, Inc: inc})
		}},
		{"an event while updating", sim.UpdatingIsFrozen, func(s *stage) {
			s.do("A", family.UpdatePrimary{To: "B"})
			s.plant("A", "ReplicateKey", family.ReplicaAdded{Region: "C", Record: s.next(nil)})
		}},
		{"a state while updating", sim.UpdatingIsFrozen, func(s *stage) {
			s.do("A", family.UpdatePrimary{To: "B"})
			s.plant("A", "RunDue", family.ImportAwaited{})
		}},
		{"enabled before its materials", sim.EnabledIsComplete, func(s *stage) {
			s.do("B", family.ScheduleDeletion{WindowDays: 7})
			s.now += 8 * day
			s.do("B", family.Tick{})
			s.do("A", family.ReceiveStatus{Status: family.StatusOf("B", s.locals["B"])})
			s.do("A", family.Replicate{To: "B"})
			s.do("B", family.ReceiveRecord{Record: s.locals["A"].Record})
			s.plant("B", "EnableKey", family.KeyEnabled{})
		}},
		{"enabled without the current material", sim.CryptoContinuity, func(s *stage) {
			s.plant("B", "DeleteImportedKeyMaterial", family.MaterialErased{Materials: []family.MaterialID{material(1)}})
		}},
		{"a member without a material that was used", sim.DecryptAnywhere, func(s *stage) {
			s.do("A", family.Rotate{Material: material(2), Type: family.OnDemand})
			s.talk()
			s.plant("B", "DeleteImportedKeyMaterial", family.MaterialErased{Materials: []family.MaterialID{material(1)}})
		}},
		{"the last copy erased", sim.NoSilentMaterialLoss, func(s *stage) {
			for _, region := range s.peers {
				s.plant(region, "DeleteImportedKeyMaterial", family.MaterialErased{Materials: []family.MaterialID{material(1)}})
			}
		}},
		{"a message that disables", sim.IndependentStaysLocal, func(s *stage) {
			s.plant("B", "ReceiveRecord", family.KeyDisabled{}, family.StatusAdvanced{SV: s.locals["B"].SV + 1})
		}},
		{"a message that changes tags", sim.IndependentStaysLocal, func(s *stage) {
			s.add("B", s.now, "ReceiveRecord", keyengine.TagsChanged{Account: account, KeyID: ref.KeyID})
		}},
		{"an alarm", sim.NoBrokenPromise, func(s *stage) {
			s.plant("B", "ReceiveRecord", family.AlarmRaised{Reason: "test"})
		}},
		{"time that goes back", TimeMonotone, func(s *stage) {
			s.now -= day
			s.do("A", family.Disable{})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t)
			s.begin()
			if r := s.audit(t); !r.OK {
				t.Fatalf("before: %+v", r.Findings)
			}
			c.plant(s)
			s.wants(c.want)
		})
	}
}

func activate(r *family.Record) { r.Current, r.Pending = r.Pending, family.MaterialID{} }

// wants an invariant among the findings.
func (s *stage) wants(want Invariant) {
	s.t.Helper()
	r := s.audit(s.t)
	if r.OK || !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Invariant == want }) {
		s.t.Errorf("%s was not found: %+v", want, r.Findings)
	}
}

// TestHole finds a record that is missing, and refuses one that cannot be read.
func TestHole(t *testing.T) {
	s := newStage(t)
	s.begin()
	a := New()
	if err := a.Take("A", 1, s.regions["A"][0]); err != nil {
		t.Fatal(err)
	}
	if err := a.Take("A", 3, s.regions["A"][2]); err != nil {
		t.Fatal(err)
	}
	if r := a.Report(); len(r.Findings) == 0 || r.Findings[0].Invariant != SeqDense || r.Findings[0].Seq != 3 {
		t.Errorf("%+v", r)
	}
	if err := a.Take("A", 4, []byte("no record")); err == nil || a.Report().Seqs["A"] != 3 {
		t.Errorf("took it: %v", err)
	}
}

// TestClaimsWait judges what one log says of another only when that was read to a later end.
func TestClaimsWait(t *testing.T) {
	s := newStage(t)
	s.begin()
	sv := s.locals["B"].SV + 1
	s.plant("B", "ReceiveRecord", family.RecordAccepted{Record: s.next(nil)}, family.StatusAdvanced{SV: sv}) // nobody wrote it
	a := New()
	read := func(region string) {
		a.Begin(region)
		for seq := a.Next(region); seq <= uint64(len(s.regions[region])); seq++ {
			if err := a.Take(region, seq, s.regions[region][seq-1]); err != nil {
				t.Fatal(err)
			}
		}
		a.End(region)
	}
	read("A")
	read("B")
	if r := a.Report(); !r.OK || r.Open == 0 {
		t.Fatalf("judged by an end of A's log that is older than what B says: %+v", r)
	}
	read("A")
	if r := a.Report(); r.OK || r.Open != 0 {
		t.Errorf("not found: %+v", r)
	}
}

// TestManyFindings keeps the first ones and counts the others.
func TestManyFindings(t *testing.T) {
	a := New()
	for seq := range uint64(300) {
		record := canonical.Marshal(eventlog.Record{Version: eventlog.RecordVersion, Term: 1, At: int64(1000 - seq)})
		if err := a.Take("A", seq+1, record); err != nil {
			t.Fatal(err)
		}
	}
	if r := a.Report(); len(r.Findings) != maxFindings || r.More != 299-maxFindings {
		t.Errorf("%d findings and %d more", len(r.Findings), r.More)
	}
}
