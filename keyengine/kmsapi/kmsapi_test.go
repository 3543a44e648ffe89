package kmsapi

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/cockroachdb/datadriven"
	"meridian/keyengine/canonical"
)

// Each block is an operation and a body; the answer is the request as understood, or the fault.
func TestRequests(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			op, ok := Lookup(d.Cmd)
			if !ok {
				d.Fatalf(t, "unknown operation %s", d.Cmd)
			}
			in := op.New()
			if err := in.UnmarshalJSON([]byte(d.Input)); err != nil {
				return err.Error() + "\n"
			}
			if err := in.Validate(); err != nil {
				return err.Error() + "\n"
			}
			out, err := json.Marshal(in)
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			return string(out) + "\n"
		})
	})
}

func TestOperations(t *testing.T) {
	kinds := map[Kind]int{}
	paged := 0
	var names []string
	for op := range Operations() {
		names = append(names, op.Name)
		kinds[op.Kind]++
		if op.Page != "" {
			paged++
		}
		if found, ok := Lookup(op.Name); !ok || found != op {
			t.Errorf("%s is not found by its name", op.Name)
		}
		if op.ReadOnly() == op.Mutating() {
			t.Errorf("%s both changes state and does not", op.Name)
		}
		out, err := op.Invoke(context.Background(), Unimplemented{}, &Call{}, op.New())
		var fault *Fault
		if !errors.As(err, &fault) || fault.Code != UnsupportedOperationException || out != nil {
			t.Errorf("%s without an implementation answers %v, %v", op.Name, out, err)
		}
	}
	if len(names) != 54 || !slices.IsSorted(names) || paged != 8 {
		t.Errorf("got %d operations, %d with pages, sorted %v", len(names), paged, slices.IsSorted(names))
	}
	if kinds[Metadata] != 14 || kinds[DataPlane] != 13 || kinds[Mutation] != 27 {
		t.Errorf("kinds are %v", kinds)
	}
	for _, name := range []string{"", "createKey", "CreateKe", "CreateKeyy", "ZZZ"} {
		if _, ok := Lookup(name); ok {
			t.Errorf("%q is an operation", name)
		}
	}
}

type service struct{ Unimplemented }

func (service) ListKeys(context.Context, *Call, *ListKeysRequest) (*ListKeysResponse, error) {
	return &ListKeysResponse{Keys: []KeyListEntry{}, Truncated: new(false)}, nil
}

func (service) EnableKey(context.Context, *Call, *EnableKeyRequest) error { return nil }

func TestInvoke(t *testing.T) {
	for _, tt := range []struct{ operation, want string }{
		{"ListKeys", `{"Keys":[],"Truncated":false}`},
		{"EnableKey", `null`},
	} {
		op, _ := Lookup(tt.operation)
		out, err := op.Invoke(context.Background(), service{}, &Call{}, op.New())
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := json.Marshal(out); string(got) != tt.want {
			t.Errorf("%s answers %s, want %s", tt.operation, got, tt.want)
		}
	}
}

func TestFault(t *testing.T) {
	for _, tt := range []struct {
		fault     *Fault
		status    int
		retryable bool
		text      string
	}{
		{Errorf(NotFoundException, "Key '%s' does not exist", "k"), 400, false, "NotFoundException: Key 'k' does not exist"},
		{Errorf(AccessDeniedException, "no"), 400, false, "AccessDeniedException: no"},
		{Errorf(KMSInternalException, ""), 500, true, "KMSInternalException"},
		{Errorf(KeyUnavailableException, ""), 500, true, "KeyUnavailableException"},
		{Errorf(DependencyTimeoutException, ""), 503, true, "DependencyTimeoutException"},
		{&Fault{Code: "Odd", Status: 413}, 413, false, "Odd"},
	} {
		if got := tt.fault.StatusCode(); got != tt.status {
			t.Errorf("%v: status %d, want %d", tt.fault, got, tt.status)
		}
		if got := tt.fault.Retryable(); got != tt.retryable {
			t.Errorf("%v: retryable is %v", tt.fault, got)
		}
		if got := tt.fault.Error(); got != tt.text {
			t.Errorf("text is %q, want %q", got, tt.text)
		}
	}
}

func TestTimestamp(t *testing.T) {
	for _, tt := range []struct {
		at   Timestamp
		json string
	}{
		{1607472987918, "1607472987.918"},
		{1607472987900, "1607472987.9"},
		{1607472987010, "1607472987.01"},
		{1607472987000, "1607472987"},
		{1, "0.001"},
		{0, "0"},
		{-1500, "-1.5"},
		{maxSeconds * 1000, "253402300799"},
	} {
		out, err := json.Marshal(tt.at)
		if err != nil || string(out) != tt.json {
			t.Errorf("%d: got %s, %v, want %s", tt.at, out, err, tt.json)
		}
		var back Timestamp
		if err := json.Unmarshal([]byte(tt.json), &back); err != nil || back != tt.at {
			t.Errorf("%s: got %d, %v, want %d", tt.json, back, err, tt.at)
		}
	}
	for in, want := range map[string]Timestamp{"1.607472987918E9": 1607472987918, "1.0004": 1000, "1.0005001": 1001} {
		var got Timestamp
		if err := json.Unmarshal([]byte(in), &got); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{`"2020-01-01"`, `1e300`, `-1e12`, `[]`, `true`} {
		var got Timestamp
		if err := json.Unmarshal([]byte(in), &got); err == nil {
			t.Errorf("%s: got %d, want an error", in, got)
		}
	}
}

// Answers are stored in the canonical form to be repeated, so they must survive it.
func TestAnswersHaveACanonicalForm(t *testing.T) {
	answer := &CreateKeyResponse{KeyMetadata: &KeyMetadata{
		KeyId: new("k"), CreationDate: new(Timestamp(1607472987918)), Enabled: new(false), KeySpec: new(KeySpecRsa2048),
		SigningAlgorithms:        []SigningAlgorithmSpec{SigningAlgorithmSpecSm2dsa},
		MultiRegionConfiguration: &MultiRegionConfiguration{ReplicaKeys: []MultiRegionKey{}},
	}}
	want, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	var back CreateKeyResponse
	if err := canonical.Unmarshal(canonical.Marshal(answer), &back); err != nil {
		t.Fatal(err)
	}
	if got, err := json.Marshal(back); err != nil || string(got) != string(want) {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
}
