package sessions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"meridian/keyengine/identity"
)

// poll is how often Watch looks at the file. Looking costs one system call.
const poll = time.Second

// A Sealer encrypts what only the nodes of a cluster may read.
type Sealer interface {
	Seal(random io.Reader, plaintext []byte) ([]byte, error)
	Open(sealed []byte) ([]byte, error)
}

// Config is what a Keeper is made of.
type Config struct {
	File      string // path of the identity file; it need not be there
	Partition string
	Seal      Sealer
	Random    io.Reader
	// Development returns the account whose root a development access key is, and its secret; nil: they are of no use
	// here, where others than this machine can call.
	Development func(accessKeyID string) (account, secret string, ok bool)
	Logger      *slog.Logger
}

// A Keeper keeps the access keys. Open makes one.
type Keeper struct {
	config Config
	now    atomic.Pointer[content]
	mu     sync.Mutex // held while the file is read
	seen   stamp
	failed string // why the file that was seen last is not in force; empty: it is
}

// content is a file in force.
type content struct {
	directory *identity.Directory // nil: there is no file
	keys      map[string]identity.Known
}

// stamp tells a file from what it was before.
type stamp struct {
	there bool
	size  int64
	at    time.Time
}

// Open reads the identity file, if there is one. One that is wrong keeps the node from starting: there is no older one
// to go on with, and to go on without would let the wrong ones in.
func Open(c Config) (*Keeper, error) {
	k := &Keeper{config: c}
	if err := k.Reload(); err != nil {
		return nil, err
	}
	return k, nil
}

// Watch keeps up with the file until ctx ends.
func (k *Keeper) Watch(ctx context.Context) {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			k.look()
		case <-ctx.Done():
			return
		}
	}
}

// look reads the file if it is not as it was.
func (k *Keeper) look() {
	k.mu.Lock()
	same := stampOf(k.config.File) == k.seen
	k.mu.Unlock()
	if same {
		return
	}
	if err := k.Reload(); err != nil {
		k.config.Logger.Warn("the identity file is not in force, the old one stays", "err", err)
		return
	}
	k.config.Logger.Info("the identity file is in force", "digest", k.State().Digest)
}

// Reload reads the file now. After an error the old one stays in force.
func (k *Keeper) Reload() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.seen = stampOf(k.config.File)
	next, err := k.read()
	if err != nil {
		err = fmt.Errorf("%s: %w", k.config.File, err)
		k.failed = err.Error()
		return err
	}
	k.failed = ""
	k.now.Store(next)
	return nil
}

func (k *Keeper) read() (*content, error) {
	if !k.seen.there {
		if now := k.now.Load(); now != nil && now.directory != nil {
			return nil, errors.New("the file is gone; put it back, or restart the node to do without")
		}
		return &content{}, nil
	}
	f, err := os.Open(k.config.File)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, identity.MaxBytes+1))
	if err != nil {
		return nil, err
	}
	d, err := identity.Parse(text)
	if err != nil {
		return nil, err
	}
	return &content{d, d.AccessKeys(k.config.Partition)}, nil
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{there: !errors.Is(err, fs.ErrNotExist)}
	}
	return stamp{true, info.Size(), info.ModTime()}
}

// State is which file is in force.
type State struct {
	Digest string // SHA-256, hexadecimal; empty: there is none
	Error  string // why the newest one is not; empty: it is
}

// State returns which file is in force.
func (k *Keeper) State() State {
	k.mu.Lock()
	defer k.mu.Unlock()
	return State{k.now.Load().directory.Digest(), k.failed}
}

// Directory returns what the file in force says; nil: there is none.
func (k *Keeper) Directory() *identity.Directory { return k.now.Load().directory }
