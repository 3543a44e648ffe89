package audit

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"meridian/keyengine/identity"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/policy"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden records")

const (
	key1  = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	other = "arn:aws:kms:us-east-1:444455556666:key/mrk-1234abcd12ab34cd56ef1234567890ab"
)

var alice = kmsapi.Principal{Account: "111122223333", ARN: "arn:aws:iam::111122223333:user/Alice", AccessKeyID: "AKIAEXAMPLE"}

func testConfig() Config {
	n := 0
	c := Config{Region: "us-east-1", Node: "us-east-1/2", Now: func() int64 { return 1_700_000_000_123 }}
	c.NewID = func() string {
		n++
		return fmt.Sprintf("event-%d", n)
	}
	c.Resolve = func(account, id string) string {
		if id == "alias/mine" && account == alice.Account {
			return key1
		}
		if strings.HasPrefix(id, "arn:aws:kms:us-east-1:") {
			return id
		}
		return ""
	}
	c.fill()
	return c
}

func testRecorder() *recorder {
	c := testConfig()
	return &recorder{config: &c, members: newPlanner()}
}

func operation(name string) *kmsapi.Operation {
	op, ok := kmsapi.Lookup(name)
	if !ok {
		panic(name)
	}
	return op
}

func callOf(who kmsapi.Identity) *kmsapi.Call {
	c := &kmsapi.Call{
		RequestID: "request-1", Caller: alice, SourceIP: "127.0.0.1",
		Raw: kmsapi.Raw{Header: map[string][]string{"User-Agent": {`aws-cli/2 "quoted" <é>`}}},
	}
	if who != nil {
		c.Identity, c.Caller = who, who.Principal()
	}
	return c
}

func user() *identity.Caller {
	return &identity.Caller{AccessKeyID: "AKIAEXAMPLE", Who: policy.Principal{
		Kind: policy.User, ARN: alice.ARN, Account: alice.Account, UserName: "Alice", UserID: "AIDAALICE",
	}}
}

func session1() *identity.Caller {
	return &identity.Caller{
		AccessKeyID: "ASIAEXAMPLE", Temporary: true, SessionName: "s", SourceIdentity: "Alice",
		Who: policy.Principal{
			Kind: policy.RoleSession, ARN: "arn:aws:sts::111122223333:assumed-role/Admin/s", Account: alice.Account,
			Role: "arn:aws:iam::111122223333:role/ops/Admin", UserID: "AROAADMIN:s", TokenIssued: 1_700_000_000_000, MFA: new(true),
		},
	}
}

// TestRecords holds whole records against a golden file.
func TestRecords(t *testing.T) {
	const at = 1_605_662_958_500 // 2020-11-18T01:29:18.5Z
	calls := []struct {
		name string
		call Call
	}{
		{"a user encrypts", Call{
			Operation: operation("Encrypt"), Call: callOf(user()), At: at,
			Input:  &kmsapi.EncryptRequest{KeyId: new("alias/mine"), Plaintext: []byte("secret"), EncryptionContext: map[string]string{"b": "2", "a": "<1>"}},
			Output: &kmsapi.EncryptResponse{KeyId: new(key1), CiphertextBlob: []byte("blob")},
		}},
		{"a session of a role decrypts, as another node answers", Call{
			Operation: operation("Decrypt"), Call: callOf(session1()), At: at,
			Input:  &kmsapi.DecryptRequest{CiphertextBlob: []byte("blob")},
			Output: json.RawMessage(`{"KeyId":"` + key1 + `","Plaintext":"c2VjcmV0","KeyMaterialId":"m1"}`),
		}},
		{"a key is made", Call{
			Operation: operation("CreateKey"), Call: callOf(nil), At: at,
			Input: &kmsapi.CreateKeyRequest{Description: new(""), Tags: []kmsapi.Tag{{TagKey: new("k"), TagValue: new("v")}}, MultiRegion: new(false)},
			Output: &kmsapi.CreateKeyResponse{KeyMetadata: &kmsapi.KeyMetadata{
				AWSAccountId: new(alice.Account), Arn: new(key1), CreationDate: new(kmsapi.Timestamp(at)), Enabled: new(true),
				EncryptionAlgorithms: []kmsapi.EncryptionAlgorithmSpec{kmsapi.EncryptionAlgorithmSpecSymmetricDefault},
			}},
		}},
		{"an operation that answers nothing names its key", Call{
			Operation: operation("EnableKey"), Call: callOf(user()), At: at, Input: &kmsapi.EnableKeyRequest{KeyId: new(key1)},
		}},
		{"a refusal", Call{
			Operation: operation("DisableKey"), Call: callOf(user()), At: at, Input: &kmsapi.DisableKeyRequest{KeyId: new("nothing")},
			Fault: kmsapi.Errorf(kmsapi.NotFoundException, "Invalid keyId 'nothing'"),
		}},
		{"a request that cannot be read", Call{
			Operation: operation("DisableKey"), Call: callOf(user()), At: at, Fault: kmsapi.Errorf(kmsapi.SerializationException, "no JSON"),
		}},
		{"a key of another account is told in both", Call{
			Operation: operation("Encrypt"), Call: callOf(user()), At: at,
			Input:  &kmsapi.EncryptRequest{KeyId: new(other), Plaintext: []byte("secret")},
			Output: &kmsapi.EncryptResponse{KeyId: new(other)},
		}},
		{"a denial is told to the caller's account alone", Call{
			Operation: operation("Encrypt"), Call: callOf(user()), At: at,
			Input: &kmsapi.EncryptRequest{KeyId: new(other), Plaintext: []byte("secret")},
			Fault: kmsapi.Errorf(kmsapi.AccessDeniedException, "no"),
		}},
		{"re-encryption names both keys", Call{
			Operation: operation("ReEncrypt"), Call: callOf(user()), At: at,
			Input:  &kmsapi.ReEncryptRequest{CiphertextBlob: []byte("blob"), DestinationKeyId: new("x")},
			Output: &kmsapi.ReEncryptResponse{SourceKeyId: new(key1), KeyId: new(other)},
		}},
	}
	var got bytes.Buffer
	for _, c := range calls {
		fmt.Fprintf(&got, "# %s\n", c.name)
		for line := range bytes.Lines(testRecorder().appendCall(nil, &c.call)) {
			if err := json.Indent(&got, line, "", "  "); err != nil {
				t.Fatalf("%s: %v in %s", c.name, err, line)
			}
		}
	}
	const golden = "testdata/records.txt"
	if *rewrite {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("the records are not those of %s; they are now\n%s", golden, &got)
	}
}

// TestLongTextsAreBounded puts long texts wherever a caller can.
func TestLongTextsAreBounded(t *testing.T) {
	long := strings.Repeat("\x01", 1<<20)
	call := callOf(user())
	call.Raw.Header["User-Agent"] = []string{long}
	c := Call{
		Operation: operation("PutKeyPolicy"), Call: call, Input: &kmsapi.PutKeyPolicyRequest{Policy: &long},
		Fault: kmsapi.Errorf(kmsapi.ValidationException, "%s", long),
	}
	if b := testRecorder().appendCall(nil, &c); len(b) > maxLine || !json.Valid(b) {
		t.Errorf("a record of %d bytes, JSON: %v", len(b), json.Valid(b))
	}
}

// BenchmarkRecordEncrypt is what the writer does for a call of Encrypt, beside the calls.
func BenchmarkRecordEncrypt(b *testing.B) {
	r, c := testRecorder(), encryptCall()
	r.config.NewID = func() string { return "1234abcd-12ab-34cd-56ef-1234567890ab" }
	var line []byte
	b.ReportAllocs()
	for b.Loop() {
		line = r.appendCall(line[:0], &c)
	}
	b.SetBytes(int64(len(line)))
}

// BenchmarkNote is what a call itself pays.
func BenchmarkNote(b *testing.B) {
	config := testConfig()
	config.Dir = b.TempDir()
	config.NewID = func() string { return "1234abcd-12ab-34cd-56ef-1234567890ab" }
	l, err := Open(config)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	c := encryptCall()
	for b.Loop() {
		l.Note(c)
	}
}

func encryptCall() Call {
	return Call{
		Operation: operation("Encrypt"), Call: callOf(user()), At: 1_605_662_958_500,
		Input:  &kmsapi.EncryptRequest{KeyId: new(key1), Plaintext: []byte("secret"), EncryptionContext: map[string]string{"a": "1"}},
		Output: &kmsapi.EncryptResponse{KeyId: new(key1), CiphertextBlob: []byte("blob")},
	}
}
