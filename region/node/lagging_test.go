package node_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"meridian/cluster/fault"
	"meridian/eventlog/raftlog"
	"meridian/region/node"
	"meridian/region/node/nodetest"
)

// behind is a Region of three nodes whose third can be held back: the others' log does not reach it, while it reaches
// them. It never stands for leader, and its clock goes only when the test says so.
type behind struct {
	*nodetest.Cluster
	as      func(id, secret, node string) *kms.Client
	layers  map[string]*fault.Layer
	version uint64
	ahead   atomic.Int64 // ns of the held node's clock since it stopped
}

const heldBack = "us-east-1/3"

func newBehind(t *testing.T) *behind {
	t.Helper()
	b := &behind{layers: map[string]*fault.Layer{}}
	stopped := time.Now()
	b.Cluster, b.as = decidedWith(t, func(config *node.Config) {
		b.layers[config.Node.Name] = config.Faults
		if config.Node.Name == heldBack {
			config.Timeouts = raftlog.Timeouts{Heartbeat: time.Minute, Election: time.Minute, Lease: time.Second}
			config.Wall = func() time.Time { return stopped.Add(time.Duration(b.ahead.Load())) }
		}
	}, 3, "us-east-1")
	return b
}

// cut keeps the log of the other nodes from the held one, or lets it through.
func (b *behind) cut(on bool) {
	b.T.Helper()
	b.version++
	table := fault.Table{Format: fault.Format, Version: b.version}
	if on {
		for _, from := range []string{"us-east-1/1", "us-east-1/2"} {
			table.Rules = append(table.Rules, fault.Rule{Kind: fault.Partition, A: from, B: heldBack, OneWay: true})
		}
	}
	for name, layer := range b.layers {
		if err := layer.Set(table); err != nil {
			b.T.Fatal(name, err)
		}
	}
}

// lags reports whether the held node is behind the others.
func (b *behind) lags() bool {
	return b.Nodes[heldBack].Status().Seq < max(b.Nodes["us-east-1/1"].Status().Seq, b.Nodes["us-east-1/2"].Status().Seq)
}

// A grant on a node that is really behind: unknown without its token, good with it at once, and gone with its
// revocation as soon as the node hears of it; one that hears nothing stops to answer after five seconds.
func TestGrantOnALaggingNode(t *testing.T) {
	b := newBehind(t)
	admin := b.as("AKIAADMINEXAMPLE0001", "admins-secret", "us-east-1/1")
	created, err := admin.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	key := created.KeyMetadata.KeyId
	b.Eventually("all nodes are equal", func() bool { return !b.lags() })
	encrypt := func(level string, tokens ...string) error {
		_, err := b.as("AKIAALICEEXAMPLE0001", "alices-secret", heldBack).Encrypt(t.Context(),
			&kms.EncryptInput{KeyId: key, Plaintext: []byte("x"), GrantTokens: tokens},
			func(o *kms.Options) { o.RetryMaxAttempts = 1 },
			kms.WithAPIOptions(smithyhttp.AddHeaderValue("X-Meridian-Consistency", level)))
		return err
	}
	revoke := func(grant *kms.CreateGrantOutput) {
		t.Helper()
		if _, err := admin.RevokeGrant(t.Context(), &kms.RevokeGrantInput{KeyId: key, GrantId: grant.GrantId}); err != nil {
			t.Fatal(err)
		}
	}

	b.cut(true)
	granted := grantToAlice(t, admin, key)
	denied(t, "without the token", encrypt("eventual"))
	unconfirmed(t, "without the token, by a node that must make sure of a no", encrypt("default"))
	for _, level := range []string{"eventual", "default"} {
		if err := encrypt(level, *granted.GrantToken); err != nil {
			t.Errorf("with the token, %s: %v", level, err)
		}
	}
	if !b.lags() {
		t.Error("the node was not behind")
	}
	revoke(granted)
	denied(t, "with the token of a grant that was revoked before the node heard of it", encrypt("eventual", *granted.GrantToken))

	b.cut(false)
	granted = grantToAlice(t, admin, key)
	b.Eventually("the node knows the grant", func() bool { return encrypt("default") == nil && !b.lags() })
	b.cut(true)
	revoke(granted)
	if err := encrypt("default", *granted.GrantToken); err != nil {
		t.Errorf("by a node that cannot know of the revocation yet: %v", err)
	}
	b.ahead.Add(int64(5*time.Second + time.Millisecond))
	for _, tokens := range [][]string{nil, {*granted.GrantToken}} {
		unconfirmed(t, "five seconds after it last heard the leader", encrypt("eventual", tokens...))
	}
	if !b.lags() {
		t.Error("the node was not behind when the five seconds were over")
	}
	b.cut(false)
	b.Eventually("the node has caught up", func() bool { return !b.lags() })
	denied(t, "after the revocation was applied", encrypt("default", *granted.GrantToken))
}

// unconfirmed requires the answer of a node that does not know whether it may say yes or no.
func unconfirmed(t *testing.T, what string, err error) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "KMSInternalException" {
		t.Errorf("%s: %v, want KMSInternalException", what, err)
	}
}
