package region_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/uuid"

	"meridian/keyengine"
	"meridian/keyengine/arn"
	"meridian/keyengine/attestation"
	"meridian/keyengine/attestation/attestationtest"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/primitive"
	"meridian/keyengine/primitive/builtin"
	"meridian/region/awsjson"
	"meridian/region/sigv4"
)

// planted is how every symmetric key of a hostile world begins: wherever these bytes show, a key does.
const planted = "\x9f planted here!\xf1"

// hostile is a Region behind its whole front: HTTP, signatures, JSON. Everything it answers and logs
// is looked through for planted secrets.
type hostile struct {
	*world
	front http.Handler
	spill *spill
	fix   map[string]string
	// document is an attestation document that is trusted.
	document []byte
	seen     map[*shape][]json.RawMessage // hostile values that were made
	told     map[string]bool              // what was reported: once is enough
}

// newHostile starts a hostile world in a Region.
func newHostile(t testing.TB, region string) *hostile {
	h := &hostile{spill: &spill{}, fix: map[string]string{}, told: map[string]bool{}, seen: map[*shape][]json.RawMessage{}}
	logger := slog.New(slog.NewJSONHandler(h.spill, &slog.HandlerOptions{Level: slog.LevelDebug}))
	partition := arn.PartitionOf(region)
	regions := []string{region, "eu-west-1"}
	if partition == "aws-cn" {
		regions = []string{region, "cn-northwest-1"}
	}
	h.world = newWorldIn(t, setting{
		place: keyengine.Place{Partition: partition, Region: region}, regions: regions, logger: logger, plant: plant,
	})
	authority := attestationtest.NewAuthority(time.Now())
	roots, err := attestation.ParseRoots(authority.Root())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range h.nodes {
		n.Attestation = roots
	}
	h.document = authority.Document(attestationtest.NewEnclave(), time.Now())
	h.lead(0)
	node := h.nodes[0]
	h.front = awsjson.New(awsjson.Config{
		Service: node,
		Verifier: &sigv4.Verifier{
			Credentials: sigv4.Development(partition), Now: time.Now, Regions: func(r string) bool { return r == region },
		},
		Dispatch: node.Dispatch, RequestID: uuid.NewString, Node: region + "/1", Log: logger,
	})
	return h
}

// plant makes material that can be recognised. RSA keys are taken from the provider's own test data:
// making them takes seconds.
func plant(spec string) (primitive.Material, error) {
	if bits, ok := strings.CutPrefix(spec, "RSA_"); ok {
		der, err := os.ReadFile("../keyengine/primitive/rsa/testdata/" + bits + ".0.der")
		return primitive.NewMaterial(der), err
	}
	random := io.Reader(rand.Reader)
	if spec == "SYMMETRIC_DEFAULT" || strings.HasPrefix(spec, "HMAC_") {
		random = io.MultiReader(strings.NewReader(planted), rand.Reader)
	}
	return builtin.Set().Generate(spec, random)
}

// spill counts the lines of a log that show a secret.
type spill struct{ secrets, lines atomic.Int64 }

// Write implements io.Writer.
func (s *spill) Write(line []byte) (int, error) {
	s.lines.Add(1)
	if shown := secretIn(line); shown != "" {
		s.secrets.Add(1)
	}
	return len(line), nil
}

// secretForms are the ways in which bytes that begin with planted show in text.
var secretForms = func() (forms []string) {
	forms = append(forms, planted, hex.EncodeToString([]byte(planted)), strings.ToUpper(hex.EncodeToString([]byte(planted))))
	quoted, _ := json.Marshal(planted)
	forms = append(forms, string(quoted[1:len(quoted)-1]), strings.Trim(fmt.Sprint([]byte(planted)), "[]"))
	for shift := range 3 {
		encoded := base64.StdEncoding.EncodeToString(append(make([]byte, shift), planted...))
		forms = append(forms, encoded[4:len(encoded)-4]) // without the edges, where other bytes mix in
	}
	return forms
}()

func secretIn(text []byte) string {
	for _, form := range secretForms {
		if bytes.Contains(text, []byte(form)) {
			return form
		}
	}
	return ""
}

// sign returns a signed request of the account root.
func (h *hostile) sign(operation string, body []byte) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://kms/", bytes.NewReader(body))
	r.Header.Set("Content-Type", awsjson.ContentType)
	r.Header.Set("X-Amz-Target", "TrentService."+operation)
	h.seal(r, body)
	return r
}

// seal signs what is in a request.
func (h *hostile) seal(r *http.Request, body []byte) {
	h.sealAs(r, body, aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"})
}

// sealAs is seal for another caller.
func (h *hostile) sealAs(r *http.Request, body []byte, caller aws.Credentials) {
	sum := sha256.Sum256(body)
	region := h.nodes[0].Place.Region
	err := v4.NewSigner().SignHTTP(context.Background(), caller, r, hex.EncodeToString(sum[:]), "kms", region, time.Now())
	if err != nil {
		panic(err)
	}
}

// answer is what came back.
type answer struct {
	status int
	code   string // of the error
	body   []byte
}

// send makes a signed call, and again where a busy machine kept a node from confirming its answer: it
// says so, and a client would try again too.
func (h *hostile) send(operation string, body []byte) (a answer) {
	for range 20 {
		a = h.exchange(h.sign(operation, body))
		if a.code != kmsapi.KMSInternalException || bytes.Contains(a.body, []byte("internal failure")) {
			break
		}
	}
	return a
}

func (h *hostile) exchange(r *http.Request) answer {
	w := httptest.NewRecorder()
	h.front.ServeHTTP(w, r)
	a := answer{status: w.Code, body: w.Body.Bytes()}
	if w.Code != http.StatusOK {
		var fault struct {
			Type string `json:"__type"`
		}
		if json.Unmarshal(a.body, &fault) == nil {
			a.code = fault.Type
		}
	}
	return a
}

// common are the errors that every operation may answer with, though no operation declares them.
var common = []string{
	kmsapi.AccessDeniedException, kmsapi.SerializationException, kmsapi.ThrottlingException, kmsapi.ValidationException,
}

// undeclared are the errors that Meridian answers with though the operation does not declare them, each
// decided in keyengine/DESIGN.md.
func undeclared(operation, code string) bool {
	switch code {
	case kmsapi.InvalidArnException: // a malformed ARN, for all operations
		return true
	case kmsapi.InvalidGrantTokenException:
		return operation == "DescribeKey"
	case kmsapi.InvalidMarkerException:
		return operation == "ListKeyPolicies"
	case kmsapi.UnsupportedOperationException: // what is not built yet
		return strings.Contains(operation, "CustomKeyStore")
	}
	return false
}

// judge says what is wrong with an answer; empty: nothing.
func (h *hostile) judge(op *kmsapi.Operation, a answer) string {
	switch {
	case secretIn(a.body) != "":
		return "a secret is in the answer"
	case h.spill.secrets.Load() > 0:
		return "a secret is in the log"
	case a.status == http.StatusOK:
		if len(a.body) > 0 && !json.Valid(a.body) {
			return "an answer that is no JSON"
		}
		return ""
	case a.status >= http.StatusInternalServerError:
		return "a failure of the service"
	case a.status != http.StatusBadRequest:
		return "an unusual status"
	case a.code == "":
		return "an error without a type"
	case len(a.body) > 8192:
		return "an error of more than 8 KiB"
	case slices.Contains(op.Errors, a.code), slices.Contains(common, a.code), undeclared(op.Name, a.code):
		return ""
	}
	return "an error that the operation does not declare"
}

// try sends one body and judges the answer.
func (h *hostile) try(t testing.TB, op *kmsapi.Operation, what string, body []byte) answer {
	t.Helper()
	a := h.send(op.Name, body)
	if wrong := h.judge(op, a); wrong != "" && !h.told[op.Name+wrong+a.code] {
		h.told[op.Name+wrong+a.code] = true
		t.Errorf("%s, %s: %s: %d %s\nasked: %s", op.Name, what, wrong, a.status, cut(a.body), cut(body))
	}
	return a
}

func cut(b []byte) string {
	if len(b) > 300 {
		return fmt.Sprintf("%.300q…(%d bytes)", b, len(b))
	}
	return fmt.Sprintf("%q", b)
}

// mixed returns a body: the members that make a good request, with some put in the place of theirs.
func mixed(good map[string]any, instead map[string]json.RawMessage) []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	member := func(name string, value []byte) {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", name, value)
	}
	for name, value := range good {
		if instead[name] != nil {
			continue
		}
		text, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		member(name, text)
	}
	for name, value := range instead {
		member(name, value)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// TestHostileMembers gives every member of every operation every hostile value, the other members
// being good: none is answered with a failure, an undeclared error or a secret.
func TestHostileMembers(t *testing.T) {
	h := newHostile(t, "us-east-1")
	model := readModel(t)
	sent, done := 0, map[string]bool{}
	for op := range kmsapi.Operations() {
		if a := h.try(t, op, "as it should be", mixed(h.good(op.Name), nil)); a.status == http.StatusOK {
			done[op.Name] = true
		} else if !strings.Contains(op.Name, "CustomKeyStore") && op.Name != "UpdatePrimaryRegion" { // whose replica nobody completes
			t.Errorf("%s does not work: %s", op.Name, a.body)
		}
		h.spoiled(op)
		for name, shape := range model.members(op.Name) {
			for _, value := range h.values(model, shape, 0) {
				a := h.try(t, op, name, mixed(h.good(op.Name), map[string]json.RawMessage{name: value}))
				if sent++; a.status == http.StatusOK {
					h.spoiled(op)
				}
			}
		}
	}
	t.Logf("%d bodies, %d operations that work, %d log lines", sent, len(done), h.spill.lines.Load())
	if h.spill.lines.Load() == 0 {
		t.Error("nothing was logged: this test would not see a secret in a log")
	}
}

// TestHostileMixtures puts hostile values into several members at once, drawn from a seed, for as long
// as MERIDIAN_HOSTILE says (a second otherwise).
func TestHostileMixtures(t *testing.T) {
	length := time.Second
	if text := os.Getenv("MERIDIAN_HOSTILE"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	seed := mathrand.Uint64()
	source := mathrand.New(mathrand.NewPCG(seed, 0))
	h := newHostile(t, []string{"us-east-1", "cn-north-1"}[source.IntN(2)])
	model := readModel(t)
	ops := slices.Collect(kmsapi.Operations())
	sent := 0
	for end := time.Now().Add(length); time.Now().Before(end) && !t.Failed(); sent++ {
		op := ops[source.IntN(len(ops))]
		instead := map[string]json.RawMessage{}
		for name, shape := range model.members(op.Name) {
			if source.IntN(3) == 0 {
				instead[name] = h.some(source, model, shape)
			}
		}
		body := mixed(h.good(op.Name), instead)
		if source.IntN(8) == 0 {
			body = scramble(source, body)
		}
		if a := h.try(t, op, fmt.Sprintf("seed %d", seed), body); a.status == http.StatusOK {
			h.spoiled(op)
		}
	}
	t.Logf("seed %d, %d bodies", seed, sent)
}

// scramble changes, drops or repeats bytes.
func scramble(source *mathrand.Rand, b []byte) []byte {
	b = bytes.Clone(b)
	for range 1 + source.IntN(4) {
		i := source.IntN(len(b))
		switch source.IntN(3) {
		case 0:
			b[i] ^= 1 << source.IntN(8)
		case 1:
			b = append(b[:i:i], b[min(len(b), i+1+source.IntN(8)):]...)
		case 2:
			b = append(b[:i:i], append(bytes.Clone(b[i:min(len(b), i+20)]), b[i:]...)...)
		}
		if len(b) == 0 {
			return []byte("{")
		}
	}
	return b
}

// TestHostileWorldSees makes sure that the look for secrets would find one.
func TestHostileWorldSees(t *testing.T) {
	m, err := plant("HMAC_512")
	if err != nil || !strings.HasPrefix(string(m.Bytes()), planted) {
		t.Fatalf("not planted: %v", err)
	}
	for shift := range 4 {
		key := append(make([]byte, shift), m.Bytes()...)
		asJSON, err := json.Marshal(map[string]any{"Plaintext": key, "text": string(key)})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{string(asJSON), fmt.Sprintf("%x", key), fmt.Sprintf("%v", key), fmt.Sprintf("%X", key)} {
			if secretIn([]byte(text)) == "" {
				t.Errorf("not seen: %s", text)
			}
		}
	}
	if secretIn([]byte(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0}, 100)))) != "" {
		t.Error("seen where there is none")
	}
}

// FuzzRequest sends any body as any operation, with any headers of Meridian's own.
func FuzzRequest(f *testing.F) {
	h := newHostile(f, "us-east-1")
	ops := slices.Collect(kmsapi.Operations())
	for i, op := range ops {
		f.Add(uint8(i), mixed(h.good(op.Name), nil), "", "")
	}
	f.Add(uint8(0), []byte(`{}`), "bounded=9999999999999999999", "us-east-1/1/2")
	f.Fuzz(func(t *testing.T, n uint8, body []byte, consistency, session string) {
		op := ops[int(n)%len(ops)]
		r := h.sign(op.Name, body)
		if consistency != "" {
			r.Header.Set(awsjson.ConsistencyHeader, consistency)
		}
		if session != "" {
			r.Header.Set(awsjson.SessionHeader, session)
		}
		a := h.exchange(r)
		if wrong := h.judge(op, a); wrong != "" && a.code != kmsapi.KMSInternalException && a.status != http.StatusServiceUnavailable {
			t.Errorf("%s: %s: %d %s", op.Name, wrong, a.status, cut(a.body))
		}
		if bytes.Contains(a.body, []byte("internal failure")) {
			t.Errorf("%s: %s", op.Name, a.body)
		}
	})
}
