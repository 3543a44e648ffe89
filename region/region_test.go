package region_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"meridian/eventlog/memlog"
	"meridian/keyengine/kmsapi"
	"meridian/region"
)

func code(err error) string {
	var fault *kmsapi.Fault
	if errors.As(err, &fault) {
		return fault.Code
	}
	return fmt.Sprint(err)
}

func TestAFollowerHandsWritesToTheLeader(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	var created kmsapi.CreateKeyResponse
	w.do(2, "CreateKey", `{"Description":"made through a follower"}`, &created)
	var described kmsapi.DescribeKeyResponse
	w.do(1, "DescribeKey", fmt.Sprintf(`{"KeyId":%q}`, *created.KeyMetadata.KeyId), &described)
	if got := *described.KeyMetadata.Description; got != "made through a follower" {
		t.Errorf("description is %q", got)
	}
}

func TestAForwardedCallWithoutOutputHasNone(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	var created kmsapi.CreateKeyResponse
	w.do(0, "CreateKey", `{}`, &created)
	out, _, err := w.call(1, "DisableKey", "", fmt.Sprintf(`{"KeyId":%q}`, *created.KeyMetadata.KeyId))
	if out != nil || err != nil {
		t.Errorf("DisableKey through a follower: %v, %v", out, err)
	}
}

// The header that names a retry makes the second attempt the same call, whatever became of the first.
func TestARetryIsAnsweredOnce(t *testing.T) {
	for name, outcome := range map[string]memlog.Outcome{
		"reply lost": memlog.LostReply, "entry late": memlog.Late, "entry lost": memlog.LostEntry,
		"refused": memlog.Refused, "term changed in between": memlog.NewTerm,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.lead(0)
			ctx, cancel := context.WithCancel(t.Context())
			var elections sync.WaitGroup
			elections.Go(func() { w.keepElecting(ctx, mathrand.New(mathrand.NewPCG(1, 2))) })
			defer elections.Wait()
			defer cancel()
			w.group.Next(outcome)
			first, _, err := w.call(1, "CreateKey", "one", `{}`)
			if err != nil {
				t.Fatal(err)
			}
			again, _, err := w.call(2, "CreateKey", "one", `{}`)
			if err != nil {
				t.Fatal(err)
			}
			if a, b := keyID(t, first), keyID(t, again); a != b {
				t.Errorf("two keys: %s and %s", a, b)
			}
			var keys kmsapi.ListKeysResponse
			w.do(0, "ListKeys", `{}`, &keys)
			if len(keys.Keys) != 1 {
				t.Errorf("%d keys after one call", len(keys.Keys))
			}
		})
	}
}

// Whatever happens to leaders and answers, every acknowledged call has happened exactly once and no
// call twice.
func TestAcknowledgedCallsHappenOnce(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := newWorld(t)
			w.lead(0)
			w.group.Chaos(mathrand.New(mathrand.NewPCG(seed, 7)), 0.15)
			ctx, cancel := context.WithCancel(t.Context())
			var elections sync.WaitGroup
			elections.Go(func() { w.keepElecting(ctx, mathrand.New(mathrand.NewPCG(seed, 3))) })
			var clients sync.WaitGroup
			var mu sync.Mutex
			acknowledged := map[string]string{} // description to key id
			for c := range 4 {
				clients.Go(func() {
					for i := range 25 {
						name := fmt.Sprintf("%d-%d", c, i)
						out, _, err := w.call(i%3, "CreateKey", name, fmt.Sprintf(`{"Description":%q}`, name))
						if err == nil {
							mu.Lock()
							acknowledged[name] = keyID(t, out)
							mu.Unlock()
						}
					}
				})
			}
			clients.Wait()
			w.group.Chaos(nil, 0)
			var keys kmsapi.ListKeysResponse
			w.do(0, "ListKeys", `{"Limit":1000}`, &keys)
			cancel()
			elections.Wait()
			found := map[string]string{}
			for _, k := range keys.Keys {
				var d kmsapi.DescribeKeyResponse
				w.do(1, "DescribeKey", fmt.Sprintf(`{"KeyId":%q}`, *k.KeyId), &d)
				name := *d.KeyMetadata.Description
				if found[name] != "" {
					t.Errorf("call %s made two keys", name)
				}
				found[name] = *k.KeyId
			}
			for name, id := range acknowledged {
				if found[name] != id {
					t.Errorf("call %s was answered with key %s, there is %q", name, id, found[name])
				}
			}
			if len(acknowledged) < 50 {
				t.Errorf("only %d of 100 calls were acknowledged: the test shows little", len(acknowledged))
			}
			t.Logf("%d of 100 calls acknowledged, %d keys", len(acknowledged), len(found))
		})
	}
}

func TestANoIsConfirmedAndAYesIsNot(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	w.group.Hold(2) // applies nothing
	var created kmsapi.CreateKeyResponse
	w.do(0, "CreateKey", `{}`, &created)
	encrypt := fmt.Sprintf(`{"KeyId":%q,"Plaintext":"aGVsbG8="}`, *created.KeyMetadata.KeyId)

	_, _, err := w.call(2, "Encrypt", "", encrypt)
	if code(err) != kmsapi.KMSInternalException {
		t.Errorf("a node that cannot catch up said %v; the key is there", err)
	}
	w.group.Release(2)
	w.do(2, "Encrypt", encrypt, nil)

	w.group.Hold(2)
	w.do(0, "DisableKey", fmt.Sprintf(`{"KeyId":%q}`, *created.KeyMetadata.KeyId), nil)
	w.down.Store(true)
	w.do(2, "Encrypt", encrypt, nil) // a yes from the applied state needs nobody
	w.down.Store(false)
	w.group.Release(2)
	if _, _, err := w.call(2, "Encrypt", "", encrypt); code(err) != kmsapi.DisabledException {
		t.Errorf("after catching up: %v", err)
	}
}

func TestLevels(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	w.group.Hold(2)
	var created kmsapi.CreateKeyResponse
	w.do(0, "CreateKey", `{}`, &created)
	describe := func(level, session string) (*kmsapi.Call, error) {
		op, _ := kmsapi.Lookup("DescribeKey")
		in := op.New()
		body := fmt.Appendf(nil, `{"KeyId":%q}`, *created.KeyMetadata.KeyId)
		if err := in.UnmarshalJSON(body); err != nil {
			t.Fatal(err)
		}
		call := &kmsapi.Call{
			RequestID: "r", Consistency: level, Session: session,
			Caller: kmsapi.Principal{Account: "000000000000", ARN: "arn:aws:iam::000000000000:root"},
			Raw:    kmsapi.Raw{Header: map[string][]string{"X-Operation": {"DescribeKey"}}, Body: body},
		}
		_, err := w.nodes[2].Dispatch(t.Context(), op, call, in)
		return call, err
	}
	if _, err := describe("eventual", ""); code(err) != kmsapi.NotFoundException {
		t.Errorf("eventual on a node that is behind: %v", err)
	}
	if call, err := describe("default", ""); code(err) != kmsapi.NotFoundException || call.Reply[region.HeaderStale] == "" {
		t.Errorf("default on a node that cannot catch up: %v, headers %v", err, call.Reply)
	}
	if _, err := describe("strong", ""); err != nil {
		t.Errorf("strong: %v", err)
	}
	if _, err := describe("eventual", "us-east-1.1.1"); err != nil {
		t.Errorf("eventual with a session that this node has not reached: %v", err)
	}
	if _, err := describe("sometimes", ""); code(err) != kmsapi.ValidationException || !strings.Contains(err.Error(), "bounded=<ms>") {
		t.Errorf("an unknown level: %v", err)
	}
	w.group.Release(2)
	if call, err := describe("bounded=60000", ""); err != nil || call.Reply[region.HeaderSession] != "us-east-1.1.1" {
		t.Errorf("bounded: %v, headers %v", err, call.Reply)
	}
}

func TestNobodyLeads(t *testing.T) {
	w := newWorld(t)
	if _, _, err := w.call(0, "CreateKey", "", `{}`); code(err) != kmsapi.KMSInternalException {
		t.Errorf("before there ever was a leader: %v", err)
	}
	w.lead(0)
	w.group.Depose()
	if _, _, err := w.call(0, "CreateKey", "", `{}`); code(err) != kmsapi.KMSInternalException {
		t.Errorf("without a leader: %v", err)
	}
}

// A node that led, lost the lead and has not noticed yet proves nothing by a leader that is another
// node, and not by itself in a later term.
func TestADeposedLeaderDoesNotAnswerForTheRegion(t *testing.T) {
	for _, level := range []string{"strong", "bounded=0", "default"} {
		for _, lies := range []int64{1, 2, 1 << 40} {
			t.Run(fmt.Sprint(level, " ", lies), func(t *testing.T) {
				w := newWorld(t)
				w.lead(0)
				var created kmsapi.CreateKeyResponse
				w.do(0, "CreateKey", `{}`, &created)
				w.group.Elect(1)
				w.group.Hold(0)
				w.do(1, "DisableKey", fmt.Sprintf(`{"KeyId":%q}`, *created.KeyMetadata.KeyId), nil)
				w.lies.Store(lies)
				out, call, err := w.callAt(0, "DescribeKey", level, fmt.Sprintf(`{"KeyId":%q}`, *created.KeyMetadata.KeyId))
				w.lies.Store(0)
				var d kmsapi.DescribeKeyResponse
				decode(t, out, &d)
				admitted := call.Reply[region.HeaderStale] != ""
				if err == nil && *d.KeyMetadata.KeyState == kmsapi.KeyStateEnabled && !admitted {
					t.Errorf("the old leader says %s of a key that is Disabled", *d.KeyMetadata.KeyState)
				}
				w.group.Release(0)
			})
		}
	}
}

// Whatever a caller did wrong here may be right elsewhere: an alias may have moved.
func TestEveryNoIsConfirmed(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	var old, present kmsapi.CreateKeyResponse
	w.do(0, "CreateKey", `{"KeySpec":"HMAC_256","KeyUsage":"GENERATE_VERIFY_MAC"}`, &old)
	w.do(0, "CreateKey", `{"KeySpec":"HMAC_256","KeyUsage":"GENERATE_VERIFY_MAC"}`, &present)
	w.do(0, "CreateAlias", fmt.Sprintf(`{"AliasName":"alias/x","TargetKeyId":%q}`, *old.KeyMetadata.KeyId), nil)
	w.do(2, "ListAliases", `{}`, nil) // node 3 has caught up
	w.group.Hold(2)
	w.do(0, "UpdateAlias", fmt.Sprintf(`{"AliasName":"alias/x","TargetKeyId":%q}`, *present.KeyMetadata.KeyId), nil)
	var mac kmsapi.GenerateMacResponse
	w.do(0, "GenerateMac", `{"KeyId":"alias/x","MacAlgorithm":"HMAC_SHA_256","Message":"aGVsbG8="}`, &mac)
	verify := fmt.Sprintf(`{"KeyId":"alias/x","MacAlgorithm":"HMAC_SHA_256","Message":"aGVsbG8=","Mac":%q}`, base64.StdEncoding.EncodeToString(mac.Mac))
	if _, _, err := w.call(2, "VerifyMac", "", verify); code(err) != kmsapi.KMSInternalException {
		t.Errorf("a node that is behind says %v of a MAC that is right", err)
	}
	w.group.Release(2)
	w.do(2, "VerifyMac", verify, nil)
}

// A node that has not heard a leader for five seconds may not know that a key was disabled.
func TestANodeOnItsOwnStopsUsingKeys(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	var created kmsapi.CreateKeyResponse
	w.do(0, "CreateKey", `{}`, &created)
	encrypt := fmt.Sprintf(`{"KeyId":%q,"Plaintext":"aGVsbG8="}`, *created.KeyMetadata.KeyId)
	w.do(2, "Encrypt", encrypt, nil)
	w.down.Store(true)
	w.do(2, "Encrypt", encrypt, nil)
	w.skew[2].Store(int64(6 * time.Second)) // so much later
	_, call, err := w.call(2, "Encrypt", "", encrypt)
	if code(err) != kmsapi.KMSInternalException || w.nodes[2].Fresh() {
		t.Errorf("six seconds after the last word of a leader: %v", err)
	}
	if call.Reply[region.HeaderUnready] == "" {
		t.Error("the front door is not told that another node may answer")
	}
	w.down.Store(false)
	w.do(2, "Encrypt", encrypt, nil)
}

// A leader whose clock is an hour off dates nothing by it, from its first decision on.
func TestOneWrongClockMovesNothing(t *testing.T) {
	for _, off := range []time.Duration{time.Hour, -time.Hour} {
		w := newWorld(t, off)
		w.lead(0)
		var created kmsapi.CreateKeyResponse
		w.do(0, "CreateKey", `{}`, &created)
		at := time.UnixMilli(int64(*created.KeyMetadata.CreationDate))
		if d := time.Since(at).Abs(); d > time.Minute {
			t.Errorf("leader is %v off: the key's creation date is %v off", off, d)
		}
	}
}

func keyID(t *testing.T, answer any) string {
	t.Helper()
	var created kmsapi.CreateKeyResponse
	if decode(t, answer, &created); created.KeyMetadata == nil {
		t.Fatalf("not an answer of CreateKey: %v", answer)
	}
	return *created.KeyMetadata.KeyId
}
