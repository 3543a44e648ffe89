package keyengine_test

import (
	"fmt"
	"strings"

	"meridian/keyengine"
)

// keyKind is what the table of key states tells apart: a key's role and where its material comes from.
type keyKind struct {
	role     string // single, primary, replica, managed
	imported bool
	spec     string // of all rows; empty: whatever fits the operation
}

// states are the states that a key of the kind can be in.
func (k keyKind) states() []string {
	states := []string{"Enabled", "Disabled", "PendingDeletion"}
	if k.role == "managed" {
		return states[:1]
	}
	if k.role == "primary" {
		states = append(states, "PendingReplicaDeletion")
	}
	if k.imported {
		states = append(states, "PendingImport")
	}
	if k.role == "replica" {
		states = append(states, "Creating")
	}
	if k.role != "single" {
		states = append(states, "Updating")
	}
	return states
}

// stateWorld is a world in which $k1 is in a state, at a site.
type stateWorld struct {
	*world
	t    tb
	at   *site
	kind keyKind
	ref  keyengine.Ref
}

// newStateWorld makes a key of a kind, for an operation, and brings it into a state.
func newStateWorld(t tb, kind keyKind, state, op string) *stateWorld {
	t.Helper()
	w := &stateWorld{world: newWorld("us-east-1", "eu-west-1"), t: t, kind: kind}
	w.at = w.sites["us-east-1"]
	if kind.role == "managed" {
		if _, err := w.makeManaged(w.at, "alias/aws/s3"); err != nil {
			t.Fatal(err)
		}
		return w
	}
	spec, usage := kindFor(op)
	if kind.spec != "" {
		spec, usage = kind.spec, "SIGN_VERIFY"
	}
	origin := "AWS_KMS"
	if kind.imported {
		origin = "EXTERNAL"
	}
	w.must(t, "us-east-1", "CreateKey", fmt.Sprintf(`{"MultiRegion":%t,"Origin":%q,"KeySpec":%q,"KeyUsage":%q}`, kind.role != "single", origin, spec, usage))
	w.ref = keyengine.Ref{Account: account, KeyID: w.names["$k1"]}
	w.bring("us-east-1", spec)
	if kind.role != "single" && (kind.role != "primary" || state != "PendingDeletion") {
		w.replica(state, spec)
	}
	w.must(t, w.at.place.Region, "CreateAlias", `{"TargetKeyId":"$k1","AliasName":"alias/old"}`)
	w.enter(state)
	return w
}

// replica makes one in eu-west-1.
func (w *stateWorld) replica(state, spec string) {
	w.t.Helper()
	us, eu := w.sites["us-east-1"], w.sites["eu-west-1"]
	w.must(w.t, "us-east-1", "ReplicateKey", `{"KeyId":"$k1","ReplicaRegion":"eu-west-1"}`)
	if w.kind.role == "replica" {
		w.at = eu
	}
	if state == "Creating" {
		l, _ := us.view().Family(w.ref)
		if _, err := w.decide(eu, "", keyengine.ReceiveRecord{Record: l.Record}); err != nil {
			w.t.Fatal(err)
		}
		return
	}
	w.settle(w.t)
	w.bring("eu-west-1", spec)
	w.settle(w.t)
}

// bring imports a key's material, and for a symmetric one another that waits for its rotation.
func (w *stateWorld) bring(region, spec string) {
	w.t.Helper()
	if !w.kind.imported {
		return
	}
	const text = `{"KeyId":"$k1","ImportToken":"GA==","ExpirationModel":"KEY_MATERIAL_DOES_NOT_EXPIRE","EncryptedKeyMaterial":`
	w.must(w.t, region, "ImportKeyMaterial", text+`"AQ=="}`)
	if spec != "SYMMETRIC_DEFAULT" {
		return
	}
	kind := "NEW_KEY_MATERIAL"
	if region != "us-east-1" {
		kind = "EXISTING_KEY_MATERIAL"
	}
	w.must(w.t, region, "ImportKeyMaterial", text+`"Ag==","ImportType":"`+kind+`"}`)
}

func (w *stateWorld) enter(state string) {
	w.t.Helper()
	here := w.at.place.Region
	switch state {
	case "Disabled":
		w.must(w.t, here, "DisableKey", `{"KeyId":"$k1"}`)
	case "PendingDeletion", "PendingReplicaDeletion":
		w.must(w.t, here, "ScheduleKeyDeletion", `{"KeyId":"$k1"}`)
	case "PendingImport":
		w.must(w.t, here, "DeleteImportedKeyMaterial", `{"KeyId":"$k1"}`)
	case "Updating":
		w.must(w.t, "us-east-1", "UpdatePrimaryRegion", `{"KeyId":"$k1","PrimaryRegion":"eu-west-1"}`)
		if w.kind.role != "replica" {
			return
		}
		if _, err := w.sendRecord(w.sites["us-east-1"], w.at, w.ref, true); err != nil {
			w.t.Fatal(err)
		}
	}
}

// input is an input of an operation for the key.
func (w *stateWorld) input(op string) string {
	text := body(op)
	if w.kind.role == "managed" {
		text = strings.ReplaceAll(text, "alias/old", "alias/aws/s3")
	}
	return w.expand(text)
}
