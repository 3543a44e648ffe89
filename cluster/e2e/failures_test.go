package e2e

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// TestLeaderKilledDuringWrites kills the leader twice while clients write and decrypt: no acknowledged key is
// lost, none is made twice, no write fails for good, and no Decrypt fails at all.
func TestLeaderKilledDuringWrites(t *testing.T) {
	c := breakable(t)
	us := c.client(east)
	key := createKey(t, us, false)
	blob := encrypt(t, us, key, "always there", nil)

	w := &writers{name: unique("write")}
	stop := make(chan struct{})
	var running sync.WaitGroup
	for n := range 4 {
		running.Go(func() { w.run(t, c.patient(east), n, stop) })
	}
	decrypts := new(atomic.Int64)
	for _, address := range []string{c.endpoint(east), c.door()} {
		client := c.clientAt(east, address, 1)
		running.Go(func() {
			for open(stop) {
				out, err := client.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: blob})
				if err != nil || string(out.Plaintext) != "always there" {
					t.Errorf("decrypt at %s after %d that worked: %v", address, decrypts.Load(), err)
					return
				}
				decrypts.Add(1)
			}
		})
	}
	t.Cleanup(running.Wait)
	halt := sync.OnceFunc(func() { close(stop) })
	t.Cleanup(halt) // runs before the one above: the last registered is the first

	for range 2 {
		w.progress(t, 15)
		leader := c.leader(t, east)
		c.do(t, "kill", leader)
		w.progress(t, 15)
		c.do(t, "start", leader)
	}
	halt()
	running.Wait()
	t.Logf("%d keys acknowledged, %d decrypts", w.acknowledged.Load(), decrypts.Load())
	w.check(t, us)
}

func open(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return false
	default:
		return true
	}
}

// writers make keys with descriptions of their own, and remember which were acknowledged.
type writers struct {
	name         string
	acknowledged atomic.Int64
	keys         sync.Map // description to key id, of what was acknowledged
}

func (w *writers) run(t *testing.T, client *kms.Client, n int, stop <-chan struct{}) {
	for i := 0; open(stop); i++ {
		about := fmt.Sprintf("%s %d/%d", w.name, n, i)
		out, err := client.CreateKey(t.Context(), &kms.CreateKeyInput{Description: &about})
		if err != nil {
			t.Errorf("CreateKey %s fails after all repeats: %v", about, err)
			return
		}
		w.keys.Store(about, *out.KeyMetadata.KeyId)
		w.acknowledged.Add(1)
	}
}

// progress waits until that many more keys were acknowledged.
func (w *writers) progress(t *testing.T, more int64) {
	t.Helper()
	from := w.acknowledged.Load()
	eventually(t, 30*time.Second, "writes go on", func() error {
		if got := w.acknowledged.Load() - from; got < more {
			return fmt.Errorf("%d more keys of %d", got, more)
		}
		return nil
	})
}

// check compares what was acknowledged with what is there.
func (w *writers) check(t *testing.T, client *kms.Client) {
	t.Helper()
	there := map[string][]string{}
	for page := kms.NewListKeysPaginator(client, &kms.ListKeysInput{}); page.HasMorePages(); {
		out, err := page.NextPage(t.Context())
		ok(t, err)
		for _, k := range out.Keys {
			m, err := describe(t, client, *k.KeyId)
			ok(t, err)
			there[aws.ToString(m.Description)] = append(there[aws.ToString(m.Description)], *k.KeyId)
		}
	}
	w.keys.Range(func(about, id any) bool {
		if got := there[about.(string)]; len(got) != 1 || got[0] != id {
			t.Errorf("key %s was acknowledged as %s; there are %v", about, id, got)
		}
		return true
	})
	if len(there) < int(w.acknowledged.Load()) {
		t.Errorf("%d descriptions, %d keys were acknowledged", len(there), w.acknowledged.Load())
	}
	t.Logf("%d keys acknowledged, looked for among %d", w.acknowledged.Load(), len(there))
}

// TestRegionKilled kills all nodes of a Region: the others go on, and what concerns it is done when it is back.
func TestRegionKilled(t *testing.T) {
	c := breakable(t)
	us, eu, ap := c.client(east), c.client(west), c.client(south)
	key, local := createKey(t, us, true), createKey(t, eu, false)
	c.replicate(t, key, east, south)
	c.replicate(t, key, east, west)
	kept := encrypt(t, eu, local, "kept in eu", nil)

	c.do(t, "kill", west)
	_, err := describe(t, eu, local)
	refused(t, err, "KMSInternalException")
	if got := decrypt(t, ap, encrypt(t, us, key, "around it", nil), nil); string(got.Plaintext) != "around it" {
		t.Errorf("decrypted %q", got.Plaintext)
	}
	late := createKey(t, us, true)
	out, err := us.ReplicateKey(t.Context(), &kms.ReplicateKeyInput{KeyId: &late, ReplicaRegion: aws.String(west)})
	ok(t, err)
	if out.ReplicaKeyMetadata.KeyState != types.KeyStateCreating {
		t.Errorf("a replica in a Region that is down is %s, want Creating", out.ReplicaKeyMetadata.KeyState)
	}

	c.do(t, "start", west)
	if got := decrypt(t, c.patient(west), kept, nil); string(got.Plaintext) != "kept in eu" {
		t.Errorf("decrypted %q", got.Plaintext)
	}
	awaitState(t, eu, late, types.KeyStateEnabled)
	if got := decrypt(t, eu, encrypt(t, us, late, "at last", nil), nil); string(got.Plaintext) != "at last" {
		t.Errorf("decrypted %q", got.Plaintext)
	}
}

// TestPartitionDuringUpdatePrimaryRegion cuts the two Regions between which the role of primary moves.
func TestPartitionDuringUpdatePrimaryRegion(t *testing.T) {
	c := breakable(t)
	us, eu := c.client(east), c.client(west)
	key := createKey(t, us, true)
	c.replicate(t, key, east, west)
	c.replicate(t, key, east, south)

	c.do(t, "partition", east, west)
	_, err := us.UpdatePrimaryRegion(t.Context(), &kms.UpdatePrimaryRegionInput{KeyId: &key, PrimaryRegion: aws.String(west)})
	ok(t, err)
	awaitState(t, us, key, types.KeyStateUpdating)
	for _, region := range []string{west, south} {
		m, err := describe(t, c.client(region), key)
		ok(t, err)
		if m.MultiRegionConfiguration.MultiRegionKeyType == types.MultiRegionKeyTypePrimary {
			t.Errorf("%s is primary behind a cut", region)
		}
	}
	// Both sides of the cut go on encrypting, and understand each other.
	for from, to := range map[*kms.Client]*kms.Client{us: eu, eu: us} {
		if got := decrypt(t, to, encrypt(t, from, key, "across", nil), nil); string(got.Plaintext) != "across" {
			t.Errorf("decrypted %q", got.Plaintext)
		}
	}

	c.do(t, "heal")
	awaitPrimary(t, c, key, west, east, west, south)
	_, err = eu.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &key})
	ok(t, err)
}

// TestRestart takes the whole cluster down and up again: everything is there, and every log replays to it. While
// it is down, no file holds a secret.
func TestRestart(t *testing.T) {
	c := breakable(t)
	us, eu := c.client(east), c.client(west)
	key := createKey(t, us, true)
	c.replicate(t, key, east, west)
	blob := encrypt(t, us, key, "over night", nil)
	alias := "alias/restart-" + key[4:12]
	_, err := eu.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: &alias, TargetKeyId: &key})
	ok(t, err)

	secrets := useSecrets(t, c, key)
	c.verify(t)
	c.do(t, "down")
	for _, r := range regions() {
		if _, err := describe(t, c.client(r), key); err == nil {
			t.Errorf("%s answers after down", r)
		}
	}
	secrets.search(t, c)
	if _, err := c.up(); err != nil {
		t.Fatal(err)
	}
	again, err := c.up() // is no error, and says where the cluster is
	if err != nil || again == "" {
		t.Errorf("up of a running cluster: %v, prints %q", err, again)
	}
	m, err := describe(t, eu, alias)
	ok(t, err)
	if *m.KeyId != key || m.MultiRegionConfiguration.MultiRegionKeyType != types.MultiRegionKeyTypeReplica {
		t.Errorf("after the restart %s leads to %+v", alias, m)
	}
	if got := decrypt(t, eu, blob, nil); string(got.Plaintext) != "over night" {
		t.Errorf("decrypted %q", got.Plaintext)
	}
	_ = createKey(t, us, false) // and the log goes on
	c.verify(t)
}
