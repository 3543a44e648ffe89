package replication_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"meridian/keyengine/canonical"
	"meridian/keyengine/family"
	"meridian/replication"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

func id(b byte) (id family.MaterialID) {
	for i := range id {
		id[i] = b
	}
	return id
}

func sampleRecord() family.Record {
	v := family.Version{Epoch: 2, Seq: 3}
	return family.Record{
		Version: v, Partition: "aws", Account: account, KeyID: "mrk-00112233445566778899aabbccddeeff",
		Primary: west, Writer: west, Multi: true, Spec: "SYMMETRIC_DEFAULT", Usage: "ENCRYPT_DECRYPT", Origin: "AWS_KMS",
		Members: []family.Member{
			{Region: west, Inc: family.Version{Epoch: 1, Seq: 1}},
			{Region: east, Inc: family.Version{Epoch: 1}, Init: &family.Init{Policy: "{}", By: caller, Tags: []family.Tag{{Key: "k", Value: "v"}}}},
		},
		Materials: []family.Material{{ID: id(1), Number: 1, CreatedAt: 1700000000000}},
		Current:   id(1), Rotation: family.Rotation{Enabled: true, PeriodDays: 365, NextAt: 1800000000000},
	}
}

// samples is one body of each kind, with everything in it.
func samples() map[string]any {
	signature := bytes.Repeat([]byte{7}, ed25519.SignatureSize)
	nonce := replication.Nonce{1, 2, 3}
	record := &replication.RecordBody{
		Nonce: nonce, Record: sampleRecord(), Signature: signature,
		Certificates: []family.Certificate{{Epoch: 2, From: east, To: west, Signature: signature}},
	}
	key := &replication.KeyBody{Nonce: nonce, Step: 4, Public: []byte{9, 9}, LifeSeen: 1}
	digest := &replication.DigestBody{
		Nonce: nonce, Sums: make([]byte, 4096), Buckets: []byte{1, 200}, More: true,
		Entries: []replication.Entry{{Account: account, KeyID: "mrk-1", Version: family.Version{Epoch: 1}, Inc: family.Version{Epoch: 1}, SV: 3}},
	}
	return map[string]any{
		"record": record,
		"status": &replication.StatusBody{Nonce: nonce, Partition: "aws", Account: account, KeyID: "mrk-1", Status: family.Status{
			From: west, Inc: family.Version{Epoch: 1, Seq: 1}, SV: 7, State: family.Enabled, Complete: true,
			Applied: family.Version{Gen: 1, GenBy: west, Epoch: 2}, Held: []family.MaterialID{id(1)}, Ready: 2, Reason: "because",
		}},
		"key":    key,
		"pre":    &replication.PreBody{Nonce: nonce, Pre: replication.Pre{Operation: replication.PreReplicate, Partition: "aws", Account: account, KeyID: "mrk-1", From: east, Init: family.Init{By: caller}}},
		"digest": digest,
		"answer": &replication.AnswerBody{
			Request: [32]byte{5}, Code: replication.CodeNewer, Version: family.Version{Epoch: 1}, Inc: family.Version{Epoch: 1}, SV: 2,
			Lacks: []family.MaterialID{id(2)}, Reason: "r", FaultCode: "f", Key: key, Record: record, Digest: digest,
		},
		"envelope": &replication.Envelope{
			Version: 1, ClusterID: cluster, Src: east, SrcLife: 1, Dst: west, Kind: replication.KindRecord, Body: []byte{0xa0},
			Sealed:    &replication.Sealed{Step: 3, Enc: []byte{1, 2}, Boxes: []replication.Box{{ID: id(1), Ciphertext: []byte{3, 4}}}},
			Signature: signature,
		},
	}
}

// decodeAs decodes bytes as the sample's type.
func decodeAs(name string, b []byte) (any, error) {
	switch name {
	case "record":
		return some(replication.DecodeBody[replication.RecordBody](b))
	case "status":
		return some(replication.DecodeBody[replication.StatusBody](b))
	case "key":
		return some(replication.DecodeBody[replication.KeyBody](b))
	case "pre":
		return some(replication.DecodeBody[replication.PreBody](b))
	case "digest":
		return some(replication.DecodeBody[replication.DigestBody](b))
	case "answer":
		return some(replication.DecodeBody[replication.AnswerBody](b))
	}
	return some(replication.DecodeEnvelope(b))
}

func some[T any](v *T, err error) (any, error) { return v, err }

// TestGoldenBytes holds the form of everything that travels: Regions of different builds talk.
func TestGoldenBytes(t *testing.T) {
	for name, v := range samples() {
		file := filepath.Join("testdata", name+".hex")
		got := canonical.Marshal(v)
		if *rewrite {
			if err := os.WriteFile(file, []byte(hex.EncodeToString(got)+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := hex.DecodeString(strings.TrimSpace(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: %x, golden %x", name, got, want)
		}
		back, err := decodeAs(name, want)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !reflect.DeepEqual(back, v) {
			t.Errorf("%s: %+v, not %+v", name, back, v)
		}
	}
}

func TestBounds(t *testing.T) {
	long := strings.Repeat("x", 2000)
	change := func(name string, f func(any)) []byte {
		v := samples()[name]
		f(v)
		return canonical.Marshal(v)
	}
	record := func(f func(*replication.RecordBody)) []byte {
		return change("record", func(v any) { f(v.(*replication.RecordBody)) })
	}
	envelope := func(f func(*replication.Envelope)) []byte {
		return change("envelope", func(v any) { f(v.(*replication.Envelope)) })
	}
	answer := func(f func(*replication.AnswerBody)) []byte {
		return change("answer", func(v any) { f(v.(*replication.AnswerBody)) })
	}
	digest := func(f func(*replication.DigestBody)) []byte {
		return change("digest", func(v any) { f(v.(*replication.DigestBody)) })
	}
	for _, c := range []struct {
		what, name string
		bytes      []byte
	}{
		{"no members", "record", record(func(b *replication.RecordBody) { b.Record.Members = nil })},
		{"members out of order", "record", record(func(b *replication.RecordBody) { m := b.Record.Members; m[0], m[1] = m[1], m[0] })},
		{"a primary that is no member", "record", record(func(b *replication.RecordBody) { b.Record.Primary = south })},
		{"no version", "record", record(func(b *replication.RecordBody) { b.Record.Version = family.Version{} })},
		{"a long name", "record", record(func(b *replication.RecordBody) { b.Record.KeyID = long })},
		{"a short signature", "record", record(func(b *replication.RecordBody) { b.Signature = b.Signature[1:] })},
		{"an unsigned certificate", "record", record(func(b *replication.RecordBody) { b.Certificates[0].Signature = nil })},
		{"many certificates", "record", record(func(b *replication.RecordBody) {
			for len(b.Certificates) <= 256 {
				b.Certificates = append(b.Certificates, b.Certificates[0])
			}
		})},
		{"an impossible state", "status", change("status", func(v any) { v.(*replication.StatusBody).Status.State = 99 })},
		{"no key", "key", change("key", func(v any) { v.(*replication.KeyBody).Public = nil })},
		{"a huge key", "key", change("key", func(v any) { v.(*replication.KeyBody).Public = make([]byte, 1<<16) })},
		{"no operation", "pre", change("pre", func(v any) { v.(*replication.PreBody).Pre.Operation = "" })},
		{"few sums", "digest", digest(func(b *replication.DigestBody) { b.Sums = b.Sums[1:] })},
		{"buckets out of order", "digest", digest(func(b *replication.DigestBody) { b.Buckets = []byte{2, 1} })},
		{"many entries", "digest", digest(func(b *replication.DigestBody) {
			for len(b.Entries) <= 1500 {
				b.Entries = append(b.Entries, b.Entries[0])
			}
		})},
		{"an unknown code", "answer", answer(func(b *replication.AnswerBody) { b.Code = 0 })},
		{"a newer record that is not there", "answer", answer(func(b *replication.AnswerBody) { b.Record = nil })},
		{"a reseal without key", "answer", answer(func(b *replication.AnswerBody) { b.Code, b.Key = replication.CodeReseal, nil })},
		{"a digest that is not there", "answer", answer(func(b *replication.AnswerBody) { b.Code, b.Digest = replication.CodeDigest, nil })},
		{"a long reason", "answer", answer(func(b *replication.AnswerBody) { b.Reason = long })},
		{"another version", "envelope", envelope(func(e *replication.Envelope) { e.Version = 2 })},
		{"no materials in the box", "envelope", envelope(func(e *replication.Envelope) { e.Sealed.Boxes = nil })},
		{"many materials", "envelope", envelope(func(e *replication.Envelope) {
			for len(e.Sealed.Boxes) <= replication.MaxMaterials {
				e.Sealed.Boxes = append(e.Sealed.Boxes, e.Sealed.Boxes[0])
			}
		})},
		{"too many bytes", "envelope", envelope(func(e *replication.Envelope) { e.Body = make([]byte, replication.MaxEnvelope) })},
	} {
		if v, err := decodeAs(c.name, c.bytes); err == nil {
			t.Errorf("%s with %s is taken: %+v", c.name, c.what, v)
		}
	}
}

// fuzz seeds a fuzz target with a sample and checks that what decodes has one form.
func fuzz(f *testing.F, name string) {
	f.Add(canonical.Marshal(samples()[name]))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := decodeAs(name, b)
		if err != nil {
			return
		}
		again, err := decodeAs(name, canonical.Marshal(v))
		if err != nil || !reflect.DeepEqual(v, again) {
			t.Fatalf("%+v decodes again as %+v, %v", v, again, err)
		}
	})
}

func FuzzDecodeEnvelope(f *testing.F)   { fuzz(f, "envelope") }
func FuzzDecodeRecordBody(f *testing.F) { fuzz(f, "record") }
func FuzzDecodeStatusBody(f *testing.F) { fuzz(f, "status") }
func FuzzDecodeKeyBody(f *testing.F)    { fuzz(f, "key") }
func FuzzDecodePreBody(f *testing.F)    { fuzz(f, "pre") }
func FuzzDecodeDigestBody(f *testing.F) { fuzz(f, "digest") }
func FuzzDecodeAnswerBody(f *testing.F) { fuzz(f, "answer") }
