package keyengine_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"meridian/keyengine"
	"meridian/keyengine/canonical"
	"meridian/keyengine/keyspec"
	"meridian/keyengine/kmsapi"
)

const (
	alice = "arn:aws:iam::111122223333:user/alice"
	bob   = "arn:aws:iam::111122223333:role/team/bob"
)

func (w *world) newGrantID() string {
	w.grants++
	sum := sha256.Sum256(fmt.Append(nil, "grant", w.grants))
	id := hex.EncodeToString(sum[:])
	w.names[fmt.Sprintf("$g%d", w.grants)] = id
	return id
}

// grant gives $k1 the grant $g1, whatever the key's state is.
func (w *world) grant(at *site) {
	e := keyengine.GrantCreated{
		Account: account, KeyID: w.names["$k1"], GrantID: w.newGrantID(),
		Grant: keyengine.Grant{CreatedAt: w.now, Issuer: account, Grantee: alice, Retiring: bob, Operations: []string{"Decrypt"}, Name: "first"},
	}
	keyengine.Evolve(at.rows, at.place, e)
	at.log = append(at.log, e)
}

// openToken reads a grant token of these tests: <account>/<key id>/<grant id>.
func openToken(token *string) *keyengine.GrantRef {
	if token == nil {
		return nil
	}
	part := strings.SplitN(*token+"//", "/", 3)
	return &keyengine.GrantRef{Key: keyengine.Ref{Account: part[0], KeyID: part[1]}, ID: strings.TrimRight(part[2], "/")}
}

// checkGrants holds the rows of grants to what the grants themselves demand.
func checkGrants(t tb, s *site) {
	t.Helper()
	want := map[string]string{} // rows beside the grants' own
	count := map[string]uint64{}
	named := 0
	for k, v := range s.rows.Scan([]byte("g/"), nil) {
		part := strings.Split(string(k), "/")
		if len(part) != 4 || len(part[1]) != len(account) {
			continue
		}
		var g keyengine.Grant
		if err := canonical.Unmarshal(v, &g); err != nil {
			t.Fatalf("%q: %v", k, err)
		}
		key, id := part[1]+"/"+part[2], part[3]
		want["g/to/"+key+"/"+g.Grantee+"|"+id] = ""
		if g.Retiring != "" {
			want["g/by/"+g.Retiring+"|"+key+"/"+id] = ""
		}
		if g.Name != "" {
			named++
			want["g/same "+id] = ""
		}
		gone, _ := s.rows.Get([]byte("g/gone"))
		if _, ok := s.rows.Get([]byte("k/" + key)); ok {
			count[key]++
		} else if !bytes.Contains(gone, []byte(key)) {
			t.Errorf("%s: a grant outlived its key: %q", s.place.Region, k)
		}
	}
	got := map[string]string{}
	for _, prefix := range []string{"g/to/", "g/by/", "g/same/"} {
		for k, v := range s.rows.Scan([]byte(prefix), nil) {
			if prefix == "g/same/" {
				k, v = append([]byte("g/same "), v...), nil
			}
			got[string(k)] = string(v)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: indexes of grants are\n%q, want\n%q", s.place.Region, got, want)
	}
	for k, v := range s.rows.Scan([]byte("c/grants/"), nil) {
		key := string(bytes.TrimPrefix(k, []byte("c/grants/")))
		if binary.BigEndian.Uint64(v) != count[key] {
			t.Errorf("%s: %q counts %x grants, there are %d", s.place.Region, k, v, count[key])
		}
		delete(count, key)
	}
	if len(count) > 0 {
		t.Errorf("%s: grants that nobody counts: %v", s.place.Region, count)
	}
}

// anyGrant draws a grant of the Region, and makes up one where there is none.
func anyGrant(t *rapid.T, s *site) (keyID, grantID string) {
	var grants [][]string
	for k := range s.rows.Scan([]byte("g/"+account+"/"), nil) {
		grants = append(grants, strings.Split(string(k), "/")[2:])
	}
	if len(grants) == 0 {
		return "$k1", strings.Repeat("0", 64)
	}
	g := rapid.SampledFrom(grants).Draw(t, "grant")
	return g[0], g[1]
}

func TestGrantsPerKey(t *testing.T) {
	w := newWorld("us-east-1")
	w.must(t, "us-east-1", "CreateKey", `{}`)
	w.must(t, "us-east-1", "CreateKey", `{}`)
	const grant = `{"KeyId":"$k1","GranteePrincipal":"` + alice + `","Operations":["Decrypt"],"Name":"%s"}`
	w.must(t, "us-east-1", "CreateGrant", fmt.Sprintf(grant, "first"))
	count := []byte("c/grants/" + account + "/" + w.names["$k1"])
	rows := w.sites["us-east-1"].rows
	rows.Put(count, binary.BigEndian.AppendUint64(nil, keyengine.MaxGrantsPerKey))
	wantLimit(t, w, "CreateGrant", fmt.Sprintf(grant, "second"))
	w.must(t, "us-east-1", "CreateGrant", fmt.Sprintf(grant, "first")) // it is there already
	w.must(t, "us-east-1", "CreateGrant", strings.Replace(fmt.Sprintf(grant, "first"), "$k1", "$k2", 1))
	w.must(t, "us-east-1", "RevokeGrant", `{"KeyId":"$k1","GrantId":"$g1"}`)
	w.must(t, "us-east-1", "CreateGrant", fmt.Sprintf(grant, "second"))
	if v, _ := rows.Get(count); binary.BigEndian.Uint64(v) != keyengine.MaxGrantsPerKey {
		t.Errorf("one went, one came: %x", v)
	}
}

// manyGrants gives $k1 more grants in a Region than go with it in one record, and deletes it there.
func manyGrants(t *testing.T, w *world, region string) {
	t.Helper()
	for range 300 {
		w.must(t, region, "CreateGrant", `{"KeyId":"$k1","GranteePrincipal":"`+alice+`","RetiringPrincipal":"`+bob+`","Operations":["Decrypt"]}`)
	}
	w.must(t, region, "ScheduleKeyDeletion", `{"KeyId":"$k1","PendingWindowInDays":7}`)
	w.now += 7 * day
	if _, err := w.runDue(w.sites[region]); err != nil {
		t.Fatal(err)
	}
	w.check(t)
}

func grantRows(s *site) int {
	n := 0
	for range s.rows.Scan([]byte("g/"), nil) {
		n++
	}
	return n
}

// The grants of a deleted key are out of reach at once and gone after a while.
func TestManyGrantsOfADeletedKey(t *testing.T) {
	w := newWorld("us-east-1")
	s := w.sites["us-east-1"]
	w.must(t, "us-east-1", "CreateKey", `{}`)
	manyGrants(t, w, "us-east-1")
	if n := grantRows(s); n != 1+44*3 {
		t.Errorf("%d rows of grants after the deletion", n)
	}
	reply, _, err := w.call(s, account, "ListRetirableGrants", `{"RetiringPrincipal":"`+bob+`"}`)
	if got, want := asJSON(t, reply), `{"Grants":[],"Truncated":false}`; err != nil || got != want {
		t.Errorf("bob may retire %s, %v", got, err)
	}
	if code := refusal(t, w, "us-east-1", "ListGrants", `{"KeyId":"$k1"}`); code != kmsapi.NotFoundException {
		t.Errorf("grants of a deleted key: %s", code)
	}
	for commands := 0; grantRows(s) > 0; commands++ {
		if commands > 6 {
			t.Fatalf("%d rows of grants after %d commands", grantRows(s), commands)
		}
		keyengine.EvolveCommand(s.rows, w.now, nil, "SeePeer", nil)
		checkGrants(t, s)
	}
}

// A replica made anew has the name of the one before it, and none of its grants.
func TestGrantsDoNotComeBackWithAReplica(t *testing.T) {
	w := newWorld("us-east-1", "eu-west-1")
	w.must(t, "us-east-1", "CreateKey", `{"MultiRegion":true}`)
	w.must(t, "us-east-1", "ReplicateKey", `{"KeyId":"$k1","ReplicaRegion":"eu-west-1"}`)
	w.settle(t)
	manyGrants(t, w, "eu-west-1")
	w.settle(t)
	w.must(t, "us-east-1", "ReplicateKey", `{"KeyId":"$k1","ReplicaRegion":"eu-west-1"}`)
	w.settle(t)
	w.must(t, "eu-west-1", "DescribeKey", `{"KeyId":"$k1"}`)
	if n := grantRows(w.sites["eu-west-1"]); n != 0 {
		t.Errorf("the new replica begins with %d rows of grants", n)
	}
	w.check(t)
}

// grantTable is which operations a grant for each kind of key may hold beside DescribeKey, CreateGrant
// and RetireGrant.
const grantTable = `
SYMMETRIC_DEFAULT     ENCRYPT_DECRYPT     Encrypt Decrypt ReEncryptFrom ReEncryptTo GenerateDataKey GenerateDataKeyWithoutPlaintext GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext
RSA_2048              ENCRYPT_DECRYPT     Encrypt Decrypt ReEncryptFrom ReEncryptTo GetPublicKey
RSA_2048              SIGN_VERIFY         Sign Verify GetPublicKey
ECC_NIST_P256         SIGN_VERIFY         Sign Verify GetPublicKey
ECC_NIST_P256         KEY_AGREEMENT       DeriveSharedSecret GetPublicKey
ECC_NIST_EDWARDS25519 SIGN_VERIFY         Sign Verify GetPublicKey
ML_DSA_44             SIGN_VERIFY         Sign Verify GetPublicKey
HMAC_256              GENERATE_VERIFY_MAC GenerateMac VerifyMac
`

func TestGrantOperations(t *testing.T) {
	all := strings.Fields(`Decrypt Encrypt GenerateDataKey GenerateDataKeyWithoutPlaintext ReEncryptFrom ReEncryptTo Sign Verify GetPublicKey
		CreateGrant RetireGrant DescribeKey GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext GenerateMac VerifyMac DeriveSharedSecret`)
	for line := range strings.Lines(strings.TrimSpace(grantTable)) {
		cells := strings.Fields(line)
		spec, ok := keyspec.Lookup(cells[0])
		if !ok {
			t.Fatalf("no spec %s", cells[0])
		}
		valid := append(cells[2:], "DescribeKey", "CreateGrant", "RetireGrant")
		for _, op := range all {
			if got, want := keyengine.Grantable(op, spec.Class, cells[1]), slices.Contains(valid, op); got != want {
				t.Errorf("%s %s: %s is %t, want %t", cells[0], cells[1], op, got, want)
			}
		}
	}
}

func TestGrantAllows(t *testing.T) {
	pair := func(name, value string) keyengine.Pair { return keyengine.Pair{Name: name, Value: value} }
	ops := []string{"Decrypt", "DescribeKey", "CreateGrant"}
	plain := keyengine.Grant{Operations: ops}
	equals := keyengine.Grant{Operations: ops, Equals: []keyengine.Pair{pair("Dept", "IT"), pair("a", "1")}}
	subset := keyengine.Grant{Operations: ops, Subset: []keyengine.Pair{pair("Dept", "IT")}}
	both := keyengine.Grant{Operations: ops, Equals: equals.Equals, Subset: []keyengine.Pair{pair("b", "2")}}
	type context = map[string]string
	for _, c := range []struct {
		name    string
		grant   keyengine.Grant
		op      string
		context context
		want    bool
	}{
		{"in the list", plain, "Decrypt", nil, true},
		{"not in the list", plain, "Encrypt", nil, false},
		{"no constraint, any context", plain, "Decrypt", context{"x": "y"}, true},
		{"equal", equals, "Decrypt", context{"Dept": "IT", "a": "1"}, true},
		{"equal, names in another case", equals, "Decrypt", context{"dEPT": "IT", "A": "1"}, true},
		{"value in another case", equals, "Decrypt", context{"Dept": "it", "a": "1"}, false},
		{"one pair more", equals, "Decrypt", context{"Dept": "IT", "a": "1", "b": "2"}, false},
		{"one pair more that differs by case", equals, "Decrypt", context{"Dept": "IT", "dept": "IT", "a": "1"}, false},
		{"one pair less", equals, "Decrypt", context{"Dept": "IT"}, false},
		{"no context", equals, "Decrypt", nil, false},
		{"no context where none is", equals, "DescribeKey", nil, true},
		{"a grant of a grant is the evaluator's", equals, "CreateGrant", nil, true},
		{"included", subset, "Decrypt", context{"Dept": "IT", "a": "1"}, true},
		{"included, name in another case", subset, "Decrypt", context{"DEPT": "IT"}, true},
		{"not included", subset, "Decrypt", context{"a": "1"}, false},
		{"included with another value", subset, "Decrypt", context{"Dept": "HR"}, false},
		{"no context to include it", subset, "Decrypt", nil, false},
		{"both constraints, one met", both, "Decrypt", context{"Dept": "IT", "a": "1"}, false},
	} {
		if got := c.grant.Allows(c.op, c.context); got != c.want {
			t.Errorf("%s: %t, want %t", c.name, got, c.want)
		}
	}
	if equals.Equals[0].Name != "Dept" {
		t.Error("asking changed the grant")
	}
}

func TestGrantsTo(t *testing.T) {
	w := newWorld("us-east-1")
	w.must(t, "us-east-1", "CreateKey", `{}`)
	w.must(t, "us-east-1", "CreateKey", `{}`)
	for _, c := range [][2]string{{"$k1", alice}, {"$k1", bob}, {"$k1", alice + "2"}, {"$k2", alice}, {"$k1", alice}} {
		w.must(t, "us-east-1", "CreateGrant", fmt.Sprintf(`{"KeyId":%q,"GranteePrincipal":%q,"Operations":["Decrypt"]}`, c[0], c[1]))
	}
	var ids []string
	for id, g := range w.sites["us-east-1"].view().GrantsTo(keyengine.Ref{Account: account, KeyID: w.names["$k1"]}, alice) {
		if g.Grantee != alice {
			t.Errorf("%s is a grant to %s", w.shorten(id), g.Grantee)
		}
		ids = append(ids, w.shorten(id))
	}
	if slices.Sort(ids); fmt.Sprint(ids) != "[$g1 $g5]" {
		t.Errorf("grants to alice: %v", ids)
	}
}

// Every form that could be taken for a grant's id and is none is told apart from one that is not there.
func TestGrantIDs(t *testing.T) {
	w := newWorld("us-east-1")
	w.must(t, "us-east-1", "CreateKey", `{}`)
	id := strings.Repeat("0a", 32)
	for given, want := range map[string]string{
		id:                      kmsapi.NotFoundException,
		id[1:]:                  kmsapi.InvalidGrantIdException,
		id + "0":                kmsapi.InvalidGrantIdException,
		strings.ToUpper(id):     kmsapi.InvalidGrantIdException,
		id[:63] + "/":           kmsapi.InvalidGrantIdException,
		id[:63] + "\u00e9":      kmsapi.InvalidGrantIdException,
		strings.Repeat("g", 64): kmsapi.InvalidGrantIdException,
	} {
		for _, op := range []string{"RevokeGrant", "RetireGrant"} {
			if code := refusal(t, w, "us-east-1", op, fmt.Sprintf(`{"KeyId":"$k1","GrantId":%q}`, given)); code != want {
				t.Errorf("%s of %q: %s, want %s", op, given, code, want)
			}
		}
	}
}
