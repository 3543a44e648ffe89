package node_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"meridian/cluster/control"
)

// TestExplainAnswersForTheRegion asks a node that is behind: it does not explain what is no more so, unless it is asked for
// what it knows itself.
func TestExplainAnswersForTheRegion(t *testing.T) {
	b := newBehind(t)
	admin := b.as("AKIAADMINEXAMPLE0001", "admins-secret", "us-east-1/1")
	created, err := admin.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	client, err := control.Connect(b.Dir.Node(heldBack))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(consistency string) (control.Reasons, error) {
		return client.Explain(t.Context(), control.Question{
			Principal: "arn:aws:iam::111122223333:user/alice", Action: "kms:Encrypt", Key: *created.KeyMetadata.KeyId, Consistency: consistency,
		})
	}
	if r, err := ask(""); err != nil || r.Allowed {
		t.Fatalf("before there is a grant: %+v, %v", r, err)
	}
	b.cut(true)
	grantToAlice(t, admin, created.KeyMetadata.KeyId)
	b.Eventually("the node is behind", b.lags)
	if r, err := ask("eventual"); err != nil || r.Allowed {
		t.Errorf("eventual, behind: %+v, %v", r, err)
	}
	var refusal *control.Refusal
	if r, err := ask("strong"); !errors.As(err, &refusal) || refusal.Status != http.StatusServiceUnavailable {
		t.Errorf("strong, behind: %+v, %v; want no answer", r, err)
	}
	if _, err := ask("soon"); !errors.As(err, &refusal) || refusal.Status != http.StatusBadRequest {
		t.Errorf("of a consistency that is none: %v", err)
	}
	b.cut(false)
	b.Eventually("the node hears the log again", func() bool { return !b.lags() })
	if r, err := ask("strong"); err != nil || r.Seq == 0 || r.Reason == "" {
		t.Errorf("strong: %+v, %v", r, err)
	}
}
