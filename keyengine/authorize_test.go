package keyengine_test

import (
	"strings"
	"testing"

	"meridian/keyengine"
	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/policy"
)

const other = "444455556666" // another account

// asker makes facts of a caller with IAM policies, each given by its statements.
func (w *world) asker(t *testing.T, kind policy.Kind, name, acct string, in kmsapi.Input, statements ...string) keyengine.Facts {
	t.Helper()
	who := &policy.Principal{Kind: kind, Account: acct, ARN: "arn:aws:iam::" + acct + ":" + name}
	f := w.facts(acct)
	f.Caller.ARN = who.ARN
	own := new(policy.Policies)
	for _, s := range statements {
		doc, err := policy.ParseIdentity(`{"Version":"2012-10-17","Statement":[` + s + `]}`)
		if err != nil {
			t.Fatal(err)
		}
		own.Identity = append(own.Identity, policy.Attached{Name: "mine", Document: doc})
	}
	f.Asker = &keyengine.Asker{Who: who, Policies: own, Input: in}
	return f
}

// try makes a call with facts that ask f's caller.
func (w *world) try(t *testing.T, s *site, f keyengine.Facts, op, body string) error {
	t.Helper()
	_, err := w.attempt(t, s, f, op, body)
	return err
}

func (w *world) attempt(t *testing.T, s *site, f keyengine.Facts, op, body string) (any, error) {
	t.Helper()
	operation, ok := kmsapi.Lookup(op)
	if !ok {
		t.Fatalf("no operation %s", op)
	}
	in := operation.New()
	if err := in.UnmarshalJSON([]byte(w.expand(body))); err != nil {
		t.Fatal(err)
	}
	a := *f.Asker
	a.Input, f.Asker, f.Now = in, &a, w.time(s)
	if re, ok := in.(*kmsapi.ReEncryptRequest); ok {
		if _, err := s.view().Use(f, "ReEncryptFrom", *re.SourceKeyId); err != nil {
			return nil, err
		}
		return s.view().Use(f, "ReEncryptTo", *re.DestinationKeyId)
	}
	c, ok := w.command(s, op, in)
	if !ok {
		return read(s.view(), f, op, in)
	}
	d, err := keyengine.Decide(s.view(), f, c)
	if err != nil {
		return nil, err
	}
	for _, id := range d.Materials {
		s.rows.Put(keyengine.SecretKey(id), []byte{0x82, 1, 0x40})
	}
	for _, e := range d.Events {
		keyengine.Evolve(s.rows, s.place, e)
	}
	s.log = append(s.log, d.Events...)
	return d.Reply, nil
}

func allow(action, resource string) string {
	return `{"Effect":"Allow","Action":"` + action + `","Resource":"` + resource + `"}`
}

// open is a key policy that lets the account's IAM policies decide, and says more.
func open(more ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(append(more,
		`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}`), ",") + `]}`
}

func quote(s string) string { return strings.ReplaceAll(s, `"`, `\"`) }

// TestAuthorize is a table of calls that a caller with some IAM policies makes, and what comes of them.
func TestAuthorize(t *testing.T) {
	w := newWorld("us-east-1")
	s := w.sites["us-east-1"]
	key := "arn:aws:kms:us-east-1:111122223333:key/"
	w.must(t, "us-east-1", "CreateKey", `{"Tags":[{"TagKey":"team","TagValue":"blue"}]}`)
	w.must(t, "us-east-1", "CreateKey", `{}`)
	w.must(t, "us-east-1", "CreateKey", `{"Policy":"`+quote(open(
		`{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::444455556666:root"},"Action":["kms:*"],"Resource":"*"}`,
	))+`"}`)
	w.must(t, "us-east-1", "CreateAlias", `{"AliasName":"alias/one","TargetKeyId":"$k1"}`)
	w.must(t, "us-east-1", "CreateAlias", `{"AliasName":"alias/three","TargetKeyId":"$k3"}`)
	k := func(n string) string { return key + w.names[n] }
	alias := "arn:aws:kms:us-east-1:111122223333:alias/one"
	const (
		identity        = "because no identity-based policy allows"
		resource        = "because no resource-based policy allows"
		conditionPrefix = `{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":`
	)
	cases := []struct {
		name, acct string
		iam        []string
		op, body   string
		want       string // "" it works; else a part of the message
	}{
		{"nothing allows", account, nil, "Encrypt", `{"KeyId":"$k1","Plaintext":"eA=="}`, "User: arn:aws:iam::111122223333:user/u is not authorized to perform: kms:Encrypt on resource: " + k("$k1") + " " + identity + " the kms:Encrypt action"},
		{"IAM allows the key", account, []string{allow("kms:Encrypt", k("$k1"))}, "Encrypt", `{"KeyId":"alias/one","Plaintext":"eA=="}`, ""},
		{"IAM allows another key", account, []string{allow("kms:Encrypt", k("$k2"))}, "Encrypt", `{"KeyId":"$k1","Plaintext":"eA=="}`, identity},
		{"an alias in a policy names no key", account, []string{allow("kms:Encrypt", alias)}, "Encrypt", `{"KeyId":"alias/one","Plaintext":"eA=="}`, identity},
		{"a denial wins", account, []string{allow("kms:*", "*"), `{"Effect":"Deny","Action":"kms:Encrypt","Resource":"*"}`}, "Encrypt", `{"KeyId":"$k1","Plaintext":"eA=="}`, "with an explicit deny in an identity-based policy"},
		{"denied before the key's state is told", account, nil, "EnableKeyRotation", `{"KeyId":"$k2"}`, identity},
		{"ReEncrypt: both", account, []string{allow("kms:ReEncrypt*", "*")}, "ReEncrypt", `{"SourceKeyId":"$k1","DestinationKeyId":"$k2"}`, ""},
		{"ReEncrypt: from alone", account, []string{allow("kms:ReEncryptFrom", "*")}, "ReEncrypt", `{"SourceKeyId":"$k1","DestinationKeyId":"$k2"}`, "kms:ReEncryptTo on resource: " + k("$k2")},
		{"ReEncrypt: to alone", account, []string{allow("kms:ReEncryptTo", "*")}, "ReEncrypt", `{"SourceKeyId":"$k1","DestinationKeyId":"$k2"}`, "kms:ReEncryptFrom on resource: " + k("$k1")},
		{"ReEncrypt: to the same key", account, []string{conditionPrefix + `{"Bool":{"kms:ReEncryptOnSameKey":"true"}}}`}, "ReEncrypt", `{"SourceKeyId":"$k1","DestinationKeyId":"$k1"}`, ""},
		{"ReEncrypt: not to another", account, []string{conditionPrefix + `{"Bool":{"kms:ReEncryptOnSameKey":"true"}}}`}, "ReEncrypt", `{"SourceKeyId":"$k1","DestinationKeyId":"$k2"}`, "kms:ReEncryptFrom"},

		{"CreateKey", account, []string{allow("kms:CreateKey", "*")}, "CreateKey", `{}`, ""},
		{"CreateKey denied", account, []string{allow("kms:*", key+"*")}, "CreateKey", `{}`, "kms:CreateKey on resource: *"},
		{"CreateKey with tags needs TagResource", account, []string{allow("kms:CreateKey", "*")}, "CreateKey", `{"Tags":[{"TagKey":"a","TagValue":"b"}]}`, "kms:TagResource on resource: *"},
		{"CreateKey of a kind", account, []string{conditionPrefix + `{"StringEquals":{"kms:KeySpec":"HMAC_256"}}}`}, "CreateKey", `{"KeySpec":"HMAC_256","KeyUsage":"GENERATE_VERIFY_MAC"}`, ""},
		{"CreateKey of another kind", account, []string{conditionPrefix + `{"StringEquals":{"kms:KeySpec":"HMAC_256"}}}`}, "CreateKey", `{}`, identity},
		{"ListKeys", account, []string{allow("kms:ListKeys", "*")}, "ListKeys", `{}`, ""},
		{"ListKeys denied", account, nil, "ListKeys", `{}`, "kms:ListKeys on resource: * " + identity},
		{"ListAliases of a key asks about no key", account, []string{allow("kms:ListAliases", "*")}, "ListAliases", `{"KeyId":"$k1"}`, ""},
		{"ListRetirableGrants", account, nil, "ListRetirableGrants", `{"RetiringPrincipal":"arn:aws:iam::111122223333:user/u"}`, "kms:ListRetirableGrants on resource: arn:aws:iam::111122223333:user/u"},

		{"CreateAlias: the key alone will not do", account, []string{allow("kms:CreateAlias", k("$k1"))}, "CreateAlias", `{"AliasName":"alias/two","TargetKeyId":"$k1"}`, "kms:CreateAlias on resource: arn:aws:kms:us-east-1:111122223333:alias/two"},
		{"CreateAlias: nor the alias alone", account, []string{allow("kms:CreateAlias", "arn:aws:kms:us-east-1:111122223333:alias/two")}, "CreateAlias", `{"AliasName":"alias/two","TargetKeyId":"$k1"}`, "kms:CreateAlias on resource: " + k("$k1")},
		{"CreateAlias: both", account, []string{allow("kms:CreateAlias", "arn:aws:kms:us-east-1:111122223333:alias/two"), allow("kms:CreateAlias", k("$k1"))}, "CreateAlias", `{"AliasName":"alias/two","TargetKeyId":"$k1"}`, ""},
		{"UpdateAlias: the old key, too", account, []string{allow("kms:UpdateAlias", alias), allow("kms:UpdateAlias", k("$k2"))}, "UpdateAlias", `{"AliasName":"alias/one","TargetKeyId":"$k2"}`, "kms:UpdateAlias on resource: " + k("$k1")},
		{"UpdateAlias: the new key, too", account, []string{allow("kms:UpdateAlias", alias), allow("kms:UpdateAlias", k("$k1"))}, "UpdateAlias", `{"AliasName":"alias/one","TargetKeyId":"$k2"}`, "kms:UpdateAlias on resource: " + k("$k2")},
		{"DeleteAlias: the key, too", account, []string{allow("kms:DeleteAlias", alias)}, "DeleteAlias", `{"AliasName":"alias/one"}`, "kms:DeleteAlias on resource: " + k("$k1")},

		{"tag of the key", account, []string{conditionPrefix + `{"StringEquals":{"aws:ResourceTag/team":"blue"}}}`}, "DescribeKey", `{"KeyId":"$k1"}`, ""},
		{"tag of another key", account, []string{conditionPrefix + `{"StringEquals":{"aws:ResourceTag/team":"blue"}}}`}, "DescribeKey", `{"KeyId":"$k2"}`, identity},
		{"alias of the key", account, []string{conditionPrefix + `{"ForAnyValue:StringLike":{"kms:ResourceAliases":"alias/o*"}}}`}, "DescribeKey", `{"KeyId":"$k1"}`, ""},
		{"no such alias of the key", account, []string{conditionPrefix + `{"ForAnyValue:StringLike":{"kms:ResourceAliases":"alias/o*"}}}`}, "DescribeKey", `{"KeyId":"$k2"}`, identity},
		{"by its alias", account, []string{conditionPrefix + `{"StringEquals":{"kms:RequestAlias":"alias/one"}}}`}, "DescribeKey", `{"KeyId":"alias/one"}`, ""},
		{"not by its alias", account, []string{conditionPrefix + `{"StringEquals":{"kms:RequestAlias":"alias/one"}}}`}, "DescribeKey", `{"KeyId":"$k1"}`, identity},
		{"encryption context", account, []string{conditionPrefix + `{"StringEquals":{"kms:EncryptionContext:app":"x"}}}`}, "Encrypt", `{"KeyId":"$k1","Plaintext":"eA==","EncryptionContext":{"App":"x"}}`, ""},
		{"another encryption context", account, []string{conditionPrefix + `{"StringEquals":{"kms:EncryptionContext:app":"x"}}}`}, "Encrypt", `{"KeyId":"$k1","Plaintext":"eA==","EncryptionContext":{"app":"y"}}`, identity},
		{"algorithm that is the default", account, []string{conditionPrefix + `{"StringEquals":{"kms:EncryptionAlgorithm":"SYMMETRIC_DEFAULT"}}}`}, "GenerateDataKey", `{"KeyId":"$k1"}`, ""},
		{"a waiting period that is the default", account, []string{conditionPrefix + `{"NumericLessThan":{"kms:ScheduleKeyDeletionPendingWindowInDays":"30"}}}`}, "ScheduleKeyDeletion", `{"KeyId":"$k1"}`, identity},
		{"a rotation period", account, []string{conditionPrefix + `{"NumericGreaterThan":{"kms:RotationPeriodInDays":"100"}}}`}, "EnableKeyRotation", `{"KeyId":"$k1","RotationPeriodInDays":90}`, identity},
		{"tags of the request", account, []string{conditionPrefix + `{"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}}}`}, "TagResource", `{"KeyId":"$k1","Tags":[{"TagKey":"cost","TagValue":"1"}]}`, identity},
		{"a tag's value in the request", account, []string{conditionPrefix + `{"StringEquals":{"aws:RequestTag/team":"blue"}}}`}, "TagResource", `{"KeyId":"$k1","Tags":[{"TagKey":"team","TagValue":"blue"}]}`, ""},
		{"operations of a grant", account, []string{conditionPrefix + `{"ForAllValues:StringEquals":{"kms:GrantOperations":["Encrypt"]}}}`}, "CreateGrant", `{"KeyId":"$k1","GranteePrincipal":"arn:aws:iam::111122223333:user/g","Operations":["Decrypt"]}`, identity},
		{"a single-Region key has no type", account, []string{conditionPrefix + `{"Null":{"kms:MultiRegionKeyType":"true"},"Bool":{"kms:MultiRegion":"false"}}}`}, "DescribeKey", `{"KeyId":"$k1"}`, ""},

		{"abroad by ARN", other, []string{allow("kms:*", "*")}, "Encrypt", `{"KeyId":"` + key + `$k3","Plaintext":"eA=="}`, ""},
		{"abroad by the ARN of an alias", other, []string{allow("kms:*", "*")}, "Encrypt", `{"KeyId":"arn:aws:kms:us-east-1:111122223333:alias/three","Plaintext":"eA=="}`, ""},
		{"abroad needs IAM, too", other, nil, "Encrypt", `{"KeyId":"` + key + `$k3","Plaintext":"eA=="}`, identity},
		{"abroad what does not work abroad", other, []string{allow("kms:*", "*")}, "DisableKey", `{"KeyId":"` + key + `$k3"}`, resource},
		{"abroad a key that does not know the account", other, []string{allow("kms:*", "*")}, "Encrypt", `{"KeyId":"` + key + `$k1","Plaintext":"eA=="}`, k("$k1") + " " + resource},
		{"abroad a key that is not there", other, []string{allow("kms:*", "*")}, "Encrypt", `{"KeyId":"` + key + `00000000-0000-0000-0000-00000000dead","Plaintext":"eA=="}`, resource},
		{"abroad an alias that is not there", other, []string{allow("kms:*", "*")}, "Encrypt", `{"KeyId":"arn:aws:kms:us-east-1:111122223333:alias/none","Plaintext":"eA=="}`, resource},
		{"ListAliases of a key abroad", other, []string{allow("kms:*", "*")}, "ListAliases", `{"KeyId":"` + key + `$k3"}`, "kms:ListAliases"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := w.try(t, s, w.asker(t, policy.User, "user/u", c.acct, nil, c.iam...), c.op, c.body)
			switch {
			case c.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.want != "" && (codeOf(err) != kmsapi.AccessDeniedException || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v\nwant AccessDeniedException with %q", err, c.want)
			}
		})
	}
	w.check(t)
}

// TestNotAllowedReadsLikeNotThere: without a KeyId, a ciphertext of a key that the caller may not use is
// answered as one of a key that is nowhere.
func TestNotAllowedReadsLikeNotThere(t *testing.T) {
	w := newWorld("us-east-1")
	s := w.sites["us-east-1"]
	w.must(t, "us-east-1", "CreateKey", `{}`)
	ref := keyengine.Ref{Account: account, KeyID: w.names["$k1"]}
	f := w.asker(t, policy.User, "user/u", account, &kmsapi.DecryptRequest{})
	_, denied := s.view().UseForCiphertext(f, "Decrypt", nil, ref)
	_, absent := s.view().UseForCiphertext(f, "Decrypt", nil, keyengine.Ref{Account: account, KeyID: "00000000-0000-0000-0000-00000000dead"})
	_, abroad := s.view().UseForCiphertext(w.asker(t, policy.Root, "root", other, &kmsapi.DecryptRequest{}), "Decrypt", nil, ref)
	if codeOf(denied) != kmsapi.AccessDeniedException || denied.Error() != absent.Error() || denied.Error() != abroad.Error() {
		t.Errorf("told apart:\n%v\n%v\n%v", denied, absent, abroad)
	}
	f = w.asker(t, policy.User, "user/u", account, &kmsapi.DecryptRequest{}, allow("kms:Decrypt", "*"))
	if _, err := s.view().UseForCiphertext(f, "Decrypt", nil, ref); err != nil {
		t.Errorf("allowed, and refused: %v", err)
	}
}

// TestGrantsAllow tells the life of a grant: it counts for its grantee, within its constraints, from its
// making on with its token and a while later without, and no more when it is revoked.
func TestGrantsAllow(t *testing.T) {
	w := newWorld("us-east-1")
	s := w.sites["us-east-1"]
	w.must(t, "us-east-1", "CreateKey", `{}`)
	grantee := w.asker(t, policy.User, "user/g", account, nil)
	const encrypt = `{"KeyId":"$k1","Plaintext":"eA==","EncryptionContext":{"app":"x"}}`
	step := func(what string, f keyengine.Facts, op, body, code string) {
		t.Helper()
		if err := w.try(t, s, f, op, body); codeOf(err) != code {
			t.Errorf("%s: %v, want %s", what, err, code)
		}
	}
	step("before", grantee, "Encrypt", encrypt, kmsapi.AccessDeniedException)
	w.must(t, "us-east-1", "CreateGrant", `{"KeyId":"$k1","GranteePrincipal":"arn:aws:iam::111122223333:user/g","Operations":["Encrypt","CreateGrant"],
		"Constraints":{"EncryptionContextSubset":{"app":"x"}}}`)
	step("within the constraints", grantee, "Encrypt", encrypt, "")
	step("without the context", grantee, "Encrypt", `{"KeyId":"$k1","Plaintext":"eA=="}`, kmsapi.AccessDeniedException)
	step("another operation", grantee, "Decrypt", `{"KeyId":"$k1"}`, kmsapi.AccessDeniedException)
	step("another user", w.asker(t, policy.User, "user/h", account, nil), "Encrypt", encrypt, kmsapi.AccessDeniedException)

	slow := grantee
	late := *grantee.Asker
	late.Unseen = func(_ keyengine.GrantRef, age int64) bool { return age < 300_000 }
	slow.Asker = &late
	step("too new", slow, "Encrypt", encrypt, kmsapi.AccessDeniedException)
	token := late
	token.Tokens = []keyengine.GrantRef{{Key: keyengine.Ref{Account: account, KeyID: w.names["$k1"]}, ID: w.names["$g1"]}}
	withToken := slow
	withToken.Asker = &token
	step("with its token", withToken, "Encrypt", encrypt, "")
	w.now += 300_000
	step("old enough", slow, "Encrypt", encrypt, "")

	const child = `{"KeyId":"$k1","GranteePrincipal":"arn:aws:iam::111122223333:user/c","Operations":["Encrypt"],"Constraints":`
	step("a child as strict", grantee, "CreateGrant", child+`{"EncryptionContextSubset":{"app":"x","more":"y"}}}`, "")
	step("a looser child", grantee, "CreateGrant", child+`{"EncryptionContextSubset":{"more":"y"}}}`, kmsapi.AccessDeniedException)
	step("a wider child", grantee, "CreateGrant", strings.Replace(child, `"Encrypt"`, `"Decrypt"`, 1)+`{"EncryptionContextSubset":{"app":"x"}}}`, kmsapi.AccessDeniedException)

	step("not to be retired by just anyone", grantee, "RetireGrant", `{"KeyId":"arn:aws:kms:us-east-1:111122223333:key/$k1","GrantId":"$g1"}`, kmsapi.AccessDeniedException)
	w.must(t, "us-east-1", "RevokeGrant", `{"KeyId":"$k1","GrantId":"$g1"}`)
	step("revoked", grantee, "Encrypt", encrypt, kmsapi.AccessDeniedException)
	step("revoked, with its token", withToken, "Encrypt", encrypt, kmsapi.AccessDeniedException)
	step("the child lives on", w.asker(t, policy.User, "user/c", account, nil), "Encrypt", `{"KeyId":"$k1","Plaintext":"eA==","EncryptionContext":{"app":"x","more":"y"}}`, "")
	w.check(t)
}

// TestRetiringPrincipal: who a grant names may retire it, of whatever account.
func TestRetiringPrincipal(t *testing.T) {
	w := newWorld("us-east-1")
	s := w.sites["us-east-1"]
	w.must(t, "us-east-1", "CreateKey", `{}`)
	w.must(t, "us-east-1", "CreateGrant", `{"KeyId":"$k1","GranteePrincipal":"arn:aws:iam::111122223333:user/g","RetiringPrincipal":"arn:aws:iam::444455556666:user/r","Operations":["Encrypt"]}`)
	const retire = `{"KeyId":"arn:aws:kms:us-east-1:111122223333:key/$k1","GrantId":"$g1"}`
	if err := w.try(t, s, w.asker(t, policy.User, "user/g", account, nil), "RetireGrant", retire); codeOf(err) != kmsapi.AccessDeniedException {
		t.Errorf("its grantee: %v", err)
	}
	if err := w.try(t, s, w.asker(t, policy.User, "user/x", other, nil), "RetireGrant", strings.Replace(retire, "$g1", strings.Repeat("0", 64), 1)); codeOf(err) != kmsapi.AccessDeniedException {
		t.Errorf("a stranger, of a grant that is not there: %v", err)
	}
	if err := w.try(t, s, w.asker(t, policy.User, "user/r", other, nil), "RetireGrant", retire); err != nil {
		t.Errorf("its retiring principal: %v", err)
	}
}

// TestLockout: a policy must let the caller replace it, unless the caller wants to be locked out.
func TestLockout(t *testing.T) {
	w := newWorld("us-east-1")
	s := w.sites["us-east-1"]
	w.must(t, "us-east-1", "CreateKey", `{}`)
	admin := w.asker(t, policy.User, "user/a", account, nil, allow("kms:*", "*"))
	admin.Asker.Knows = func(p string) bool { return !strings.HasSuffix(p, "/nobody") }
	root := w.asker(t, policy.Root, "root", account, nil)
	only := func(who string) string {
		return quote(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + who + `"},"Action":"kms:*","Resource":"*"}]}`)
	}
	cases := []struct {
		name string
		f    keyengine.Facts
		text string
		more string
		want string
	}{
		{"for another user", admin, only("arn:aws:iam::111122223333:user/b"), "", "MalformedPolicyDocumentException: The new key policy will not allow you to update the key policy in the future."},
		{"for the caller", admin, only("arn:aws:iam::111122223333:user/a"), "", ""},
		{"for the account, whose IAM policies allow it", admin, only("arn:aws:iam::111122223333:root"), "", ""},
		{"for nobody there is", admin, only("arn:aws:iam::111122223333:user/nobody"), `,"BypassPolicyLockoutSafetyCheck":true`, "MalformedPolicyDocumentException: Policy contains a statement with one or more invalid principals."},
		{"root for a user", root, only("arn:aws:iam::111122223333:user/a"), "", "MalformedPolicyDocumentException: The new key policy will not allow you to update the key policy in the future."},
		{"root for a user, as wanted", root, only("arn:aws:iam::111122223333:user/a"), `,"BypassPolicyLockoutSafetyCheck":true`, ""},
	}
	for _, c := range cases {
		for op, body := range map[string]string{
			"CreateKey":    `{"Policy":"` + c.text + `"` + c.more + `}`,
			"PutKeyPolicy": `{"KeyId":"$k1","Policy":"` + c.text + `"` + c.more + `}`,
		} {
			err := w.try(t, s, c.f, op, body)
			if got := message(err); got != c.want {
				t.Errorf("%s, %s: %s, want %s", c.name, op, got, c.want)
			}
		}
		w.must(t, "us-east-1", "PutKeyPolicy", `{"KeyId":"$k1","Policy":"`+quote(open())+`"}`)
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestSoft: what would be denied is told and goes on, but for what is not there to go on with.
func TestSoft(t *testing.T) {
	w := newWorld("us-east-1")
	s := w.sites["us-east-1"]
	w.must(t, "us-east-1", "CreateKey", `{}`)
	var told []keyengine.Judgement
	f := w.asker(t, policy.User, "user/u", account, nil)
	f.Asker.Soft, f.Asker.Decided = true, func(j keyengine.Judgement) { told = append(told, j) }
	if err := w.try(t, s, f, "DisableKey", `{"KeyId":"$k1"}`); err != nil {
		t.Fatal(err)
	}
	if len(told) != 1 || !told[0].Soft || told[0].Action != "kms:DisableKey" || !strings.Contains(told[0].Message, "not authorized to perform: kms:DisableKey") {
		t.Errorf("told %+v", told)
	}
	abroad := w.asker(t, policy.User, "user/u", other, nil, allow("kms:*", "*"))
	abroad.Asker.Soft = true
	for _, op := range []string{"DescribeKey", "EnableKey"} {
		id := "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-0000-0000-00000000dead"
		if op == "EnableKey" {
			id = "arn:aws:kms:us-east-1:111122223333:key/$k1"
		}
		if err := w.try(t, s, abroad, op, `{"KeyId":"`+id+`"}`); codeOf(err) != kmsapi.AccessDeniedException {
			t.Errorf("%s abroad: %v", op, err)
		}
	}
}

// TestExplainTells: with an explanation come the grants and statements that nearly matched.
func TestExplainTells(t *testing.T) {
	w := newWorld("us-east-1")
	s := w.sites["us-east-1"]
	w.must(t, "us-east-1", "CreateKey", `{}`)
	w.must(t, "us-east-1", "CreateGrant", `{"KeyId":"$k1","GranteePrincipal":"arn:aws:iam::111122223333:user/u","Operations":["Encrypt"]}`)
	f := w.asker(t, policy.User, "user/u", account, nil, `{"Sid":"Office","Effect":"Allow","Action":"kms:Encrypt","Resource":"*","Condition":{"StringEquals":{"kms:RequestAlias":"alias/x"}}}`)
	var told keyengine.Judgement
	f.Asker.Explain, f.Asker.Decided = true, func(j keyengine.Judgement) { told = j }
	f.Asker.Unseen = func(_ keyengine.GrantRef, age int64) bool { return age < 1000 }
	if err := w.try(t, s, f, "Encrypt", `{"KeyId":"$k1","Plaintext":"eA=="}`); codeOf(err) != kmsapi.AccessDeniedException {
		t.Fatal(err)
	}
	var all []string
	for _, n := range told.Near {
		all = append(all, n.String()+": "+strings.Join(n.Failed, ", "))
	}
	text := strings.Join(all, "\n")
	for _, want := range []string{"Office", "kms:RequestAlias", "it is absent", "grant " + w.names["$g1"], "too new"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
}

// TestManagedKeysServe: who may use a service uses the key of the service.
func TestManagedKeysServe(t *testing.T) {
	w := newWorld("us-east-1")
	s := w.sites["us-east-1"]
	id := w.newKeyID(false)
	if _, err := w.decide(s, account, keyengine.MakeManagedKey{Account: account, Alias: "alias/aws/s3", KeyID: id, Material: keyengine.NewMaterial{ID: family.MaterialID{1}, Leaf: 1}}); err != nil {
		t.Fatal(err)
	}
	user := w.asker(t, policy.User, "user/u", account, nil)
	if err := w.try(t, s, user, "Encrypt", `{"KeyId":"alias/aws/s3","Plaintext":"eA=="}`); err != nil {
		t.Errorf("of its account: %v", err)
	}
	stranger := w.asker(t, policy.User, "user/u", other, nil, allow("kms:*", "*"))
	if err := w.try(t, s, stranger, "Encrypt", `{"KeyId":"arn:aws:kms:us-east-1:111122223333:key/$k1","Plaintext":"eA=="}`); codeOf(err) != kmsapi.AccessDeniedException {
		t.Errorf("of another account: %v", err)
	}
}
