package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"meridian/cluster/check"
	"meridian/cluster/clustertest"
	"meridian/cluster/history"
	"meridian/cluster/layout"
)

// How the load of linearizability tests is made up.
const (
	strongClients = 10
	poolKeys      = 8   // that are in use at the same time
	poolCalls     = 800 // after so many calls other keys take their place: an object's search stays small
)

// TestLinearizable plays strong calls against a Region whose leader is cut off, killed and paused, and, in a long run, whose
// nodes are replaced, added and removed; among them are calls of the weaker levels. The judges find all answers right.
// MERIDIAN_LINEAR_CALLS is the number of strong calls, 1500 if unset, MERIDIAN_LINEAR_SEED draws them and the faults.
func TestLinearizable(t *testing.T) {
	l := newLoad(t, setting(t, "MERIDIAN_LINEAR_CALLS", 1500), "strong")
	for n := range strongClients {
		l.client(n, "strong", 1+n%4)
	}
	for n, level := range []string{"", "", "session", "session", "eventual", "bounded=2000"} {
		l.client(strongClients+n, level, 1+n%4)
	}
	faults := l.faults()
	l.wait()
	took, broken := time.Since(l.began), faults()
	l.c.slow = l.most > 10_000 // so long a log takes its time to be replayed, on each node
	l.agree(t)
	h := l.history(t)
	t.Logf("seed %d: %d calls, %d of them strong, in %v; faults: %v", l.seed, len(h.Entries), l.calls.Load(), took.Round(time.Second), broken)
	for _, v := range check.All(h, check.Options{Search: time.Minute}) {
		t.Log(v)
		if !v.OK() || v.Checked == 0 {
			t.Errorf("%s: the history is %s", v.Judge, l.keep(t))
		}
	}
	l.c.do(t, "verify")
	l.c.do(t, "verify", "--invariants")
}

// TestStaleReadsAreFound is the control: the same load, whose reads are of the level eventual and are judged as if they
// were strong. The judge must find them.
func TestStaleReadsAreFound(t *testing.T) {
	l := newLoad(t, 1500, "eventual")
	for n := range strongClients {
		l.client(n, "eventual", 1+n%3)
	}
	l.wait()
	h := l.history(t)
	for i := range h.Entries {
		h.Entries[i].Level = "strong"
	}
	v := check.Linearizable(h, check.Options{})
	t.Log(v)
	if v.Violation == "" || len(v.Example) == 0 {
		t.Error("reads that nobody verified were taken for strong ones")
	}
}

// load is clients that use one Region and are recorded.
type load struct {
	t       *testing.T
	c       *cluster
	seed    uint64
	began   time.Time
	rec     *history.Recorder
	file    *os.File
	most    int64        // calls of the level
	level   string       // that counts
	calls   atomic.Int64 // such calls until now
	clients sync.WaitGroup

	mu    sync.Mutex
	pool  []string // keys
	made  int64    // at which count of calls
	multi []string // all multi-Region keys
}

func newLoad(t *testing.T, calls int64, level string) *load {
	port, err := clustertest.FreePort(1, nodes)
	ok(t, err)
	c := &cluster{data: filepath.Join(t.TempDir(), "cluster"), port: port}
	t.Cleanup(c.purge)
	c.do(t, "up", "--detach", "--port", strconv.Itoa(port), "--regions", east, "--nodes", strconv.Itoa(nodes))
	file, err := os.Create(filepath.Join(t.TempDir(), "history.jsonl"))
	ok(t, err)
	t.Cleanup(func() { file.Close() })
	l := &load{t: t, c: c, seed: uint64(setting(t, "MERIDIAN_LINEAR_SEED", time.Now().UnixNano()%1e6)), began: time.Now(), file: file, most: calls, level: level}
	l.rec, err = history.NewRecorder(file, history.Header{Seed: l.seed})
	ok(t, err)
	return l
}

// setting reads a number from the environment.
func setting(t *testing.T, name string, usual int64) int64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		t.Fatalf("%s=%s is no number of calls", name, text)
	}
	return n
}

// client starts a client at a node, or at the front door, which is node 4.
func (l *load) client(n int, level string, at int) {
	user := &user{l, l.recorded(fmt.Sprint("c", n), level, at), rand.New(rand.NewPCG(l.seed, uint64(n))), n, 0}
	counts := level == l.level
	l.clients.Go(func() {
		for l.calls.Load() < l.most && l.t.Context().Err() == nil {
			user.call()
			if counts {
				l.calls.Add(1)
			}
		}
	})
}

// recorded is a client whose calls are in the history.
func (l *load) recorded(name, level string, at int) *kms.Client {
	address := l.c.door()
	if at <= nodes {
		address = l.c.node(east, at)
	}
	options := l.c.clientAt(east, address, 4).Options()
	options.APIOptions = append(options.APIOptions, l.rec.Middleware(history.Client{Name: name, Region: east, Level: level}))
	return kms.New(options)
}

func (l *load) wait() { l.clients.Wait() }

// agree has every node, when nothing is broken any more, describe each multi-Region key there ever was.
func (l *load) agree(t *testing.T) {
	l.c.do(t, "start", east)
	l.rec.Mark(history.Quiet)
	for n := 1; n <= nodes; n++ {
		client := l.recorded(fmt.Sprint("q", n), "", n)
		for _, key := range l.multi {
			if _, err := client.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &key}); err != nil {
				t.Errorf("node %d, when all is over: %v", n, err)
			}
		}
	}
}

// history reads what was recorded.
func (l *load) history(t *testing.T) *history.History {
	t.Helper()
	ok(t, l.rec.Close())
	_, err := l.file.Seek(0, 0)
	ok(t, err)
	h, err := history.Read(l.file)
	ok(t, err)
	return h
}

// keep puts the history where it outlives the test.
func (l *load) keep(t *testing.T) string {
	to := filepath.Join(os.TempDir(), fmt.Sprintf("meridian-history-%d.jsonl", l.seed))
	text, err := os.ReadFile(l.file.Name())
	if err == nil {
		err = os.WriteFile(to, text, 0o644)
	}
	ok(t, err)
	return to
}

// user makes calls drawn from a seed. What they answer is the judges' business.
type user struct {
	*load
	client *kms.Client
	rng    *rand.Rand
	n, i   int
}

// key draws one of the keys in use, and from time to time puts new ones in their place.
func (u *user) key() string {
	u.mu.Lock()
	fresh := u.pool == nil || u.calls.Load()-u.made > poolCalls
	if fresh {
		u.made = u.calls.Load()
	}
	pool := slices.Clone(u.pool)
	u.mu.Unlock()
	if !fresh && len(pool) > 0 {
		return pool[u.rng.IntN(len(pool))]
	}
	var keys, multi []string
	for len(keys) < poolKeys && u.t.Context().Err() == nil {
		text, shared := u.text(), len(keys)%2 == 0
		if out, err := u.client.CreateKey(u.t.Context(), &kms.CreateKeyInput{Description: &text, MultiRegion: &shared}); err == nil {
			keys = append(keys, *out.KeyMetadata.KeyId)
			if shared {
				multi = append(multi, *out.KeyMetadata.KeyId)
			}
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.pool, u.multi = keys, append(u.multi, multi...)
	return keys[0]
}

// text is a description that nobody else writes.
func (u *user) text() string {
	u.i++
	return fmt.Sprintf("%d/%d", u.n, u.i)
}

func (u *user) call() {
	ctx, key := u.t.Context(), u.key()
	alias := fmt.Sprintf("alias/a%d", u.rng.IntN(4))
	switch x := u.rng.IntN(100); {
	case x < 45:
		_, _ = u.client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &key})
	case x < 65:
		_, _ = u.client.UpdateKeyDescription(ctx, &kms.UpdateKeyDescriptionInput{KeyId: &key, Description: aws.String(u.text())})
	case x < 69:
		_, _ = u.client.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &key})
	case x < 75:
		_, _ = u.client.EnableKey(ctx, &kms.EnableKeyInput{KeyId: &key})
	case x < 80:
		u.encryptAndDecrypt(key)
	case x < 82:
		_, _ = u.client.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: &alias, TargetKeyId: &key})
	case x < 85:
		_, _ = u.client.UpdateAlias(ctx, &kms.UpdateAliasInput{AliasName: &alias, TargetKeyId: &key})
	case x < 86:
		_, _ = u.client.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: &alias})
	case x < 92:
		_, _ = u.client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &alias})
	case x < 94:
		_, _ = u.client.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: &key, PendingWindowInDays: aws.Int32(7)})
	case x < 97:
		_, _ = u.client.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: &key})
	case x < 98:
		_, _ = u.client.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: &key})
	default:
		_, _ = u.client.ListAliases(ctx, &kms.ListAliasesInput{})
	}
}

func (u *user) encryptAndDecrypt(key string) {
	out, err := u.client.Encrypt(u.t.Context(), &kms.EncryptInput{KeyId: &key, Plaintext: []byte(u.text())})
	if err == nil {
		_, _ = u.client.Decrypt(u.t.Context(), &kms.DecryptInput{CiphertextBlob: out.CiphertextBlob})
	}
}

// faults breaks the Region again and again until the calls are made, and returns how often it did what.
func (l *load) faults() func() map[string]int {
	done := map[string]int{}
	rng := rand.New(rand.NewPCG(l.seed, 1000))
	kinds := []string{"cut off", "kill", "pause"}
	if l.most > 10_000 {
		kinds = append(kinds, "one way", "rolling restart", "replace", "add and remove")
	}
	var over sync.WaitGroup
	over.Go(func() {
		for l.calls.Load() < l.most && l.t.Context().Err() == nil {
			rng.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
			for _, kind := range kinds {
				if l.calls.Load() >= l.most {
					break
				}
				at := l.calls.Load()
				l.rec.Mark(kind)
				if err := l.strike(kind); err != nil {
					l.rec.Mark(kind + " failed: " + err.Error())
					done[kind+", without success"]++
				} else {
					l.rec.Mark(kind + " is over")
					done[kind]++
				}
				eventually(l.t, time.Minute, "calls go on after "+kind, func() error {
					if n := l.calls.Load(); n < l.most && n < at+200 {
						return fmt.Errorf("%d calls", n-at)
					}
					return nil
				})
			}
		}
	})
	l.t.Cleanup(over.Wait)
	return func() map[string]int { over.Wait(); return done }
}

// strike breaks the Region at its leader, and mends it.
func (l *load) strike(kind string) error {
	leader := ""
	for _, s := range l.regionStatus() {
		leader = s.Leader
	}
	if leader == "" {
		return fmt.Errorf("no leader")
	}
	var err error
	do := func(args ...string) {
		if err == nil {
			_, err = l.c.run(args...)
		}
	}
	switch kind {
	case "kill":
		do("kill", leader)
		l.somewhat()
		do("start", leader)
	case "pause":
		do("pause", leader)
		l.somewhat()
		do("resume", leader)
	case "cut off", "one way":
		var flags []string
		if kind == "one way" {
			flags = []string{"--one-way"}
		}
		for _, other := range others(leader) {
			do(append([]string{"partition", leader, other}, flags...)...)
		}
		l.somewhat()
		do("heal")
	case "rolling restart":
		do("restart", east, "--rolling")
	case "replace":
		victim := others(leader)[0]
		do("kill", victim)
		do("replace", victim)
	case "add and remove": // the Region has four nodes, then three others, and in the end those that it had
		fourth := layout.NodeName(east, nodes+1)
		do("add", fourth)
		l.somewhat()
		do("remove", leader, "--delete")
		l.somewhat()
		do("add", leader)
		l.somewhat()
		do("remove", fourth, "--delete")
	}
	return err
}

// somewhat waits until the clients made some more calls, or could not.
func (l *load) somewhat() {
	at, since := l.calls.Load(), time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for l.calls.Load() < at+100 && time.Since(since) < 3*time.Second {
		<-tick.C
	}
}

// others are the nodes beside one.
func others(node string) (names []string) {
	for n := 1; n <= nodes; n++ {
		if name := layout.NodeName(layout.RegionOf(node), n); name != node {
			names = append(names, name)
		}
	}
	return names
}

func (l *load) regionStatus() []regionStatus {
	var s struct {
		Regions []regionStatus `json:"regions"`
	}
	text, err := l.c.run("status", "-o", "json")
	if err == nil && strings.TrimSpace(text) != "" {
		parse(l.t, text, &s)
	}
	return s.Regions
}
