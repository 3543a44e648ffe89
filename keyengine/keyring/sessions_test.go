package keyring

import (
	"bytes"
	"crypto/rand"
	"errors"
	"path/filepath"
	"sync"
	"testing"
)

// Nodes that start at a time make one key of sessions between them: what one seals, every other one opens.
func TestSessionsOfProcessesThatStartAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "session.key")
	all := make([]*Sessions, 16)
	var g sync.WaitGroup
	for i := range all {
		g.Go(func() {
			s, err := OpenSessions(path, "c", rand.Reader)
			if err != nil {
				t.Error(err)
			}
			all[i] = s
		})
	}
	g.Wait()
	if t.Failed() {
		return
	}
	sealed, err := all[0].Seal(rand.Reader, []byte("said"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if said, err := s.Open(sealed); err != nil || string(said) != "said" {
			t.Fatalf("%q, %v", said, err)
		}
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := all[0].Open(bad); !errors.Is(err, ErrToken) {
			t.Fatalf("with byte %d changed: %v", i, err)
		}
	}
	other, err := OpenSessions(path, "another cluster", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Open(sealed); !errors.Is(err, ErrToken) {
		t.Errorf("a token of another cluster: %v", err)
	}
}
