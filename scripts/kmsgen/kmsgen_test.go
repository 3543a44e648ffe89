package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const target = "../../keyengine/kmsapi"

func readModel(t *testing.T) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(target, modelFile))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestGeneratedFilesAreCurrent(t *testing.T) {
	files, err := generate(readModel(t))
	if err != nil {
		t.Fatal(err)
	}
	stored, err := filepath.Glob(filepath.Join(target, "*_gen.go"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, path := range stored {
		names = append(names, filepath.Base(path))
	}
	if want := slices.Sorted(maps.Keys(files)); !slices.Equal(names, want) {
		t.Errorf("generated files are %v, want %v", names, want)
	}
	for name, want := range files {
		if got, err := os.ReadFile(filepath.Join(target, name)); err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("%s differs from what the generator makes of the model; run go generate in %s", name, target)
		}
	}
}

func TestGenerateIsDeterministic(t *testing.T) {
	input := readModel(t)
	first, err := generate(input)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		again, err := generate(input)
		if err != nil {
			t.Fatal(err)
		}
		if !maps.EqualFunc(first, again, bytes.Equal) {
			t.Fatal("the same model gave different files")
		}
	}
}

// The copy of the model is a fixed point of the import, so an import shows only what changed.
func TestImportKeepsTheModel(t *testing.T) {
	path := filepath.Join(target, modelFile)
	again, err := importModel(path, "")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again, readModel(t)) {
		t.Error("importing the copy changes it")
	}
}

func TestModelIsRefused(t *testing.T) {
	const metadata = `"metadata":{"protocol":"json","jsonVersion":"1.1","signatureVersion":"v4","targetPrefix":"T"}`
	const errors = `"E":{"type":"structure","exception":true,"fault":true}`
	for _, tt := range []struct{ name, model, want string }{
		{"not JSON", `{`, "unexpected end"},
		{"other protocol", `{"metadata":{"protocol":"query"}}`, "protocol query"},
		{"no input", `{` + metadata + `,"operations":{"GetX":{}}}`, "no input"},
		{"unknown input", `{` + metadata + `,"operations":{"GetX":{"input":{"shape":"A"}}}}`, "unknown shape A"},
		{"unknown member", `{` + metadata + `,"shapes":{"A":{"type":"structure","members":{"M":{"shape":"B"}}}}}`, "unknown shape B"},
		{
			"unknown type", `{` + metadata + `,"shapes":{` + errors + `,"A":{"type":"structure","members":{"M":{"shape":"B"}}},"B":{"type":"double"}}}`,
			"A.M: shape B has the unknown type double",
		},
		{
			"unknown verb", `{` + metadata + `,"operations":{"FrobKey":{"input":{"shape":"A"}}},"shapes":{` + errors + `,"A":{"type":"structure","members":{}}}}`,
			"FrobKey: does its verb change state?",
		},
		{"unknown pagination", `{` + metadata + `,"pagination":{"ListX":{"limit_key":"Max"}}}`, "unknown way"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := generate([]byte(tt.model))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestConstantName(t *testing.T) {
	for value, want := range map[string]string{
		"RSA_2048": "Rsa2048", "ECC_SECG_P256K1": "EccSecgP256k1", "SYMMETRIC_DEFAULT": "SymmetricDefault", "SM2PKE": "Sm2pke",
		"PendingReplicaDeletion": "PendingReplicaDeletion", "Enabled": "Enabled", "RSAES_PKCS1_V1_5": "RsaesPkcs1V15",
	} {
		if got := constantName(value); got != want {
			t.Errorf("%s: got %s, want %s", value, got, want)
		}
	}
}

func TestKindFollowsTheLongestVerb(t *testing.T) {
	for name, want := range map[string]string{
		"DescribeKey": "Metadata", "DecryptX": "DataPlane", "ReEncrypt": "DataPlane", "ReplicateKey": "Mutation",
		"SignX": "DataPlane", "DisconnectCustomKeyStore": "Mutation", "GetParametersForImport": "Metadata",
	} {
		if got, err := kindOf(name); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", name, got, err, want)
		}
	}
}
