package keyengine_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"meridian/keyengine"
	"meridian/keyengine/arn"
	"meridian/keyengine/canonical"
	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/policy"
	"meridian/keyengine/rows"
)

const (
	account = "111122223333"
	start   = 1767225600000 // 2026-01-01T00:00:00Z
	day     = 24 * 60 * 60 * 1000
)

// tb is what testing.TB and rapid.T have in common.
type tb interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// world is some Regions, each an engine on rows in memory, with messages that the test carries.
type world struct {
	sites   map[string]*site
	now     int64
	keys    int
	secrets int
	grants  int
	names   map[string]string // "$k1" to the key id, "$m1" to the material id, "$g1" to the grant id, …
	watch   func(*site, keyengine.Command, keyengine.Facts)
}

// site is one Region.
type site struct {
	place keyengine.Place
	rows  *rows.Memory
	log   []keyengine.Event
}

func newWorld(regions ...string) *world {
	w := &world{sites: map[string]*site{}, now: start, names: map[string]string{}}
	quoted, _ := json.Marshal(policy.Default("aws", account))
	w.names["$defaultPolicy"] = string(quoted[1 : len(quoted)-1])
	for _, r := range regions {
		w.sites[r] = &site{place: keyengine.Place{Partition: "aws", Region: r}, rows: new(rows.Memory)}
	}
	return w
}

func (s *site) view() *keyengine.View { return keyengine.NewView(s.rows, s.place) }

func (w *world) facts(acct string) keyengine.Facts {
	return keyengine.Facts{
		Now: w.now, RequestID: "r", HandoffTimeout: 30_000,
		Caller: kmsapi.Principal{Account: acct, ARN: "arn:aws:iam::" + acct + ":root", AccessKeyID: "test"},
	}
}

// factsAt are facts with a Region's own time.
func (w *world) factsAt(s *site, acct string) keyengine.Facts {
	f := w.facts(acct)
	f.Now = w.time(s)
	return f
}

// time is a Region's time: the world's and the offset that its log holds.
func (w *world) time(s *site) int64 { return w.now + s.view().ClockOffset() }

// decide decides a command, appends its events and stores the secrets that they take up.
func (w *world) decide(s *site, acct string, c keyengine.Command) (keyengine.Decision, error) {
	if w.watch != nil {
		w.watch(s, c, w.factsAt(s, acct))
	}
	d, err := keyengine.Decide(s.view(), w.factsAt(s, acct), c)
	if err != nil {
		return d, err
	}
	for _, id := range d.Materials {
		s.rows.Put(keyengine.SecretKey(id), canonical.Marshal(keyengine.SecretRow{Leaf: 1, Wrapped: id[:4]}))
	}
	for _, e := range d.Events {
		keyengine.Evolve(s.rows, s.place, e)
	}
	s.log = append(s.log, d.Events...)
	return d, nil
}

func (w *world) newKeyID(multi bool) string {
	w.keys++
	var u [16]byte
	u[15] = byte(w.keys)
	u[14] = byte(w.keys >> 8)
	u[13] = byte(w.keys >> 16)
	id := arn.NewKeyID(u, multi)
	w.names[fmt.Sprintf("$k%d", w.keys)] = id
	return id
}

func (w *world) newMaterial(s *site) keyengine.NewMaterial {
	w.secrets++
	id := family.MaterialID(sha256.Sum256(fmt.Append(nil, "material", w.secrets)))
	w.names[fmt.Sprintf("$m%d", w.secrets)] = id.String()
	return keyengine.NewMaterial{ID: id, Leaf: s.view().NextLeaf()}
}

// importing is an import whose token begins with the hour at which it expires, counted from now; without
// such an hour the token is none. The wrapped bytes 01 are the material $i01 of whatever key it is.
func (w *world) importing(s *site, in *kmsapi.ImportKeyMaterialRequest) keyengine.ImportKeyMaterial {
	c := keyengine.ImportKeyMaterial{Request: in}
	if in.ImportToken[0] == 0xff {
		c.Unusable = kmsapi.Errorf(kmsapi.InvalidImportTokenException, "not a token")
		return c
	}
	c.TokenExpires = w.time(s) + int64(in.ImportToken[0])*60*60*1000
	id := family.MaterialID(sha256.Sum256(fmt.Append(nil, *in.KeyId, in.EncryptedKeyMaterial)))
	if i := strings.LastIndexByte(*in.KeyId, '/'); i >= 0 {
		id = sha256.Sum256(fmt.Append(nil, (*in.KeyId)[i+1:], in.EncryptedKeyMaterial))
	}
	w.names[fmt.Sprintf("$i%x", in.EncryptedKeyMaterial)] = id.String()
	c.Material = keyengine.NewMaterial{ID: id, Leaf: s.view().NextLeaf()}
	return c
}

// rewrap is what a Region does with secrets that came from another.
func (s *site) rewrap(ids []family.MaterialID) []keyengine.NewMaterial {
	var out []keyengine.NewMaterial
	for i, id := range ids {
		out = append(out, keyengine.NewMaterial{ID: id, Leaf: s.view().NextLeaf() + uint64(i)})
	}
	return out
}

// command makes a command of an operation's input.
func (w *world) command(s *site, op string, in kmsapi.Input) (keyengine.Command, bool) {
	switch in := in.(type) {
	case *kmsapi.CreateKeyRequest:
		multi := in.MultiRegion != nil && *in.MultiRegion
		return keyengine.CreateKey{Request: in, KeyID: w.newKeyID(multi), Material: w.newMaterial(s)}, true
	case *kmsapi.RotateKeyOnDemandRequest:
		return keyengine.RotateKeyOnDemand{Request: in, Material: w.newMaterial(s)}, true
	case *kmsapi.ImportKeyMaterialRequest:
		return w.importing(s, in), true
	case *kmsapi.DeleteImportedKeyMaterialRequest:
		return keyengine.DeleteImportedKeyMaterial{Request: in}, true
	case *kmsapi.EnableKeyRequest:
		return keyengine.EnableKey{Request: in}, true
	case *kmsapi.DisableKeyRequest:
		return keyengine.DisableKey{Request: in}, true
	case *kmsapi.UpdateKeyDescriptionRequest:
		return keyengine.UpdateKeyDescription{Request: in}, true
	case *kmsapi.ScheduleKeyDeletionRequest:
		return keyengine.ScheduleKeyDeletion{Request: in}, true
	case *kmsapi.CancelKeyDeletionRequest:
		return keyengine.CancelKeyDeletion{Request: in}, true
	case *kmsapi.CreateAliasRequest:
		return keyengine.CreateAlias{Request: in}, true
	case *kmsapi.UpdateAliasRequest:
		return keyengine.UpdateAlias{Request: in}, true
	case *kmsapi.DeleteAliasRequest:
		return keyengine.DeleteAlias{Request: in}, true
	case *kmsapi.TagResourceRequest:
		return keyengine.TagResource{Request: in}, true
	case *kmsapi.UntagResourceRequest:
		return keyengine.UntagResource{Request: in}, true
	case *kmsapi.PutKeyPolicyRequest:
		return keyengine.PutKeyPolicy{Request: in}, true
	case *kmsapi.ReplicateKeyRequest:
		return keyengine.ReplicateKey{Request: in}, true
	case *kmsapi.UpdatePrimaryRegionRequest:
		return keyengine.UpdatePrimaryRegion{Request: in}, true
	case *kmsapi.EnableKeyRotationRequest:
		return keyengine.EnableKeyRotation{Request: in}, true
	case *kmsapi.DisableKeyRotationRequest:
		return keyengine.DisableKeyRotation{Request: in}, true
	case *kmsapi.CreateGrantRequest:
		return keyengine.CreateGrant{Request: in, GrantID: w.newGrantID()}, true
	case *kmsapi.RetireGrantRequest:
		return keyengine.RetireGrant{Request: in, Token: openToken(in.GrantToken)}, true
	case *kmsapi.RevokeGrantRequest:
		return keyengine.RevokeGrant{Request: in}, true
	}
	return nil, false
}

// read answers an operation that changes nothing. Operations of the data plane say which key they
// would use.
func read(v *keyengine.View, f keyengine.Facts, op string, in kmsapi.Input) (any, error) {
	switch in := in.(type) {
	case *kmsapi.DescribeKeyRequest:
		return v.DescribeKey(f, in)
	case *kmsapi.ListKeysRequest:
		return v.ListKeys(f, in)
	case *kmsapi.ListAliasesRequest:
		return v.ListAliases(f, in)
	case *kmsapi.ListResourceTagsRequest:
		return v.ListResourceTags(f, in)
	case *kmsapi.GetKeyPolicyRequest:
		return v.GetKeyPolicy(f, in)
	case *kmsapi.GetKeyLastUsageRequest:
		return v.GetKeyLastUsage(f, in)
	case *kmsapi.ListKeyPoliciesRequest:
		return v.ListKeyPolicies(f, in)
	case *kmsapi.GetKeyRotationStatusRequest:
		return v.GetKeyRotationStatus(f, in)
	case *kmsapi.ListKeyRotationsRequest:
		return v.ListKeyRotations(f, in)
	case *kmsapi.ListGrantsRequest:
		return v.ListGrants(f, in)
	case *kmsapi.ListRetirableGrantsRequest:
		return v.ListRetirableGrants(f, in)
	case *kmsapi.GetParametersForImportRequest:
		return v.GetParametersForImport(f, in)
	case *kmsapi.EncryptRequest:
		if in.EncryptionAlgorithm != nil {
			return use(v, f, op, *in.KeyId, string(*in.EncryptionAlgorithm))
		}
		return v.Use(f, op, *in.KeyId)
	case *kmsapi.DecryptRequest:
		if in.KeyId == nil {
			return nil, errNotRead // the key is in the ciphertext
		}
		return v.UseForCiphertext(f, op, in.KeyId, keyengine.Ref{Account: f.Caller.Account, KeyID: *in.KeyId})
	case *kmsapi.ReEncryptRequest:
		return v.Use(f, op, *in.DestinationKeyId)
	case *kmsapi.SignRequest:
		return use(v, f, op, *in.KeyId, string(*in.SigningAlgorithm))
	case *kmsapi.VerifyRequest:
		return use(v, f, op, *in.KeyId, string(*in.SigningAlgorithm))
	case *kmsapi.GenerateMacRequest:
		return use(v, f, op, *in.KeyId, string(*in.MacAlgorithm))
	case *kmsapi.VerifyMacRequest:
		return use(v, f, op, *in.KeyId, string(*in.MacAlgorithm))
	case *kmsapi.DeriveSharedSecretRequest:
		return use(v, f, op, *in.KeyId, string(*in.KeyAgreementAlgorithm))
	case *kmsapi.GetPublicKeyRequest:
		out, _, err := v.DescribePublicKey(f, in)
		return out, err
	case *kmsapi.GenerateDataKeyRequest:
		return v.Use(f, op, *in.KeyId)
	case *kmsapi.GenerateDataKeyWithoutPlaintextRequest:
		return v.Use(f, op, *in.KeyId)
	case *kmsapi.GenerateDataKeyPairRequest:
		return v.Use(f, op, *in.KeyId)
	case *kmsapi.GenerateDataKeyPairWithoutPlaintextRequest:
		return v.Use(f, op, *in.KeyId)
	}
	return nil, fmt.Errorf("%w: %s", errNotRead, op)
}

// use says which key an operation would use with an algorithm.
func use(v *keyengine.View, f keyengine.Facts, op, id, algorithm string) (any, error) {
	u, err := v.Use(f, op, id)
	if err != nil {
		return nil, err
	}
	if _, err := u.Algorithm(algorithm); err != nil {
		return nil, err
	}
	return u, nil
}

// errNotRead is the error of an operation that is not the engine's.
var errNotRead = errors.New("not an operation of the engine")

// call makes a call from an operation's name and JSON.
func (w *world) call(s *site, acct, op, body string) (reply any, events []keyengine.Event, err error) {
	operation, ok := kmsapi.Lookup(op)
	if !ok {
		return nil, nil, fmt.Errorf("no operation %q", op)
	}
	in := operation.New()
	if err := in.UnmarshalJSON([]byte(body)); err != nil {
		return nil, nil, err
	}
	if err := in.Validate(); err != nil {
		return nil, nil, err
	}
	if c, ok := w.command(s, op, in); ok {
		d, err := w.decide(s, acct, c)
		return d.Reply, d.Events, err
	}
	reply, err = read(s.view(), w.factsAt(s, acct), op, in)
	return reply, nil, err
}

// must is call for steps that a test takes for granted.
func (w *world) must(t tb, region, op, body string) {
	t.Helper()
	if _, _, err := w.call(w.sites[region], account, op, w.expand(body)); err != nil {
		t.Fatalf("%s %s: %v", op, body, err)
	}
}

// sendRecord carries a family's record from one Region to another, with the secrets that the sender
// believes to be missing there.
func (w *world) sendRecord(from, to *site, ref keyengine.Ref, secrets bool) ([]keyengine.Event, error) {
	l, ok := from.view().Family(ref)
	if !ok {
		return nil, fmt.Errorf("%s knows no %s", from.place.Region, ref)
	}
	var carried []keyengine.NewMaterial
	if secrets {
		o := family.Obligation{To: to.place.Region, What: family.SendRecord}
		carried = to.rewrap(family.Carries(from.place.Region, l, o))
	}
	d, err := w.decide(to, "", keyengine.ReceiveRecord{Record: l.Record, Certificates: l.Certificates, Carried: carried})
	if err != nil {
		return nil, err
	}
	finish, err := w.decide(to, "", keyengine.FinishCreate{Ref: ref})
	return append(d.Events, finish.Events...), err
}

// sendStatus carries a member's status to another Region.
func (w *world) sendStatus(from, to *site, ref keyengine.Ref) ([]keyengine.Event, error) {
	l, ok := from.view().Family(ref)
	if !ok {
		return nil, fmt.Errorf("%s knows no %s", from.place.Region, ref)
	}
	o := family.Obligation{To: to.place.Region, What: family.SendStatus}
	d, err := w.decide(to, "", keyengine.ReceiveStatus{
		Ref: ref, Status: family.StatusOf(from.place.Region, l),
		Carried: to.rewrap(family.Carries(from.place.Region, l, o)),
	})
	return d.Events, err
}

// settle carries all that is owed, records and statuses, until nothing changes.
func (w *world) settle(t tb) {
	t.Helper()
	for range 100 {
		changed := 0
		for _, name := range w.regions() {
			from := w.sites[name]
			for ref, l := range from.view().Families() {
				for _, o := range family.Obligations(name, l) {
					if w.sites[o.To] == nil {
						continue // a Region that this world does not have: the replica stays Creating
					}
					events, err := w.sendRecord(from, w.sites[o.To], ref, true)
					if err != nil {
						t.Fatal(err)
					}
					changed += len(events)
				}
				if to := family.SendsStatusTo(name, l); to != "" {
					events, err := w.sendStatus(from, w.sites[to], ref)
					if err != nil {
						t.Fatal(err)
					}
					changed += len(events)
				}
			}
		}
		if changed == 0 {
			return
		}
	}
	t.Fatal("messages without end")
}

// runDue does what is due in a Region.
func (w *world) runDue(s *site) ([]keyengine.Event, error) {
	var events []keyengine.Event
	for _, ref := range slices.Collect(s.view().Due(w.time(s))) {
		d, err := w.decide(s, "", keyengine.RunDue{Ref: ref, Material: w.newMaterial(s)})
		if err != nil {
			return nil, err
		}
		events = append(events, d.Events...)
	}
	return events, nil
}

func (w *world) regions() []string {
	var names []string
	for name := range w.sites {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// expand replaces $k1 and the like by what they stand for; shorten does the reverse.
func (w *world) expand(text string) string { return w.replacer(true).Replace(text) }

func (w *world) shorten(text string) string { return w.replacer(false).Replace(text) }

func (w *world) replacer(expand bool) *strings.Replacer {
	var short []string
	for name := range w.names {
		short = append(short, name)
	}
	slices.SortFunc(short, func(a, b string) int { // $k12 before $k1
		return len(b) - len(a)
	})
	var pairs []string
	for _, name := range short {
		if expand {
			pairs = append(pairs, name, w.names[name])
		} else {
			pairs = append(pairs, w.names[name], name)
		}
	}
	return strings.NewReplacer(pairs...)
}

// check holds a Region to what must be so after every step: the indexes follow from the families,
// the secrets from the materials held, and the log replays to the same rows.
func (w *world) check(t tb) {
	t.Helper()
	for _, name := range w.regions() {
		s := w.sites[name]
		for _, problem := range keyengine.CheckIndexes(s.rows, s.place) {
			t.Errorf("%s: %s", name, problem)
		}
		checkSecrets(t, s)
		checkGrants(t, s)
		checkUses(t, s)
		replayed := new(rows.Memory)
		for _, e := range s.log {
			keyengine.Evolve(replayed, s.place, e)
		}
		if got, want := dump(replayed), dump(s.rows); got != want {
			t.Errorf("%s: replay differs:\n%s\nfrom:\n%s", name, got, want)
		}
	}
}

func checkSecrets(t tb, s *site) {
	t.Helper()
	held := 0
	for ref, id := range s.view().Materials() {
		held++
		if _, _, ok := s.view().Secret(id); !ok {
			t.Errorf("%s: %s holds %v without its secret", s.place.Region, ref, id)
		}
	}
	secrets := 0
	for range s.rows.Scan([]byte("m/"), nil) {
		secrets++
	}
	if held != secrets {
		t.Errorf("%s: %d secrets for %d materials", s.place.Region, secrets, held)
	}
}

// dump writes down all rows but those of secrets, which are not in the log.
func dump(r rows.Reader) string {
	var b strings.Builder
	for k, v := range r.Scan(nil, nil) {
		if !strings.HasPrefix(string(k), "m/") {
			fmt.Fprintf(&b, "%q %x\n", k, v)
		}
	}
	return b.String()
}

func asJSON(t tb, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
