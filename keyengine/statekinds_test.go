package keyengine_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"meridian/keyengine/kmsapi"
)

// outcomeCode names an outcome as the tables do; the words of the codes are in the texts' heads.
func outcomeCode(err error, keyARN, state string) string {
	if err == nil {
		return "ok"
	}
	var f *kmsapi.Fault
	if !errors.As(err, &f) {
		return err.Error()
	}
	pending := map[string]string{"PendingDeletion": "pending deletion", "PendingReplicaDeletion": "pending replica deletion"}[state]
	words := strings.ReplaceAll(f.Error(), keyARN, "…")
	for code, known := range map[string]string{
		"e1":  "DisabledException: … is disabled.",
		"e3":  "KMSInvalidStateException: … is " + pending + ".",
		"e4":  "KMSInvalidStateException: … is not pending deletion.",
		"e5":  "KMSInvalidStateException: … is pending import.",
		"e6":  "UnsupportedOperationException: … origin is EXTERNAL which is not valid for this operation.",
		"e7":  "UnsupportedOperationException: … has a key spec that does not support rotation: ",
		"e9":  "UnsupportedOperationException: … origin is AWS_KMS which is not valid for this operation.",
		"e14": "KMSInvalidStateException: … is creating.",
		"e15": "KMSInvalidStateException: … is updating.",
		"k1":  "UnsupportedOperationException: … is not a multi-Region key.",
		"k2":  "UnsupportedOperationException: … is not a multi-Region primary key.",
		"k3":  "AccessDeniedException: … is an AWS managed key: ",
		"k4":  "AccessDeniedException: arn:aws:kms:us-east-1:" + account + ":alias/aws/s3 is predefined by AWS: ",
		"k5":  "InvalidKeyUsageException: … key usage is ",
		"k6":  "UnsupportedOperationException: … key spec is SYMMETRIC_DEFAULT which has no public key.",
	} {
		if words == known || strings.HasSuffix(known, " ") && strings.HasPrefix(words, known) {
			return code
		}
	}
	return words
}

// TestKeyStates makes the table of key states for each kind of key, and compares it with the text in
// testdata/states/kinds.txt and with what AWS publishes. Rewrite with -args -rewrite, and read the difference.
func TestKeyStates(t *testing.T) {
	says := readPublished()
	datadriven.RunTest(t, "testdata/states/kinds.txt", func(t *testing.T, d *datadriven.TestData) string {
		kind := keyKind{role: d.Cmd, imported: d.HasArg("imported")}
		d.MaybeScanArgs(t, "spec", &kind.spec)
		states := kind.states()
		var out strings.Builder
		fmt.Fprintf(&out, "%-36s %s\n", "operation", strings.Join(states, " "))
		for _, op := range slices.Sorted(maps.Keys(says)) {
			fmt.Fprintf(&out, "%-36s", op)
			for _, state := range states {
				got := keyState(t, kind, state, op)
				fmt.Fprintf(&out, " %-*s", len(state), got)
				agrees(t, says, kind, state, op, got)
			}
			out.WriteString("\n")
		}
		return trimLines(out.String())
	})
}

func trimLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// keyState is the outcome of an operation on a key of a kind, in a state.
func keyState(t *testing.T, kind keyKind, state, op string) string {
	t.Helper()
	w := newStateWorld(t, kind, state, op)
	w.grant(w.at)
	_, events, err := w.call(w.at, account, op, w.input(op))
	if err != nil && len(events) > 0 {
		t.Errorf("%s in %s: refused with %d events", op, state, len(events))
	}
	w.check(t)
	return outcomeCode(err, "arn:aws:kms:"+w.at.place.Region+":"+account+":key/"+w.names["$k1"], state)
}

// agrees holds an outcome to what AWS publishes. What only a key's kind forbids is not on AWS's page but
// for e6, e7 and e9; it comes after the state.
func agrees(t *testing.T, says published, kind keyKind, state, op, got string) {
	t.Helper()
	want, wrongKind := says.cell(op, state)
	if wrongKind != "" && unfit(kind, op) {
		want = wrongKind
		if wrongKind == "e7" && kind.imported {
			want = "e6" // one of the reasons of e7
		}
	}
	switch {
	case got == want:
	case want == "ok" && (strings.HasPrefix(got, "k") || got == "e7"):
	case kind.role == "managed" && (got == "k3" || got == "k4"):
	case op == "GetKeyRotationStatus" && want == "e6" && got == "ok": // decided: such keys are rotated on demand
	case kind.role == "replica" && state == "Updating" && got == "e15" && strings.HasSuffix(op, "KeyRotation"): // decided: the role is on its way
	case want == "e6" && kind.spec+specOf(op) != "SYMMETRIC_DEFAULT" && got == "e7":
	default:
		t.Errorf("%s of a %s key (imported: %t) in %s: %s, AWS says %s", op, kind.role, kind.imported, state, got, want)
	}
}

func specOf(op string) string { spec, _ := kindFor(op); return spec }

// unfit reports whether a kind of keys can never do an operation that AWS's page has two outcomes for.
func unfit(kind keyKind, op string) bool {
	if strings.HasSuffix(op, "KeyRotation") {
		return kind.imported || kind.spec != ""
	}
	return !kind.imported
}
