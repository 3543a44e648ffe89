package node_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"meridian/cluster/control"
	"meridian/region/node/nodetest"
)

// sides is two Regions of one node each, of which one or both run, and a key of both.
type sides struct {
	*nodetest.Cluster
	id string
}

const atEast, atWest = "us-east-1/1", "eu-west-1/1"

func (s sides) admin(node string) *control.Client {
	s.T.Helper()
	client, err := control.Connect(s.Dir.Node(node))
	if err != nil {
		s.T.Fatal(err)
	}
	return client
}

// members says what a node shows of the key: its state, and each Region that has a member; "gone" where it has none.
func (s sides) members(node string) (state string, regions []string) {
	s.T.Helper()
	d, err := s.Client(node).DescribeKey(s.T.Context(), &kms.DescribeKeyInput{KeyId: &s.id})
	var gone *types.NotFoundException
	if errors.As(err, &gone) {
		return "gone", nil
	}
	if err != nil {
		s.T.Fatal(err)
	}
	m := d.KeyMetadata.MultiRegionConfiguration
	regions = append(regions, *m.PrimaryKey.Region)
	for _, r := range m.ReplicaKeys {
		regions = append(regions, *r.Region)
	}
	return string(d.KeyMetadata.KeyState), regions
}

// rotate rotates the key at a node, and waits until that is over.
func (s sides) rotate(node string) {
	s.T.Helper()
	ctx, client := s.T.Context(), s.Client(node)
	rotations := func() int {
		l, err := client.ListKeyRotations(ctx, &kms.ListKeyRotationsInput{KeyId: &s.id})
		if err != nil {
			s.T.Fatal(err)
		}
		return len(l.Rotations)
	}
	before := rotations()
	if _, err := client.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: &s.id}); err != nil {
		s.T.Fatal(err)
	}
	s.Eventually(node+" has rotated the key", func() bool { return rotations() > before })
}

func (s sides) encrypt(node, text string) []byte {
	s.T.Helper()
	out, err := s.Client(node).Encrypt(s.T.Context(), &kms.EncryptInput{KeyId: &s.id, Plaintext: []byte(text)})
	if err != nil {
		s.T.Fatal(err)
	}
	return out.CiphertextBlob
}

func (s sides) decrypts(node string, sealed []byte) bool {
	out, err := s.Client(node).Decrypt(s.T.Context(), &kms.DecryptInput{CiphertextBlob: sealed})
	return err == nil && len(out.Plaintext) > 0
}

// twoSides makes a key in the east with a replica in the west.
func twoSides(t *testing.T) sides {
	t.Helper()
	s := sides{Cluster: nodetest.New(t, 1, "us-east-1", "eu-west-1")}
	s.Ready()
	created, err := s.Client(atEast).CreateKey(t.Context(), &kms.CreateKeyInput{MultiRegion: new(true)})
	if err != nil {
		t.Fatal(err)
	}
	s.id = *created.KeyMetadata.KeyId
	s.replicate(atEast, "eu-west-1")
	return s
}

// replicate makes a replica, and waits until it can be used.
func (s sides) replicate(node, region string) {
	s.T.Helper()
	if _, err := s.Client(node).ReplicateKey(s.T.Context(), &kms.ReplicateKeyInput{KeyId: &s.id, ReplicaRegion: &region}); err != nil {
		s.T.Fatal(err)
	}
	s.Eventually("the replica is enabled", func() bool {
		state, _ := s.members(region + "/1")
		return state == "Enabled"
	})
}

// TestBothSidesOfASplitAreUnited: each Region is declared lost by the other's operator, each rotates the key and
// encrypts. When they meet, the promoted one goes on, the other's member ends, and what either encrypted is decrypted.
func TestBothSidesOfASplitAreUnited(t *testing.T) {
	s := twoSides(t)
	ctx := t.Context()
	first := s.encrypt(atEast, "before")

	s.Stop(atWest)
	s.Eventually("the east leads", func() bool { return s.Nodes[atEast].Status().Leader != "" })
	fenced, err := s.admin(atEast).FenceLost(ctx, "eu-west-1")
	if err != nil || len(fenced.Keys) != 1 || !strings.HasSuffix(fenced.Keys[0].Key, s.id) || fenced.Keys[0].Before == fenced.Keys[0].After {
		t.Fatalf("fenced %+v, %v", fenced, err)
	}
	if again, err := s.admin(atEast).FenceLost(ctx, "eu-west-1"); err != nil || len(again.Keys) != 0 {
		t.Fatalf("fenced again %+v, %v", again, err)
	}
	s.rotate(atEast) // it waits for nobody any more
	fromEast := s.encrypt(atEast, "in the east")
	s.Stop(atEast)

	s.Start(atWest)
	s.Ready()
	s.Eventually("the west leads", func() bool { return s.Nodes[atWest].Status().Role == control.Leader })
	lost, err := s.admin(atWest).FenceLost(ctx, "us-east-1")
	if err != nil || len(lost.Keys) != 0 || len(lost.Headless) != 1 {
		t.Fatalf("headless %+v, %v", lost, err)
	}
	promoted, err := s.admin(atWest).ForcePromote(ctx, "000000000000", s.id)
	if err != nil || promoted.Fault != nil || promoted.Before == promoted.After || len(promoted.Dropped) != 0 {
		t.Fatalf("promoted %+v, %v", promoted, err)
	}
	s.rotate(atWest)
	fromWest := s.encrypt(atWest, "in the west")
	if s.decrypts(atWest, fromEast) {
		t.Fatal("the west decrypts what it has no material for")
	}

	s.Start(atEast)
	s.Ready()
	s.Eventually("the east's member has ended", func() bool { state, _ := s.members(atEast); return state == "gone" })
	s.Eventually("the west has the east's material", func() bool { return s.decrypts(atWest, fromEast) })
	s.replicate(atWest, "us-east-1")
	for _, node := range []string{atEast, atWest} {
		for i, sealed := range [][]byte{first, fromEast, fromWest} {
			if !s.decrypts(node, sealed) {
				t.Errorf("%s does not decrypt ciphertext %d", node, i+1)
			}
		}
		if _, regions := s.members(node); !slices.Equal(regions, []string{"eu-west-1", "us-east-1"}) {
			t.Errorf("%s: primary and replicas are %v", node, regions)
		}
	}
	s.shows(atWest, "PrimaryForced", "MaterialSalvaged")
	s.shows(atEast, "MemberFenced", "Orphaned")
}

// shows wants events of these types in a node's log.
func (s sides) shows(node string, types ...string) {
	s.T.Helper()
	var seen []string
	for e, err := range s.admin(node).Events(s.T.Context(), control.EventQuery{Key: s.id}) {
		if err != nil {
			s.T.Fatal(err)
		}
		seen = append(seen, e.Type)
	}
	for _, want := range types {
		if !slices.Contains(seen, want) {
			s.T.Errorf("%s has no event %s: %v", node, want, seen)
		}
	}
}

// TestOperatorsAreRefused: what makes no sense changes nothing, and says why.
func TestOperatorsAreRefused(t *testing.T) {
	s := twoSides(t)
	ctx := t.Context()
	for _, lost := range []string{"us-east-1", "nowhere", ""} {
		if f, err := s.admin(atEast).FenceLost(ctx, lost); err != nil || f.Fault == nil {
			t.Errorf("fence %q: %+v, %v", lost, f, err)
		}
	}
	for _, c := range []struct{ node, account, key string }{
		{atEast, "000000000000", s.id}, // it is the primary
		{atWest, "000000000000", "mrk-00000000000000000000000000000009"},
		{atWest, "111111111111", s.id},
		{atWest, "", ""},
	} {
		if p, err := s.admin(c.node).ForcePromote(ctx, c.account, c.key); err != nil || p.Fault == nil {
			t.Errorf("promote %+v: %+v, %v", c, p, err)
		}
	}
	if state, regions := s.members(atWest); state != "Enabled" || !slices.Equal(regions, []string{"us-east-1", "eu-west-1"}) {
		t.Errorf("the west shows %s %v", state, regions)
	}
}
