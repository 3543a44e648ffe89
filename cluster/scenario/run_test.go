package scenario_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"meridian/cluster/scenario"
	"meridian/cluster/world"
)

const made = "title t\nin us-east-1 CreateKey MultiRegion=true Description=a\nsave $k = KeyMetadata.KeyId\n"

const sealed = made + "in us-east-1 Encrypt KeyId=$k Plaintext=text:x\nsave $c = CiphertextBlob\n"

// TestWhatIsNotAsExpectedIsSeen: a scenario that expects what is not so fails at that line and says what is.
func TestWhatIsNotAsExpectedIsSeen(t *testing.T) {
	for _, c := range []struct {
		text    string
		verdict scenario.Verdict
		line    int
		got     string
	}{
		{made + "expect KeyMetadata.Description = b", scenario.Failed, 2, "KeyMetadata.Description = a"},
		{made + "expect KeyMetadata.Description != a", scenario.Failed, 2, "a"},
		{made + "expect KeyMetadata.Nothing exists", scenario.Failed, 2, "KeyMetadata"},
		{made + "expect KeyMetadata.KeyId absent", scenario.Failed, 2, "KeyMetadata"},
		{made + "expect error NotFoundException", scenario.Failed, 2, "success"},
		{made + "in us-east-1 DescribeKey KeyId=nothing", scenario.Failed, 4, "error NotFoundException"},
		{made + "in us-east-1 DescribeKey KeyId=nothing\nexpect error DisabledException", scenario.Failed, 4, "error NotFoundException"},
		{made + "in us-east-1 DescribeKey KeyId=nothing\nexpect unavailable", scenario.Failed, 4, "error NotFoundException"},
		{made + "check us-east-1 $k is Disabled", scenario.Failed, 4, "$k in us-east-1 is Enabled"},
		{made + "check us-east-1 $k is Enabled REPLICA", scenario.Failed, 4, "$k in us-east-1 is Enabled PRIMARY"},
		{made + "check eu-west-1 $k is Enabled", scenario.Failed, 4, "$k in eu-west-1 is missing"},
		{made + "check us-east-1 $k Description = b", scenario.Failed, 4, "is a"},
		{made + "check us-east-1 $k rotations 1", scenario.Failed, 4, "0 rotations"},
		{made + "check us-east-1 silent", scenario.Failed, 4, "success"},
		{made + "kill us-east-1\ncheck us-east-1 answers", scenario.Failed, 5, "unavailable"},
		{made + "check invariants hold and us-east-1 $k is Disabled", scenario.Failed, 4, "Enabled"},
		{made + "wait until eu-west-1 $k is Enabled within 2s", scenario.Late, 4, "missing"},
		{made + "hold 2s eu-west-1 $k is Enabled", scenario.Failed, 4, "missing"},
		{made + "partition us-east-1 eu-west-1\nin us-east-1 ReplicateKey KeyId=$k ReplicaRegion=eu-west-1\ncheck converged", scenario.Failed, 6, "us-east-1 owes word of 2 keys"},
		{sealed + "check $c fails in us-east-1", scenario.Failed, 6, "decrypts"},
		{sealed + "check $c decrypts in eu-west-1", scenario.Failed, 6, "AccessDeniedException"},
		{sealed + "check $c fails in eu-west-1 DisabledException", scenario.Failed, 6, "AccessDeniedException"},
		{sealed + "meanwhile decrypt $c in us-east-1\nin us-east-1 DisableKey KeyId=$k\nend", scenario.Failed, 6, "failed, the first: $c in us-east-1"},
		{made + "check losing us-east-1 costs nothing of $k", scenario.Failed, 4, "no other Region can use the key"},
		{made + "check losing eu-west-1 costs nothing of $k", scenario.Failed, 4, "eu-west-1 does not say what it knows of $k"},
		{made + "check eu-west-1 is behind us-east-1 in $k", scenario.Failed, 4, "us-east-1 has nothing to tell eu-west-1"},
		{made + "fence eu-west-1", scenario.Failed, 4, "node eu-west-1/1 of eu-west-1 answers"},
		{made + "kill eu-west-1\nfence eu-west-1 is refused", scenario.Failed, 5, "it was done"},
		{made + "force-promote $k in us-east-1", scenario.Failed, 4, "the key is the primary"},
		{sealed + "kill us-east-1\nkill us-east-1/leader", scenario.Broken, 7, ""},
	} {
		report, out := played(t, c.text)
		if report.Verdict != c.verdict || len(report.Steps) == 0 {
			t.Errorf("%s\nverdict %s\n%s", c.text, report.Verdict, out)
			continue
		}
		last := report.Steps[len(report.Steps)-1]
		if last.Line != c.line || last.OK || !strings.Contains(last.Got, c.got) || !strings.Contains(out, "✗") {
			t.Errorf("%s\nended with %+v\n%s", c.text, last, out)
		}
	}
}

// liar is a world whose answers are changed on their way.
type liar struct {
	world.World
	change func(world.Call, *world.Answer)
}

func (l liar) Call(ctx context.Context, c world.Call) (world.Answer, error) {
	a, err := l.World.Call(ctx, c)
	l.change(c, &a)
	return a, err
}

// TestBrokenInvariantsAreSeen: a second primary, and a ciphertext that an enabled key does not open, do not pass.
func TestBrokenInvariantsAreSeen(t *testing.T) {
	text := sealed + "in us-east-1 ReplicateKey KeyId=$k ReplicaRegion=eu-west-1\nwait until eu-west-1 $k is Enabled\ncheck invariants hold"
	s, err := scenario.Parse("test", text)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		got    string
		change func(world.Call, *world.Answer)
	}{
		{"two primaries", "primaries in us-east-1 and eu-west-1", func(c world.Call, a *world.Answer) {
			if c.Operation == "DescribeKey" && c.Region == "eu-west-1" {
				a.Output = bytes.ReplaceAll(a.Output, []byte(`"REPLICA"`), []byte(`"PRIMARY"`))
			}
		}},
		{"does not decrypt", "$c does not decrypt in eu-west-1", func(c world.Call, a *world.Answer) {
			if c.Operation == "Decrypt" && c.Region == "eu-west-1" {
				*a = world.Answer{Code: "InvalidCiphertextException"}
			}
		}},
		{"decrypts to something else", "something else", func(c world.Call, a *world.Answer) {
			if c.Operation == "Decrypt" {
				a.Output = json.RawMessage(`{"Plaintext":"AAAA"}`)
			}
		}},
	} {
		var out bytes.Buffer
		report := scenario.Run(t.Context(), s, liar{simulated(t, s, 1), c.change}, &out)
		if report.Verdict != scenario.Failed || !strings.Contains(out.String(), c.got) {
			t.Errorf("%s: %s\n%s", c.name, report.Verdict, &out)
		}
	}
}

// lame is a world that can do little.
type lame struct{ world.World }

func (lame) Can(f world.Feature) error { return fmt.Errorf("%w %s", world.ErrUnable, f) }

// TestWhatAWorldCannotPlayIsSkipped: with the reason, and without a step.
func TestWhatAWorldCannotPlayIsSkipped(t *testing.T) {
	for text, why := range map[string]string{
		made + "kill us-east-1":                             "kill and start nodes",
		made + "repeat 2\npause us-east-1\nend":             "pause nodes",
		made + "clock advance 1d":                           "move the time ahead",
		made + "partition us-east-1 eu-west-1":              "faults between Regions",
		"nodes 2\n" + made + "flap us-east-1/1 us-east-1 2": "faults between the nodes of a Region",
		made + "lag aws-like":                               "hold back what Regions tell each other",
		made + "sync pause":                                 "pause synchronisation",
		made + "fence us-east-1":                            "declare a Region lost for ever",
		made + "force-promote $k in us-east-1":              "promote without the old primary's consent",
		made + "wipe broker":                                "wipe the broker",
		"not in sim: it is told differently there\n" + made: "it is told differently there",
		"regions us-east-1 sa-east-1\n" + made:              "there is no Region sa-east-1",
		"regions us-east-1\nnodes 5\n" + made:               "has 2 nodes, the scenario needs 5",
	} {
		s, err := scenario.Parse("test", text)
		if err != nil {
			t.Fatal(err)
		}
		three, err := scenario.Parse("three", "nodes 2\n"+made)
		if err != nil {
			t.Fatal(err)
		}
		report := scenario.Run(t.Context(), s, lame{simulated(t, three, 1)}, &bytes.Buffer{})
		if report.Verdict != scenario.Skipped || !strings.Contains(report.Reason, why) || len(report.Steps) > 0 {
			t.Errorf("%q: %+v", text, report)
		}
	}
}

// broken is a world that fails.
type broken struct{ world.World }

func (broken) Call(context.Context, world.Call) (world.Answer, error) {
	return world.Answer{}, errors.New("the world ended")
}

// TestAWorldThatFailsIsNoPass: nor is it a failure of the scenario.
func TestAWorldThatFailsIsNoPass(t *testing.T) {
	s, err := scenario.Parse("test", made)
	if err != nil {
		t.Fatal(err)
	}
	report := scenario.Run(t.Context(), s, broken{simulated(t, s, 1)}, &bytes.Buffer{})
	if report.Verdict != scenario.Broken || !strings.Contains(report.Reason, "the world ended") {
		t.Errorf("%+v", report)
	}
}

// stopping is a world in which somebody ends the scenario at its first call.
type stopping struct {
	world.World
	stop func()
}

func (s stopping) Call(ctx context.Context, _ world.Call) (world.Answer, error) {
	s.stop()
	return world.Answer{}, ctx.Err()
}

// TestStoppedIsNotBroken: who ends a scenario is told where, and not that the world is at fault.
func TestStoppedIsNotBroken(t *testing.T) {
	s, err := scenario.Parse("test", made)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var out bytes.Buffer
	report := scenario.Run(ctx, s, stopping{simulated(t, s, 1), stop}, &out)
	if report.Verdict != scenario.Stopped || !strings.Contains(out.String(), "stopped at line") || strings.Contains(out.String(), "canceled") {
		t.Errorf("%+v\n%s", report, &out)
	}
}
