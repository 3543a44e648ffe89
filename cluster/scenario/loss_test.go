package scenario_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"meridian/cluster/control"
	"meridian/cluster/keyview"
	"meridian/cluster/scenario"
	"meridian/cluster/virtual"
	"meridian/cluster/world"
)

// TestLossIsWhatIsLost stops every scenario of the library somewhere, asks what the death of a Region would cost and what
// could be done without it, ends that Region, and tries. With MERIDIAN_SCENARIOS=all it stops behind every step, and
// each Region dies in turn.
func TestLossIsWhatIsLost(t *testing.T) {
	all := os.Getenv("MERIDIAN_SCENARIOS") == "all"
	tried := map[string]int{}
	for i, s := range library(t) {
		for _, at := range stops(s.Steps(), i, all) {
			for j, region := range s.Regions {
				if all || j == (i+at)%len(s.Regions) {
					t.Run(fmt.Sprintf("%s/%d/%s", s.Name, at, region), func(t *testing.T) { lose(t, s, at, region, tried) })
				}
			}
		}
	}
	t.Log("predictions that were tried, by what and how:", tried)
	for _, some := range []string{"encrypt yes", "encrypt no", "decrypt yes", "promote forced", "promote no", "promote yes", "replicate yes", "replicate no", "rotate waits", "rotate no"} {
		if tried[some] == 0 {
			t.Errorf("%q was never predicted", some)
		}
	}
}

func stops(steps, i int, all bool) (at []int) {
	if !all {
		return []int{1 + (steps*(1+i%3)/3+i)%steps}
	}
	for n := range steps {
		at = append(at, n+1)
	}
	return at
}

// trial is a world in which a Region has died.
type trial struct {
	t     *testing.T
	world *virtual.World
	stage *scenario.Stage
	tried map[string]int
	moved map[string]bool // keys whose role of primary was moved already
}

func lose(t *testing.T, s *scenario.Scenario, steps int, region string, tried map[string]int) {
	w := simulated(t, s, 1).(*virtual.World)
	stage, report := scenario.RunTo(t.Context(), s, w, steps)
	if report.Verdict != scenario.Passed {
		t.Fatalf("%s: %s", report.Verdict, report.Reason)
	}
	if err := w.Pass(t.Context()); err != nil { // what was just changed is on its way
		t.Fatal(err)
	}
	states, err := w.KeyStates(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	agrees(t, w, states)
	loss := keyview.Losses([]string{region}, w.Regions(), nil, states, nil)[0]
	x := &trial{t, w, stage, tried, map[string]bool{}}
	before := x.opens(states, region)
	if err := w.Act(t.Context(), world.Kill, region); err != nil {
		t.Fatal(err)
	}
	x.nothingElseIsLost(loss, before)
	for _, what := range []func(keyview.Ability, *control.KeyState){x.use, x.manage, x.promote} { // the last changes who can manage
		for _, a := range loss.Without {
			for i := range states {
				if s := &states[i]; s.KeyID == a.Key && s.Region == a.Region {
					what(a, s)
				}
			}
		}
	}
}

// agrees: where no Region owes another one anything, none is behind with a key.
func agrees(t *testing.T, w *virtual.World, states []control.KeyState) {
	for _, region := range w.Regions() {
		if n, err := w.Owed(t.Context(), region); err != nil || n > 0 {
			return
		}
	}
	for _, l := range keyview.Lags(states) {
		if l.Behind() {
			t.Errorf("nothing is owed, and %s is behind %s: %+v", l.To, l.From, *l)
		}
	}
}

// opens are the ciphertexts that decrypt in a Region, by key.
func (x *trial) opens(states []control.KeyState, region string) map[string][]string {
	open := map[string][]string{}
	for i := range states {
		if s := &states[i]; s.Region == region {
			for _, name := range x.stage.Ciphertexts(s.KeyID) {
				if got, err := x.stage.Decrypt(x.t.Context(), name, region); err == nil && got == "" {
					open[s.KeyID] = append(open[s.KeyID], name)
				}
			}
		}
	}
	return open
}

// nothingElseIsLost: what decrypted in the Region decrypts in another one that can use the key, unless the loss said no.
func (x *trial) nothingElseIsLost(loss keyview.Loss, before map[string][]string) {
	for key, names := range before {
		gone := slices.ContainsFunc(loss.Lost, func(l keyview.Lost) bool {
			return l.Key == key && (l.What == keyview.LostKey || l.What == keyview.LostMaterial)
		})
		enabled := slices.ContainsFunc(loss.Without, func(a keyview.Ability) bool { return a.Key == key && a.Decrypt != keyview.No })
		if gone || !enabled {
			continue
		}
		for _, name := range names {
			if !slices.ContainsFunc(loss.Without, func(a keyview.Ability) bool {
				got, err := x.stage.Decrypt(x.t.Context(), name, a.Region)
				return a.Key == key && err == nil && got == ""
			}) {
				x.t.Errorf("%s decrypted in %s and does in no other Region, which the loss does not say: %+v", name, loss.Region, loss.Lost)
			}
		}
	}
}

// use holds what was said of a Region's cryptography to what it answers.
func (x *trial) use(a keyview.Ability, s *control.KeyState) {
	if s.Shared.Spec == "SYMMETRIC_DEFAULT" {
		x.expect(a, "encrypt", a.Encrypt, x.call(a.Region, s.Shared.Account, "Encrypt", map[string]any{"KeyId": a.Key, "Plaintext": "aGk="}))
		for _, name := range x.stage.Ciphertexts(a.Key) {
			if got, err := x.stage.Decrypt(x.t.Context(), name, a.Region); a.Decrypt != keyview.Part {
				x.expect(a, "decrypt", a.Decrypt, errors.Join(err, said(got)))
			}
		}
	}
	if s.Shared.Spec == "ECC_NIST_P256" {
		x.expect(a, "sign", a.Sign, x.call(a.Region, s.Shared.Account, "Sign", map[string]any{"KeyId": a.Key, "Message": "aGk=", "SigningAlgorithm": "ECDSA_SHA_256"}))
	}
}

func (x *trial) manage(a keyview.Ability, s *control.KeyState) {
	if a.Rotate != keyview.Never && s.Shared.Pending == "" {
		x.expect(a, "rotate", a.Rotate, x.call(a.Region, s.Shared.Account, "RotateKeyOnDemand", map[string]any{"KeyId": a.Key}))
	}
	for _, to := range x.world.Regions() {
		if a.Replicate != keyview.Never && x.free(s, to) {
			x.expect(a, "replicate", a.Replicate, x.call(a.Region, s.Shared.Account, "ReplicateKey", map[string]any{"KeyId": a.Key, "ReplicaRegion": to}))
			break
		}
	}
}

// free says whether a Region runs and has no member of a key, nor is to have one.
func (x *trial) free(s *control.KeyState, region string) bool {
	listed := slices.ContainsFunc(s.Shared.Members, func(m control.ListedMember) bool { return m.Region == region && !m.Gone })
	return !listed && x.call(region, s.Shared.Account, "DescribeKey", map[string]any{"KeyId": s.KeyID}) != nil
}

func (x *trial) promote(a keyview.Ability, s *control.KeyState) {
	if x.moved[a.Key] {
		return
	}
	x.moved[a.Key] = a.Promote == keyview.Yes || a.Promote == keyview.Forced
	switch a.Promote {
	case keyview.Yes, keyview.No:
		if s.Shared.Primary != a.Region && a.Role == "REPLICA" {
			err := x.call(s.Shared.Primary, s.Shared.Account, "UpdatePrimaryRegion", map[string]any{"KeyId": a.Key, "PrimaryRegion": a.Region})
			if a.Promote == keyview.No && err == nil { // behind a cut silence is consent, and the role stays where it is
				err = x.staysReplica(a)
			}
			x.expect(a, "promote", a.Promote, err)
		}
	case keyview.Forced:
		x.expect(a, "promote", a.Promote, x.world.ForcePromote(x.t.Context(), s.Shared.Account, a.Key, a.Region, true)) // where a node without its majority runs, too
	}
}

// errStays is why a Region did not become primary.
var errStays = errors.New("the role of primary did not come")

// staysReplica looks for longer than a hand-off may take whether a Region becomes primary; nil: it does. One that is
// Updating cannot as it is, and may in a moment.
func (x *trial) staysReplica(a keyview.Ability) error {
	for until := x.world.Now() + 40*time.Second; x.world.Now() < until; {
		if err := x.world.Pass(x.t.Context()); err != nil {
			return err
		}
	}
	states, err := x.world.KeyStates(x.t.Context())
	if a.State != "Updating" && slices.ContainsFunc(states, func(s control.KeyState) bool {
		return s.KeyID == a.Key && s.Region == a.Region && s.Own.Role == "PRIMARY"
	}) {
		return nil
	}
	return errors.Join(errStays, err)
}

// expect compares what was said with what happened.
func (x *trial) expect(a keyview.Ability, what, predicted string, err error) {
	x.tried[what+" "+predicted]++
	if works := predicted != keyview.No; works != (err == nil) {
		x.t.Errorf("%s in %s (%s, %s): %q was said, and then: %v", what, a.Region, a.Role, a.State, predicted, err)
	}
}

func said(text string) error {
	if text == "" {
		return nil
	}
	return errors.New(text)
}

func (x *trial) call(region, account, operation string, in map[string]any) error {
	input, err := json.Marshal(in)
	if err != nil {
		return err
	}
	answer, err := x.world.Call(context.Background(), world.Call{Region: region, Account: account, Operation: operation, Input: input})
	if err == nil && answer.Code != "" {
		err = errors.New(answer.Code + ": " + answer.Text)
	}
	return err
}
