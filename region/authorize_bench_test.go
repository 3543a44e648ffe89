package region_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"meridian/keyengine"
	"meridian/keyengine/identity"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/policy"
)

const benchUser = "arn:aws:iam::000000000000:user/alice"

const (
	delegates = `{"Sid":"Delegate","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":"kms:*","Resource":"*"}`
	allowsKey = `{"Sid":"Alice","Effect":"Allow","Principal":{"AWS":"` + benchUser + `"},"Action":["kms:Encrypt","kms:Decrypt"],"Resource":"*"}`
	allowsIAM = `{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*"}`
)

func document(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

// BenchmarkAuthorize encrypts 32 bytes, each time once without a decision and once with one, and reports what the call
// with the decision takes as a multiple of the bare one.
func BenchmarkAuthorize(b *testing.B) {
	var largest []string
	for n := 0; len(document(append(largest, delegates, allowsKey)...)) < 32_000; n++ {
		largest = append(largest, fmt.Sprintf(
			`{"Sid":"S%d","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:user/u%d"},"Action":["kms:Encrypt","kms:Decrypt"],"Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:app":"a%d"}}}`, n, n, n,
		))
	}
	var fifty []string
	for n := range 49 {
		fifty = append(fifty, fmt.Sprintf(`{"Effect":"Allow","Action":["kms:Decrypt","kms:GenerateDataKey*"],"Resource":"arn:aws:kms:us-east-1:000000000000:key/%d*"}`, n))
	}
	for _, x := range []struct {
		name       string
		key        string
		iam        []string
		others     int // grants to others
		ownGrants  int // grants to the caller that do not fit
		andOneFits bool
	}{
		{name: "2 statements", key: document(delegates, allowsKey)},
		{name: "2 statements, by IAM", key: document(delegates), iam: []string{allowsIAM}},
		{name: "32 KB key policy", key: document(append(largest, delegates, allowsKey)...)},
		{name: "50 IAM statements", key: document(delegates), iam: append(fifty, allowsIAM)},
		{name: "10,000 grants", key: document(delegates), others: 9_999, andOneFits: true},
		{name: "10,000 grants to the caller", key: document(delegates), ownGrants: 9_999, andOneFits: true},
	} {
		b.Run(x.name, func(b *testing.B) {
			w := newWorld(b)
			w.lead(0)
			var made kmsapi.CreateKeyResponse
			w.do(0, "CreateKey", `{}`, &made)
			id := *made.KeyMetadata.KeyId
			text, _ := json.Marshal(x.key) // a string
			w.do(0, "PutKeyPolicy", fmt.Sprintf(`{"KeyId":%q,"Policy":%s}`, id, text), nil)
			grant := func(to, op string) {
				w.do(0, "CreateGrant", fmt.Sprintf(`{"KeyId":%q,"GranteePrincipal":%q,"Operations":[%q]}`, id, to, op), nil)
			}
			for n := range x.others {
				grant(fmt.Sprintf("arn:aws:iam::000000000000:user/u%d", n), "Encrypt")
			}
			for range x.ownGrants {
				grant(benchUser, "Decrypt")
			}
			if x.andOneFits {
				grant(benchUser, "Encrypt")
			}
			caller := &identity.Caller{Who: policy.Principal{Kind: policy.User, Account: "000000000000", ARN: benchUser, UserName: "alice"}}
			if x.iam != nil {
				d, err := policy.ParseIdentity(document(x.iam...))
				if err != nil {
					b.Fatal(err)
				}
				caller.Policies.Identity = []policy.Attached{{Name: "own", Document: d}}
			}
			measure(b, w, caller, id)
		})
	}
}

// measure takes turns, so that whatever else the machine does slows both alike.
func measure(b *testing.B, w *world, caller *identity.Caller, key string) {
	r := w.nodes[0]
	in := &kmsapi.EncryptRequest{KeyId: &key, Plaintext: make([]byte, 32)}
	encrypt := func(decided bool) time.Duration {
		call := &kmsapi.Call{RequestID: "r", Caller: caller.Principal(), Identity: caller}
		began := time.Now()
		call.Asker = (*keyengine.Asker)(nil)
		if decided {
			call.Asker = r.AskerOf(call, in)
		}
		if _, err := r.Encrypt(context.Background(), call, in); err != nil {
			b.Fatal(err)
		}
		return time.Since(began)
	}
	var bare, decided time.Duration
	for b.Loop() {
		bare += encrypt(false)
		decided += encrypt(true)
	}
	b.ReportMetric(float64(bare.Nanoseconds())/float64(b.N), "bare-ns")
	b.ReportMetric(float64(decided.Nanoseconds())/float64(b.N), "decided-ns")
	b.ReportMetric(float64(decided)/float64(bare), "x-bare")
}
