package node_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"meridian/region/node"
)

// lines is a log that a test reads while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// saying returns the lines with a word.
func (l *lines) saying(word string) (out []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		if strings.Contains(line, word) {
			out = append(out, line)
		}
	}
	return out
}

// What policies deny goes on where authorization is soft, and the log says who would have been told what; elsewhere it
// is denied, and who may do a thing is never in that log.
func TestSoftAuthorization(t *testing.T) {
	for mode, soft := range map[string]bool{"": false, "soft": true} {
		t.Run("mode "+mode, func(t *testing.T) {
			log := new(lines)
			_, as := decidedWith(t, func(config *node.Config) {
				config.Cluster.Authorization = mode
				config.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn}))
			}, 1, "us-east-1")
			created, err := as("AKIAADMINEXAMPLE0001", "admins-secret", "us-east-1/1").CreateKey(t.Context(), &kms.CreateKeyInput{})
			if err != nil {
				t.Fatal(err)
			}
			const notice = "authorization is soft"
			if said := log.saying(notice); len(said) > 0 {
				t.Errorf("of who may: %q", said)
			}
			secret := []byte("top-secret-plaintext")
			_, err = as("AKIAALICEEXAMPLE0001", "alices-secret", "us-east-1/1").Encrypt(t.Context(), &kms.EncryptInput{KeyId: created.KeyMetadata.KeyId, Plaintext: secret})
			said := log.saying(notice)
			if !soft {
				denied(t, "enforced", err)
				if len(said) > 0 {
					t.Errorf("enforced: %q", said)
				}
				return
			}
			if err != nil || len(said) != 1 {
				t.Fatalf("soft: %v, log %q", err, said)
			}
			for _, word := range []string{"user/alice", "action=kms:Encrypt", *created.KeyMetadata.Arn, "no identity-based policy allows"} {
				if !strings.Contains(said[0], word) {
					t.Errorf("%q lacks %q", said[0], word)
				}
			}
			if strings.Contains(said[0], string(secret)) {
				t.Error("the log has the plaintext")
			}
		})
	}
}
