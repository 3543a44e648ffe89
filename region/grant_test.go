package region_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"meridian/eventlog/memlog"
	"meridian/keyengine/kmsapi"
	"meridian/region"
)

const grantee = "arn:aws:iam::111122223333:role/app"

// granted makes a key at node 1 and returns its id and a body for CreateGrant.
func granted(t *testing.T, w *world) (key, body string) {
	t.Helper()
	var created kmsapi.CreateKeyResponse
	w.do(0, "CreateKey", `{}`, &created)
	key = *created.KeyMetadata.KeyId
	return key, fmt.Sprintf(`{"KeyId":%q,"GranteePrincipal":%q,"RetiringPrincipal":%q,"Operations":["Decrypt","RetireGrant"]}`, key, grantee, grantee)
}

func grants(w *world, node int, key string) []kmsapi.GrantListEntry {
	var out kmsapi.ListGrantsResponse
	w.do(node, "ListGrants", fmt.Sprintf(`{"KeyId":%q}`, key), &out)
	return out.Grants
}

// decodeInto reads an answer that came from this node or, as JSON, from the leader.
func decodeInto(t *testing.T, answer, out any) {
	t.Helper()
	if err := json.Unmarshal([]byte(asText(answer)), out); err != nil {
		t.Fatal(err)
	}
}

func asText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Every call of CreateGrant has a token of its own, whichever node answers; all tokens of a grant end it.
func TestGrantLives(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	key, body := granted(t, w)
	body = strings.Replace(body, `{`, `{"Name":"app",`, 1)
	var first, second kmsapi.CreateGrantResponse
	w.do(1, "CreateGrant", body, &first)
	w.do(0, "CreateGrant", body, &second)
	if *first.GrantId != *second.GrantId || *first.GrantToken == *second.GrantToken {
		t.Errorf("the same grant again: %v, %v", asText(first), asText(second))
	}
	if got := grants(w, 2, key); len(got) != 1 || *got[0].GrantId != *first.GrantId || *got[0].GranteePrincipal != grantee {
		t.Errorf("grants: %v", got)
	}
	retire := fmt.Sprintf(`{"GrantToken":%q}`, *second.GrantToken)
	if _, _, err := w.call(2, "RetireGrant", "", strings.Replace(retire, `{`, `{"DryRun":true,`, 1)); code(err) != kmsapi.DryRunOperationException {
		t.Errorf("dry run: %v", err)
	}
	w.do(2, "RetireGrant", retire, nil)
	if got := grants(w, 1, key); len(got) != 0 {
		t.Errorf("grants after the end: %v", got)
	}
	if _, _, err := w.call(1, "RetireGrant", "", fmt.Sprintf(`{"GrantToken":%q}`, *first.GrantToken)); code(err) != kmsapi.NotFoundException {
		t.Errorf("a token whose grant ended: %v", err)
	}
	var third kmsapi.CreateGrantResponse
	w.do(2, "CreateGrant", body, &third)
	if *third.GrantId == *first.GrantId {
		t.Error("a grant that ended came back")
	}
	w.do(1, "RevokeGrant", fmt.Sprintf(`{"KeyId":%q,"GrantId":%q}`, key, *third.GrantId), nil)
	var retirable kmsapi.ListGrantsResponse
	w.do(0, "ListRetirableGrants", `{"RetiringPrincipal":"arn:aws:iam::000000000000:root"}`, &retirable)
	if got := grants(w, 0, key); len(got)+len(retirable.Grants) != 0 {
		t.Errorf("grants: %v, retirable: %v", got, retirable.Grants)
	}
}

// A repeated CreateGrant makes one grant, whatever became of the first answer; its token is new and good.
func TestARepeatedGrantIsOne(t *testing.T) {
	for name, outcome := range map[string]memlog.Outcome{"answered": memlog.Done, "reply lost": memlog.LostReply} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.lead(0)
			key, body := granted(t, w)
			ctx, cancel := context.WithCancel(t.Context())
			var elections sync.WaitGroup
			elections.Go(func() { w.keepElecting(ctx, mathrand.New(mathrand.NewPCG(1, 2))) })
			defer elections.Wait()
			defer cancel()
			w.group.Next(outcome)
			var answers []kmsapi.CreateGrantResponse
			for node := range 2 {
				out, _, err := w.call(node, "CreateGrant", "one", body)
				if err != nil {
					t.Fatal(err)
				}
				var answer kmsapi.CreateGrantResponse
				decodeInto(t, out, &answer)
				answers = append(answers, answer)
			}
			a, b := answers[0], answers[1]
			if *a.GrantId != *b.GrantId || *a.GrantToken == *b.GrantToken {
				t.Errorf("answers %s and %s", asText(a), asText(b))
			}
			if got := grants(w, 2, key); len(got) != 1 {
				t.Errorf("%d grants after one call", len(got))
			}
			w.do(0, "RetireGrant", fmt.Sprintf(`{"GrantToken":%q}`, *b.GrantToken), nil)
		})
	}
}

// A node that is behind the record of a grant's token waits for it before it answers.
func TestATokenMakesANodeCatchUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.lead(0)
		w.group.Hold(2)
		key, body := granted(t, w)
		var grant kmsapi.CreateGrantResponse
		w.do(0, "CreateGrant", body, &grant)
		describe := func(tokens string) error {
			op, _ := kmsapi.Lookup("DescribeKey")
			in := op.New()
			if err := in.UnmarshalJSON(fmt.Appendf(nil, `{"KeyId":%q,"GrantTokens":[%s]}`, key, tokens)); err != nil {
				t.Fatal(err)
			}
			call := &kmsapi.Call{
				RequestID: "r", Consistency: "eventual",
				Caller: kmsapi.Principal{Account: "000000000000", ARN: "arn:aws:iam::000000000000:root"},
			}
			_, err := w.nodes[2].Dispatch(t.Context(), op, call, in)
			return err
		}
		if err := describe(""); code(err) != kmsapi.NotFoundException {
			t.Errorf("without the token: %v", err)
		}
		answered := make(chan error, 1)
		go func() { answered <- describe(fmt.Sprintf("%q", *grant.GrantToken)) }()
		synctest.Wait()
		w.group.Release(2)
		if err := <-answered; err != nil {
			t.Errorf("with the token: %v", err)
		}
	})
}

func TestTokensThatAreNone(t *testing.T) {
	w := newWorld(t)
	w.lead(0)
	key, body := granted(t, w)
	var grant kmsapi.CreateGrantResponse
	w.do(0, "CreateGrant", body, &grant)
	good := *grant.GrantToken
	raw, err := base64.StdEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)-1] ^= 1
	elsewhere := newWorld(t) // another key ring
	elsewhere.lead(0)
	_, body = granted(t, elsewhere)
	var other kmsapi.CreateGrantResponse
	elsewhere.do(0, "CreateGrant", body, &other)
	for name, token := range map[string]string{
		"no base64": "§", "empty plaintext": "AA==", "one bit": base64.StdEncoding.EncodeToString(raw),
		"shortened": good[:len(good)-4], "with a line feed": good + "\n", "of another region": *other.GrantToken,
	} {
		for _, operation := range []string{"Encrypt", "DescribeKey", "CreateGrant", "RetireGrant"} {
			in := map[string]string{
				"Encrypt":     fmt.Sprintf(`{"KeyId":%q,"Plaintext":"AA==","GrantTokens":[%q]}`, key, token),
				"DescribeKey": fmt.Sprintf(`{"KeyId":%q,"GrantTokens":[%q,%q]}`, key, good, token),
				"CreateGrant": fmt.Sprintf(`{"KeyId":%q,"GranteePrincipal":%q,"Operations":["Decrypt"],"GrantTokens":[%q]}`, key, grantee, token),
				"RetireGrant": fmt.Sprintf(`{"GrantToken":%q}`, token),
			}[operation]
			if _, _, err := w.call(1, operation, "", in); code(err) != kmsapi.InvalidGrantTokenException {
				t.Errorf("%s with a token: %s: %v", operation, name, err)
			}
		}
	}
	w.do(1, "Encrypt", fmt.Sprintf(`{"KeyId":%q,"Plaintext":"AA==","GrantTokens":[%q]}`, key, good), nil)
	w.do(0, "RevokeGrant", fmt.Sprintf(`{"KeyId":%q,"GrantId":%q}`, key, *grant.GrantId), nil)
	// The token of a grant that ended allows nothing, and does no harm to who needs no grant.
	w.do(1, "Encrypt", fmt.Sprintf(`{"KeyId":%q,"Plaintext":"AA==","GrantTokens":[%q]}`, key, good), nil)
}

// A token is read on every operation whose input has room for one.
func TestEveryOperationReadsItsTokens(t *testing.T) {
	n := 0
	for op := range kmsapi.Operations() {
		in := op.New()
		if in.UnmarshalJSON([]byte(`{"GrantTokens":7}`)) == nil {
			continue // no such member
		}
		n++
		in = op.New()
		if err := in.UnmarshalJSON([]byte(`{"GrantTokens":["a","b"]}`)); err != nil {
			t.Fatal(err)
		}
		if got := region.GrantTokens(in); len(got) != 2 {
			t.Errorf("%s: tokens %q", op.Name, got)
		}
	}
	if n != 15 {
		t.Errorf("%d operations take tokens, the service model has 15", n)
	}
}

func FuzzGrantToken(f *testing.F) {
	w := newWorld(f)
	w.lead(0)
	var created kmsapi.CreateKeyResponse
	w.do(0, "CreateKey", `{}`, &created)
	var grant kmsapi.CreateGrantResponse
	w.do(0, "CreateGrant", fmt.Sprintf(`{"KeyId":%q,"GranteePrincipal":%q,"Operations":["Decrypt"]}`, *created.KeyMetadata.KeyId, grantee), &grant)
	f.Add(*grant.GrantToken)
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		ref, err := w.nodes[0].OpenGrantToken(token)
		switch {
		case token == *grant.GrantToken:
			if err != nil || ref.ID != *grant.GrantId || ref.Key.KeyID != *created.KeyMetadata.KeyId {
				t.Errorf("the token itself: %v, %v", ref, err)
			}
		case code(err) != kmsapi.InvalidGrantTokenException:
			t.Errorf("%q opens: %v, %v", token, ref, err)
		}
	})
}
