package region_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	mathrand "math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"meridian/keyengine/kmsapi"
)

// model is the service model, as far as hostile values are made from it.
type model struct {
	Operations map[string]struct {
		Input struct{ Shape string }
	}
	Shapes map[string]*shape
}

type shape struct {
	Type     string
	Min, Max *int
	Enum     []string
	Members  map[string]struct{ Shape string }
	Member   struct{ Shape string }
}

func readModel(t testing.TB) *model {
	text, err := os.ReadFile("../keyengine/kmsapi/model.json")
	if err != nil {
		t.Fatal(err)
	}
	m := new(model)
	if err := json.Unmarshal(text, m); err != nil {
		t.Fatal(err)
	}
	return m
}

// members yields an operation's members in the order of their names.
func (m *model) members(operation string) iter.Seq2[string, *shape] {
	return m.of(m.Shapes[m.Operations[operation].Input.Shape])
}

func (m *model) of(s *shape) iter.Seq2[string, *shape] {
	return func(yield func(string, *shape) bool) {
		for _, name := range slices.Sorted(maps.Keys(s.Members)) {
			if !yield(name, m.Shapes[s.Members[name].Shape]) {
				return
			}
		}
	}
}

// text is a value as JSON.
func text(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// wrongTypes are values of every JSON type, and what is hardly JSON at all.
func wrongTypes() []json.RawMessage {
	var all []json.RawMessage
	for _, s := range []string{
		`null`, `true`, `0`, `-1`, `1.5`, `1e400`, `-0`, `1e2`, `""`, `"x"`, `[]`, `[null]`, `[[]]`, `{}`, `{"a":null}`, `{"":{}}`, `NaN`, `Infinity`, `undefined`,
		`"`, `{`, `[`, `'a'`, `01`, `.5`, `1.`, "\"\x01\"", "\"\xff\xfe\"", `"\ud800"`, `"\u0000"`, `99999999999999999999999999`,
		strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000),
		strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000),
	} {
		all = append(all, json.RawMessage(s))
	}
	return all
}

// values are hostile values for a shape.
func (h *hostile) values(m *model, s *shape, depth int) []json.RawMessage {
	var all []json.RawMessage
	if depth == 0 {
		all = wrongTypes()
	} else {
		all = []json.RawMessage{json.RawMessage(`null`), json.RawMessage(`7`), json.RawMessage(`"\u0000"`)}
	}
	switch s.Type {
	case "string":
		all = append(all, h.strings(s)...)
	case "integer":
		for _, n := range slices.Concat(bounds(s), []int{-1 << 31, 1<<31 - 1, 1 << 31, -1<<31 - 1, 6, 7, 8, 30, 31, 89, 90, 91, 2560, 2561}) {
			all = append(all, text(n))
		}
	case "blob":
		all = append(all, h.blobs(s)...)
	case "boolean":
		all = append(all, text("true"), text("false"), text(true), text(false))
	case "timestamp":
		for _, v := range []string{`1`, `-62135596801`, `253402300799`, `253402300800`, `1e18`, `1e300`, `-1e300`, `9223372036854775807`, `9223372036854775.8`, `1795435097.5921`, `"2030-01-01T00:00:00Z"`, `4102444800`} {
			all = append(all, json.RawMessage(v))
		}
	case "list":
		all = append(all, h.lists(m, s, depth)...)
	case "map":
		all = append(all, contexts()...)
	case "structure":
		all = append(all, h.structures(m, s, depth)...)
	}
	return all
}

// some is one of the hostile values for a shape.
func (h *hostile) some(source *mathrand.Rand, m *model, s *shape) json.RawMessage {
	if h.seen[s] == nil {
		h.seen[s] = h.values(m, s, 0)
	}
	return h.seen[s][source.IntN(len(h.seen[s]))]
}

// bounds are the lengths or values around a shape's limits.
func bounds(s *shape) []int {
	ns := []int{0, 1}
	if s.Min != nil {
		ns = append(ns, *s.Min-1, *s.Min, *s.Min+1)
	}
	if s.Max != nil {
		ns = append(ns, *s.Max-1, *s.Max, *s.Max+1)
	}
	return ns
}

func (h *hostile) strings(s *shape) (all []json.RawMessage) {
	for _, n := range bounds(s) {
		if n >= 0 && n < 200_000 {
			all = append(all, text(strings.Repeat("a", n)), text(strings.Repeat("é", n)))
		}
	}
	for _, v := range s.Enum {
		all = append(all, text(v))
	}
	if len(s.Enum) > 0 {
		return append(all, text(strings.ToLower(s.Enum[0])), text(s.Enum[0]+" "), text(s.Enum[0]+"\x00"))
	}
	for _, v := range append(
		h.names(),
		"ключ💥", "a\x00b", "../../etc/passwd", "%s%n%d", "<script>", "' or 1=1", "\r\nX-A: b", "\u202e", "a\u0301", " ", "\t", "\"", `\`, planted,
		"default", `{"Version":"2012-10-17","Statement":[]}`, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`,
		strings.Repeat("[", 30_000), "2012-10-17", strings.Repeat("0", 64), strings.Repeat("f", 64), strings.Repeat("A", 1<<17),
	) {
		all = append(all, text(v))
	}
	return all
}

// names are what could name a key, an alias, a principal, a Region, a grant or a place in a list.
func (h *hostile) names() []string {
	region := h.nodes[0].Place.Region
	partition := h.nodes[0].Place.Partition
	id := h.key("sym")
	key := func(partition, region, account, resource string) string {
		return fmt.Sprintf("arn:%s:kms:%s:%s:%s", partition, region, account, resource)
	}
	names := []string{
		id, "alias/a", "alias/none", "alias/", "alias/aws/", "alias/aws/s3", "alias/aws/none", "alias/" + strings.Repeat("a", 250), "alias/a/b", "alias/ü", "ALIAS/a",
		key(partition, region, account, "key/"+id), key(partition, region, account, "alias/a"), key(partition, region, account, "alias/aws/s3"),
		key(partition, "eu-west-1", account, "key/"+id), key(partition, "mars-west-1", account, "key/"+id), key("aws-us-gov", region, account, "key/"+id),
		key("aws-cn", region, account, "key/"+id), key(partition, region, "111122223333", "key/"+id), key(partition, region, "1", "key/"+id),
		key(partition, region, account, "key/"), key(partition, region, account, "key/"+id+"/x"), key(partition, region, "", "key/"+id), "arn:", "arn:aws:kms", ":::::",
		key(partition, region, account, ""), "arn:aws:iam::" + account + ":root", "arn:aws:iam::111122223333:user/a", "arn:aws:sts::" + account + ":assumed-role/r/s", "*", account,
		"12345678-1234-1234-1234-123456789012", "mrk-12345678123412341234123456789012", "mrk-", strings.ToUpper(id), id + " ", id[:len(id)-1], "eu-west-1", "us-east-1", "cn-northwest-1", "x",
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		names = append(names, h.key(kind))
	}
	return append(names, h.fixed("marker"), h.fixed("grantToken"), tampered(h.fixed("marker")), tampered(h.fixed("grantToken")), h.fixed("grantID"))
}

// tampered changes one character in the middle.
func tampered(s string) string {
	b := []byte(s)
	if len(b) == 0 {
		return "A"
	}
	if b[len(b)/2]++; b[len(b)/2] > 'y' {
		b[len(b)/2] = 'a'
	}
	return string(b)
}

func (h *hostile) blobs(s *shape) (all []json.RawMessage) {
	for _, n := range bounds(s) {
		if n >= 0 && n < 300_000 {
			all = append(all, text(bytes.Repeat([]byte{0x4d}, n)))
		}
	}
	all = append(all, text("!!!"), text("AA"), text("AA="), text("A A=="), text("AA==\n"), text("AA-_"), text("AB=="))
	for _, name := range []string{"blob", "signature", "mac", "importToken", "wrapped", "public", "document"} {
		b, err := base64.StdEncoding.DecodeString(h.fixed(name))
		if err != nil {
			panic(err)
		}
		for _, i := range []int{0, 1, 2, 3, 4, 10, 20, 30, len(b) / 2, len(b) - 1} {
			if i < len(b) {
				changed := bytes.Clone(b)
				changed[i] ^= 1
				all = append(all, text(changed), text(b[:i]))
			}
		}
		all = append(all, text(b), text(append(bytes.Clone(b), 0)), text(append(bytes.Clone(b), b...)))
	}
	digest := sha256.Sum256(nil)
	return append(all, text(digest[:]), text(make([]byte, 48)), text(make([]byte, 64)))
}

func (h *hostile) lists(m *model, s *shape, depth int) (all []json.RawMessage) {
	element := m.Shapes[s.Member.Shape]
	for _, v := range h.values(m, element, depth+1) {
		all = append(all, slices.Concat([]byte("["), v, []byte("]")))
	}
	one := json.RawMessage(`"Decrypt"`)
	switch {
	case element.Type == "structure":
		one = json.RawMessage(`{"TagKey":"k","TagValue":"v"}`)
	case len(element.Enum) > 0:
		one = text(element.Enum[0])
	}
	for _, n := range append(bounds(s), 2, 50, 51, 5000) {
		if n > 0 {
			all = append(all, text(slices.Repeat([]json.RawMessage{one}, n)))
		}
	}
	if element.Type == "structure" { // tags that differ
		for _, n := range []int{49, 50, 51, 200} {
			var tags []map[string]string
			for i := range n {
				tags = append(tags, map[string]string{"TagKey": fmt.Sprint("k", i), "TagValue": "v"})
			}
			all = append(all, text(tags))
		}
	}
	return all
}

func contexts() (all []json.RawMessage) {
	many := map[string]string{}
	for i := range 2000 {
		many[fmt.Sprint(i)] = "v"
	}
	for _, v := range []any{
		map[string]any{"a": 1},
		map[string]any{"a": nil},
		map[string]any{"a": []int{}},
		map[string]string{"": ""},
		map[string]string{"\x00": "\x00"},
		many,
		map[string]string{strings.Repeat("k", 8191): "v"},
		map[string]string{strings.Repeat("k", 8192): "v"},
		map[string]string{"k": strings.Repeat("v", 100_000)},
		map[string]string{"a": "b"},
	} {
		all = append(all, text(v))
	}
	return append(all, json.RawMessage(`{"a":"b","a":"c"}`))
}

func (h *hostile) structures(m *model, s *shape, depth int) (all []json.RawMessage) {
	for name, member := range m.of(s) {
		var rest strings.Builder
		for other, shape := range m.of(s) {
			if other != name && len(shape.Enum) > 0 {
				fmt.Fprintf(&rest, `,%q:%q`, other, shape.Enum[0])
			}
		}
		for _, v := range h.values(m, member, depth+1) {
			all = append(all, slices.Concat([]byte(`{"`+name+`":`), v, []byte(rest.String()+"}")))
		}
	}
	return append(all, json.RawMessage(`{"Unknown":1}`))
}

// account is the account of the callers.
const account = "000000000000"

// kinds are the keys of a hostile world: the members of CreateKey that make them.
var kinds = map[string]string{
	"sym": `{}`, "mrk": `{"MultiRegion":true}`, "rsa": `{"KeySpec":"RSA_2048","KeyUsage":"ENCRYPT_DECRYPT"}`,
	"ecc": `{"KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY"}`, "kx": `{"KeySpec":"ECC_NIST_P256","KeyUsage":"KEY_AGREEMENT"}`,
	"mac": `{"KeySpec":"HMAC_256","KeyUsage":"GENERATE_VERIFY_MAC"}`, "ext": `{"Origin":"EXTERNAL"}`, "full": `{"Origin":"EXTERNAL"}`,
	"off": `{}`, "dying": `{}`, "mldsa": `{"KeySpec":"ML_DSA_44","KeyUsage":"SIGN_VERIFY"}`, "rsasign": `{"KeySpec":"RSA_2048","KeyUsage":"SIGN_VERIFY"}`,
}

// key is the id of a key of a kind; it is made when it is asked for.
func (h *hostile) key(kind string) string {
	if id := h.fix["key "+kind]; id != "" {
		return id
	}
	var created kmsapi.CreateKeyResponse
	h.do(0, "CreateKey", kinds[kind], &created)
	id := *created.KeyMetadata.KeyId
	h.fix["key "+kind] = id
	switch kind {
	case "full":
		imported{h.world, id}.fill(append([]byte(planted), id[:16]...))
	case "off":
		h.do(0, "DisableKey", input("KeyId", id), nil)
	case "dying":
		h.do(0, "ScheduleKeyDeletion", input("KeyId", id), nil)
	}
	return id
}

// fill imports material.
func (k imported) fill(material []byte) {
	k.do(0, "ImportKeyMaterial", k.bring("RSAES_OAEP_SHA_256", "RSA_2048", material), nil)
}

// spoiled makes the world forget what an operation that worked may have changed.
func (h *hostile) spoiled(op *kmsapi.Operation) {
	if !op.Mutating() {
		return
	}
	clear(h.fix)
	clear(h.seen)
}

// user is a principal that grants may name.
func (h *hostile) user() string {
	return "arn:" + h.nodes[0].Place.Partition + ":iam::" + account + ":user/a"
}

// fixed is a thing of this world by its name: text, or bytes in base64. It is made when it is asked for.
func (h *hostile) fixed(name string) string {
	if v := h.fix[name]; v != "" {
		return v
	}
	maps.Copy(h.fix, h.made(name))
	return h.fix[name]
}

func (h *hostile) made(name string) map[string]string {
	get := func(operation, body string, members ...string) []string {
		var out map[string]any
		h.do(0, operation, body, &out)
		var got []string
		for _, m := range members {
			got = append(got, fmt.Sprint(out[m]))
		}
		return got
	}
	one := func(operation, body, member string) map[string]string {
		return map[string]string{name: get(operation, body, member)[0]}
	}
	switch name {
	case "alias":
		alias := "alias/" + h.key("sym")
		h.do(0, "CreateAlias", input("AliasName", alias, "TargetKeyId", h.key("sym")), nil)
		return map[string]string{name: alias}
	case "replicated":
		var created kmsapi.CreateKeyResponse
		h.do(0, "CreateKey", `{"MultiRegion":true}`, &created)
		h.do(0, "ReplicateKey", input("KeyId", created.KeyMetadata.KeyId, "ReplicaRegion", h.nodes[0].Regions[1]), nil)
		return map[string]string{name: *created.KeyMetadata.KeyId}
	case "blob":
		return one("Encrypt", input("KeyId", h.key("sym"), "Plaintext", []byte("hello")), "CiphertextBlob")
	case "signature":
		return one("Sign", input("KeyId", h.key("ecc"), "Message", []byte("hello"), "SigningAlgorithm", "ECDSA_SHA_256"), "Signature")
	case "mac":
		return one("GenerateMac", input("KeyId", h.key("mac"), "Message", []byte("hello"), "MacAlgorithm", "HMAC_SHA_256"), "Mac")
	case "document":
		return map[string]string{name: base64.StdEncoding.EncodeToString(h.document)}
	case "public":
		return one("GetPublicKey", input("KeyId", h.key("kx")), "PublicKey")
	case "marker":
		return one("ListKeys", input("Limit", 1), "NextMarker")
	case "grantID", "grantToken":
		got := get("CreateGrant", input("KeyId", h.key("sym"), "GranteePrincipal", h.user(), "Operations", []string{"Decrypt"}), "GrantId", "GrantToken")
		return map[string]string{"grantID": got[0], "grantToken": got[1]}
	case "importToken", "wrapped":
		k := imported{h.world, h.key("ext")}
		p := k.parameters(0, "RSAES_OAEP_SHA_256", "RSA_2048")
		wrapped := wrap(h.t, "RSAES_OAEP_SHA_256", p.PublicKey, append([]byte(planted), k.id[:16]...))
		return map[string]string{"importToken": base64.StdEncoding.EncodeToString(p.ImportToken), "wrapped": base64.StdEncoding.EncodeToString(wrapped)}
	}
	panic("nothing is called " + name)
}

// good are the members of a request that works.
func (h *hostile) good(operation string) map[string]any {
	of := func(members ...any) map[string]any {
		m := map[string]any{}
		for i := 0; i < len(members); i += 2 {
			m[members[i].(string)] = members[i+1]
		}
		return m
	}
	hello := []byte("hello")
	switch operation {
	case "CancelKeyDeletion":
		delete(h.fix, "key dying")
		return of("KeyId", h.key("dying"))
	case "CreateAlias":
		return of("AliasName", "alias/n"+fmt.Sprint(h.calls.Load()), "TargetKeyId", h.key("sym"))
	case "UpdateAlias":
		return of("AliasName", h.fixed("alias"), "TargetKeyId", h.key("sym"))
	case "DeleteAlias":
		return of("AliasName", h.fixed("alias"))
	case "CreateGrant":
		return of("KeyId", h.key("sym"), "GranteePrincipal", h.user(), "Operations", []string{"Decrypt"})
	case "RetireGrant", "RevokeGrant":
		return of("KeyId", h.key("sym"), "GrantId", h.fixed("grantID"))
	case "ListRetirableGrants":
		return of("RetiringPrincipal", h.user())
	case "CreateKey", "ListKeys", "ListAliases", "DescribeCustomKeyStores":
		return of()
	case "CreateCustomKeyStore":
		return of("CustomKeyStoreName", "store")
	case "ConnectCustomKeyStore", "DeleteCustomKeyStore", "DisconnectCustomKeyStore", "UpdateCustomKeyStore":
		return of("CustomKeyStoreId", "cks-1234567890abcdef0")
	case "Decrypt":
		return of("CiphertextBlob", h.fixed("blob"))
	case "ReEncrypt":
		return of("CiphertextBlob", h.fixed("blob"), "DestinationKeyId", h.key("mrk"))
	case "Encrypt":
		return of("KeyId", h.key("sym"), "Plaintext", hello)
	case "GenerateDataKey", "GenerateDataKeyWithoutPlaintext":
		return of("KeyId", h.key("sym"), "KeySpec", "AES_256")
	case "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext":
		return of("KeyId", h.key("sym"), "KeyPairSpec", "ECC_NIST_P256")
	case "GenerateRandom":
		return of("NumberOfBytes", 32)
	case "Sign":
		return of("KeyId", h.key("ecc"), "Message", hello, "SigningAlgorithm", "ECDSA_SHA_256")
	case "Verify":
		return of("KeyId", h.key("ecc"), "Message", hello, "SigningAlgorithm", "ECDSA_SHA_256", "Signature", h.fixed("signature"))
	case "GenerateMac":
		return of("KeyId", h.key("mac"), "Message", hello, "MacAlgorithm", "HMAC_SHA_256")
	case "VerifyMac":
		return of("KeyId", h.key("mac"), "Message", hello, "MacAlgorithm", "HMAC_SHA_256", "Mac", h.fixed("mac"))
	case "DeriveSharedSecret":
		return of("KeyId", h.key("kx"), "KeyAgreementAlgorithm", "ECDH", "PublicKey", h.fixed("public"))
	case "GetPublicKey":
		return of("KeyId", h.key("rsa"))
	case "GetParametersForImport":
		return of("KeyId", h.key("ext"), "WrappingAlgorithm", "RSAES_OAEP_SHA_256", "WrappingKeySpec", "RSA_2048")
	case "ImportKeyMaterial":
		return of("KeyId", h.key("ext"), "ImportToken", h.fixed("importToken"), "EncryptedKeyMaterial", h.fixed("wrapped"), "ExpirationModel", "KEY_MATERIAL_DOES_NOT_EXPIRE")
	case "DeleteImportedKeyMaterial":
		return of("KeyId", h.key("full"))
	case "PutKeyPolicy":
		return of("KeyId", h.key("sym"), "Policy", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}}`)
	case "ReplicateKey":
		return of("KeyId", h.key("mrk"), "ReplicaRegion", h.nodes[0].Regions[1])
	case "UpdatePrimaryRegion":
		return of("KeyId", h.fixed("replicated"), "PrimaryRegion", h.nodes[0].Regions[1])
	case "TagResource":
		return of("KeyId", h.key("sym"), "Tags", []map[string]string{{"TagKey": "k", "TagValue": "v"}})
	case "UntagResource":
		return of("KeyId", h.key("sym"), "TagKeys", []string{"k"})
	case "UpdateKeyDescription":
		return of("KeyId", h.key("sym"), "Description", "d")
	}
	return of("KeyId", h.key("sym"))
}
