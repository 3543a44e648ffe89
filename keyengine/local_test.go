package keyengine_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"meridian/keyengine"
	"meridian/keyengine/canonical"
	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/policy"
)

// own is what a Region alone says about its keys: all rows but those of the families, of their secrets and of the work
// they give; and of the family the member's own state.
func own(s *site) map[string]string {
	rows := map[string]string{}
	for k, v := range s.rows.Scan(nil, nil) {
		switch {
		case bytes.HasPrefix(k, []byte("f/")), bytes.HasPrefix(k, []byte("m/")), bytes.HasPrefix(k, []byte("o/")),
			bytes.HasPrefix(k, []byte("t/")), bytes.HasPrefix(k, []byte("c/leaf")):
		default:
			rows[string(k)] = string(v)
		}
	}
	for ref, l := range s.view().Families() {
		rows["state of "+ref.String()] = l.State.String()
	}
	return rows
}

// TestIndependentStaysLocal: of a multi-Region key's properties, those that AWS calls independent are changed where
// they are changed and nowhere else, whichever side it is, primary or replica, and whatever travels afterwards.
func TestIndependentStaysLocal(t *testing.T) {
	acts := [][2]string{
		{"CreateAlias", `{"AliasName":"alias/one","TargetKeyId":"$k1"}`},
		{"UpdateAlias", `{"AliasName":"alias/one","TargetKeyId":"$k2"}`},
		{"DeleteAlias", `{"AliasName":"alias/one"}`},
		{"TagResource", `{"KeyId":"$k1","Tags":[{"TagKey":"team","TagValue":"a"}]}`},
		{"UntagResource", `{"KeyId":"$k1","TagKeys":["team"]}`},
		{"UpdateKeyDescription", `{"KeyId":"$k1","Description":"here"}`},
		{"PutKeyPolicy", `{"KeyId":"$k1","Policy":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"*\"},\"Action\":\"kms:*\",\"Resource\":\"*\"}]}"}`},
		{"CreateGrant", `{"KeyId":"$k1","GranteePrincipal":"arn:aws:iam::111122223333:root","Operations":["Encrypt"]}`},
		{"DisableKey", `{"KeyId":"$k1"}`},
		{"EnableKey", `{"KeyId":"$k1"}`},
		{"ScheduleKeyDeletion", `{"KeyId":"$k1","PendingWindowInDays":7}`},
		{"CancelKeyDeletion", `{"KeyId":"$k1"}`},
	}
	for _, at := range []string{"us-east-1", "eu-west-1"} {
		t.Run("in "+at, func(t *testing.T) {
			w, us, eu, ref := replicated(t)
			here, there := us, eu
			if at == "eu-west-1" {
				here, there = eu, us
			}
			w.must(t, at, "CreateKey", `{}`)
			for _, act := range acts {
				before, unchanged := own(here), own(there)
				w.must(t, at, act[0], act[1])
				if maps.Equal(own(here), before) {
					t.Errorf("%s in %s changes nothing there", act[0], at)
				}
				w.settle(t)
				for _, s := range []*site{us, eu} { // also what nobody owes
					for _, to := range []*site{us, eu} {
						if s != to {
							if _, err := w.sendRecord(s, to, ref, true); err != nil {
								t.Fatal(err)
							}
						}
					}
				}
				if now := own(there); !maps.Equal(now, unchanged) {
					t.Errorf("%s in %s changes the other Region: %s", act[0], at, difference(unchanged, now))
				}
			}
			w.check(t)
		})
	}
}

func difference(before, after map[string]string) string {
	var out []string
	for k := range after {
		if before[k] != after[k] {
			out = append(out, fmt.Sprintf("%s: %q, was %q", k, after[k], before[k]))
		}
	}
	for k := range before {
		if _, ok := after[k]; !ok {
			out = append(out, k+" is gone")
		}
	}
	slices.Sort(out)
	return strings.Join(out, "; ")
}

// TestPendingReplicasFitAMessage: what the replicas being made are told must fit the message that tells them, or none
// of them would ever hear of it.
func TestPendingReplicasFitAMessage(t *testing.T) {
	const envelope = 512 << 10 // replication.MaxEnvelope
	w := newWorld("us-east-1", "eu-west-1")
	w.must(t, "us-east-1", "CreateKey", `{"MultiRegion":true}`)
	text := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:*","Resource":"*"}]}`
	text += strings.Repeat(" ", policy.MaxBytes-len(text))
	to := func(region string) string {
		return fmt.Sprintf(`{"KeyId":"$k1","ReplicaRegion":%q,"Policy":%q,"BypassPolicyLockoutSafetyCheck":true}`, region, text)
	}
	regions := []string{
		"eu-west-1", "eu-west-2", "eu-west-3", "eu-north-1", "eu-south-1", "ap-south-1", "ap-east-1", "sa-east-1", "us-west-1", "us-west-2",
	}
	made := 0
	for _, region := range regions {
		if _, _, err := w.call(w.sites["us-east-1"], account, "ReplicateKey", w.expand(to(region))); err != nil {
			break
		}
		made++
	}
	if made != 8 {
		t.Errorf("%d replicas with the largest policy at a time, not 8", made)
	}
	wantLimit(t, w, "ReplicateKey", to("us-west-2"))
	ref := keyengine.Ref{Account: account, KeyID: w.names["$k1"]}
	l, _ := w.sites["us-east-1"].view().Family(ref)
	const rest = 64 << 10 // materials, certificates, signatures
	if size := len(canonical.Marshal(l.Record)); size+rest > envelope {
		t.Errorf("the record has %d bytes", size)
	}

	w.settle(t) // one of them reports
	if l, _ := w.sites["eu-west-1"].view().Family(ref); l.State != family.Enabled {
		t.Fatalf("the replica is %v", l.State)
	}
	w.must(t, "us-east-1", "ReplicateKey", to("us-west-2"))
	if code := refusal(t, w, "us-east-1", "ReplicateKey", to("ap-northeast-1")); code != kmsapi.LimitExceededException {
		t.Errorf("the ninth again: %s", code)
	}
}
