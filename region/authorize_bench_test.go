package region_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"meridian/keyengine"
	"meridian/keyengine/identity"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/policy"
	"meridian/region"
	"meridian/region/awsjson"
	"meridian/region/sigv4"
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

// BenchmarkAuthorize encrypts 32 bytes, each time once without a decision and once with one, inside the Region and as a
// signed call over HTTP, and reports what the
// call with the decision takes as a multiple of the bare one, by their medians.
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
		name      string
		key       string
		iam       []string
		others    int // grants to others
		ownGrants int // grants to the caller that do not fit
		// constrained says that they do not fit by the encryption context, else by the operation.
		constrained bool
		andOneFits  bool
	}{
		{name: "2 statements", key: document(delegates, allowsKey)},
		{name: "2 statements, by IAM", key: document(delegates), iam: []string{allowsIAM}},
		{name: "32 KB key policy", key: document(append(largest, delegates, allowsKey)...)},
		{name: "50 IAM statements", key: document(delegates), iam: append(fifty, allowsIAM)},
		{name: "10,000 grants", key: document(delegates), others: 9_999, andOneFits: true},
		{name: "10,000 grants to the caller", key: document(delegates), ownGrants: 9_999, andOneFits: true},
		{name: "10,000 grants to the caller, of a context each", key: document(delegates), ownGrants: 9_999, constrained: true, andOneFits: true},
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
			for n := range x.ownGrants {
				if x.constrained {
					w.do(0, "CreateGrant", fmt.Sprintf(
						`{"KeyId":%q,"GranteePrincipal":%q,"Operations":["Encrypt"],"Constraints":{"EncryptionContextSubset":{"id":"%d"}}}`, id, benchUser, n,
					), nil)
				} else {
					grant(benchUser, "Decrypt")
				}
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

// measure takes turns, so that whatever else the machine does slows all alike.
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
	over := overHTTP(b, r, caller, fmt.Appendf(nil, `{"KeyId":%q,"Plaintext":%q}`, key, base64.StdEncoding.EncodeToString(make([]byte, 32))))
	encrypt(true) // what is kept is read once
	over(true)
	var inside, outside [2][]time.Duration // bare, decided
	turn := 0
	for b.Loop() {
		encrypt(turn == 0) // after what the turn before left in the processor's caches
		for _, i := range [...]int{turn, 1 - turn} {
			inside[i] = append(inside[i], encrypt(i == 1))
		}
		for _, i := range [...]int{turn, 1 - turn} {
			outside[i] = append(outside[i], over(i == 1))
		}
		turn = 1 - turn
	}
	report := func(prefix string, took [2][]time.Duration) {
		bare, decided := median(took[0]), median(took[1])
		b.ReportMetric(float64(bare.Nanoseconds()), prefix+"bare-ns")
		b.ReportMetric(float64(decided.Nanoseconds()), prefix+"decided-ns")
		b.ReportMetric(float64(decided)/float64(bare), prefix+"x-bare")
	}
	report("", inside)
	report("http-", outside)
}

// median is what half of the calls took at most: what else the machine does makes a few take long.
func median(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)/2]
}

// overHTTP returns what makes the call over a connection, its signature checked, as a node serves it.
func overHTTP(b *testing.B, r *region.Region, caller *identity.Caller, body []byte) func(decided bool) time.Duration {
	const bareHeader = "X-Bare"
	server := httptest.NewServer(awsjson.New(awsjson.Config{
		Service: r, Node: "n1", RequestID: uuid.NewString,
		Verifier: &sigv4.Verifier{
			Now: time.Now, Regions: func(name string) bool { return name == place.Region },
			Credentials: func(string, string, time.Time) (sigv4.Credential, error) {
				return sigv4.Credential{Secret: "secret", Principal: caller.Principal(), Identity: caller}, nil
			},
		},
		Dispatch: func(ctx context.Context, op *kmsapi.Operation, call *kmsapi.Call, in kmsapi.Input) (any, error) {
			if call.Raw.Header[bareHeader] != nil {
				return r.DispatchBare(ctx, op, call, in)
			}
			return r.Dispatch(ctx, op, call, in)
		},
	}))
	b.Cleanup(server.Close)
	return func(decided bool) time.Duration {
		request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, server.URL+"/", bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		sign(request, body)
		if !decided {
			request.Header.Set(bareHeader, "1")
		}
		began := time.Now()
		answer, err := server.Client().Do(request)
		if err != nil {
			b.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK {
			b.Fatal(answer.Status, string(text), err)
		}
		return time.Since(began)
	}
}

// sign signs a request for Encrypt with the key AKIATEST and its secret.
func sign(r *http.Request, body []byte) {
	now := time.Now().UTC()
	date, stamp := now.Format("20060102"), now.Format("20060102T150405Z")
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "TrentService.Encrypt")
	r.Header.Set("X-Amz-Date", stamp)
	const signed = "content-type;host;x-amz-date;x-amz-target"
	sum := sha256.Sum256(body)
	canonical := strings.Join([]string{
		"POST", "/", "", "content-type:application/x-amz-json-1.1", "host:" + r.Host, "x-amz-date:" + stamp,
		"x-amz-target:TrentService.Encrypt", "", signed, hex.EncodeToString(sum[:]),
	}, "\n")
	scope := date + "/" + place.Region + "/kms/aws4_request"
	whole := sha256.Sum256([]byte(canonical))
	key := []byte("AWS4secret")
	for _, part := range []string{date, place.Region, "kms", "aws4_request", "AWS4-HMAC-SHA256\n" + stamp + "\n" + scope + "\n" + hex.EncodeToString(whole[:])} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIATEST/"+scope+", SignedHeaders="+signed+", Signature="+hex.EncodeToString(key))
}
