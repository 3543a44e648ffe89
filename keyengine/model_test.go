package keyengine_test

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"meridian/keyengine/family"
)

// model is a second, plain account of what keys do: maps and ifs, no events, no rows, no protocol. What
// it knows of messages is that all of them arrive when settle is called. TestAgainstTheModel compares it
// with the engine after each step of random lives, so a rule has to be wrong twice to be missed.
type model struct {
	now     int64
	keys    map[string]map[string]*modelKey   // by Region and key id
	aliases map[string]map[string]*modelAlias // by Region and name
	states  published
	buried  map[string]bool // "Region key-id" of replicas whose end the primary has not heard of
}

type modelAlias struct {
	key              string
	created, updated int64
}

// modelShared is what the members of a family have in common, as far as one of them has heard.
type modelShared struct {
	multi, external bool
	spec, usage     string
	primary         string
	members         []string // that live, or are to be made, sorted
	materials       []modelMaterial
	current         string
	pending         string
	pendingAt       int64
	period          int // days; 0: no automatic rotation
	next            int64
}

type modelMaterial struct {
	id, how string // how it came: "" for the first and for what is pending by import
	rotated int64
}

// modelKey is a key in one Region.
type modelKey struct {
	id      string
	managed bool
	modelShared
	state     string
	whole     bool // not a replica that still waits for its materials
	created   int64
	deletion  int64
	window    int
	text      string // description
	policy    string
	tags      map[string]string
	held      map[string]int64  // materials that are here, until when; 0: for ever
	called    map[string]string // descriptions of imported materials
	grants    map[string]modelGrant
	handoffTo string // a hand-off of the primary role is under way
	handoffAt int64
	reports   map[string]modelReport // what the primary last heard of its replicas
	gifts     map[string]modelGift   // what replicas that are yet to be made will have of their own
}

type modelGrant struct {
	grantee, retiring, name, constraints string
	ops                                  []string
	created                              int64
}

type modelReport struct {
	state string
	held  []string
}

type modelGift struct {
	text, policy string
	tags         map[string]string
}

func newModel(regions []string) *model {
	m := &model{now: start, states: readPublished(), keys: map[string]map[string]*modelKey{}, aliases: map[string]map[string]*modelAlias{}, buried: map[string]bool{}}
	for _, r := range regions {
		m.keys[r], m.aliases[r] = map[string]*modelKey{}, map[string]*modelAlias{}
	}
	return m
}

// modelCall is a caller's call; given is the id of whatever the engine would make for it.
type modelCall struct {
	op, region string
	body       map[string]any
	given      string
}

func (c *modelCall) has(name string) bool { _, ok := c.body[name]; return ok }

func (c *modelCall) text(name string) string { s, _ := c.body[name].(string); return s }

func (c *modelCall) number(name string, otherwise int) int {
	if n, ok := c.body[name].(int); ok {
		return n
	}
	return otherwise
}

// answer does a call and returns the code of its error, or nothing.
func (m *model) answer(c *modelCall) string {
	switch c.op {
	case "CreateKey":
		return m.createKey(c)
	case "CreateAlias", "UpdateAlias", "DeleteAlias":
		return m.alias(c)
	}
	if c.text("ReplicaRegion")+c.text("PrimaryRegion") == "nowhere" { // the service model's own constraint
		return "ValidationException"
	}
	k, code := m.find(c.region, c.text("KeyId"))
	if code == "" {
		code = m.refuses(k, c.op)
	}
	if code != "" {
		return code
	}
	switch c.op {
	case "UpdateKeyDescription":
		k.text = c.text("Description")
		return ""
	case "PutKeyPolicy":
		return k.putPolicy(c)
	case "TagResource", "UntagResource":
		return k.tag(c)
	case "EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion":
		return m.changeState(k, c)
	case "EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand":
		return m.rotation(k, c)
	case "ReplicateKey", "UpdatePrimaryRegion":
		return m.multiRegion(k, c)
	case "ImportKeyMaterial":
		return m.importMaterial(k, c)
	case "DeleteImportedKeyMaterial":
		return m.deleteMaterial(k, c)
	case "CreateGrant", "RetireGrant", "RevokeGrant":
		return m.grant(k, c)
	}
	return "the model does not know " + c.op
}

// find finds a key by its id or ARN.
func (m *model) find(region, name string) (*modelKey, string) {
	if arn, ok := strings.CutPrefix(name, "arn:aws:kms:"); ok {
		part := strings.SplitN(arn, ":", 3)
		switch {
		case len(part) < 3 || !strings.HasPrefix(part[2], "key/"):
			return nil, "InvalidArnException"
		case part[0] != region:
			return nil, "NotFoundException"
		case part[1] != account:
			return nil, "AccessDeniedException"
		}
		name = part[2][len("key/"):]
	}
	if k := m.keys[region][name]; k != nil {
		return k, ""
	}
	return nil, "NotFoundException"
}

func (k *modelKey) updating() bool { return k.handoffTo != "" }

func (k *modelKey) shown() string {
	if k.updating() {
		return "Updating"
	}
	return k.state
}

// refuses asks the published table of key states.
func (m *model) refuses(k *modelKey, op string) string {
	if k.managed && slices.Contains([]string{
		"EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion", "UpdateKeyDescription", "PutKeyPolicy",
		"TagResource", "UntagResource", "CreateAlias", "UpdateAlias", "ReplicateKey", "UpdatePrimaryRegion",
		"EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand", "ImportKeyMaterial", "DeleteImportedKeyMaterial",
	}, op) {
		return "AccessDeniedException"
	}
	outcome, wrongKind := m.states.cell(op, k.shown())
	if wrongKind != "" && k.unfit(op) {
		return "UnsupportedOperationException"
	}
	switch outcome {
	case "e1":
		return "DisabledException"
	case "e3", "e4", "e5", "e14", "e15":
		return "KMSInvalidStateException"
	}
	return "" // ok; e6, e7 and e9 depend on the key
}

// unfit reports whether a key is of the wrong kind for an operation.
func (k *modelKey) unfit(op string) bool {
	if strings.HasSuffix(op, "KeyRotation") {
		return k.external || k.spec != "SYMMETRIC_DEFAULT"
	}
	return !k.external
}

func (m *model) createKey(c *modelCall) string {
	spec, usage, external := c.text("KeySpec"), c.text("KeyUsage"), c.text("Origin") == "EXTERNAL"
	if spec == "" {
		spec = "SYMMETRIC_DEFAULT"
	}
	if usage == "" && spec == "SYMMETRIC_DEFAULT" {
		usage = "ENCRYPT_DECRYPT"
	}
	if !slices.Contains(map[string][]string{
		"SYMMETRIC_DEFAULT": {"ENCRYPT_DECRYPT"}, "RSA_2048": {"ENCRYPT_DECRYPT", "SIGN_VERIFY"},
		"ECC_NIST_P256": {"SIGN_VERIFY", "KEY_AGREEMENT"}, "HMAC_256": {"GENERATE_VERIFY_MAC"},
	}[spec], usage) {
		return "ValidationException"
	}
	tags, code := tagsGiven(c)
	if code != "" {
		return code
	}
	multi, _ := c.body["MultiRegion"].(bool)
	k := &modelKey{
		id: c.given, state: "Enabled", whole: true, created: m.now, text: c.text("Description"), policy: c.text("Policy"), tags: tags,
		modelShared: modelShared{multi: multi, external: external, spec: spec, usage: usage, primary: c.region, members: []string{c.region}},
		held:        map[string]int64{}, called: map[string]string{}, grants: map[string]modelGrant{},
		reports: map[string]modelReport{}, gifts: map[string]modelGift{},
	}
	if external {
		k.state = "PendingImport"
	} else {
		material := c.body["material"].(string)
		k.held[material], k.current, k.materials = 0, material, []modelMaterial{{id: material}}
	}
	m.keys[c.region][k.id] = k
	return ""
}

func tagsGiven(c *modelCall) (map[string]string, string) {
	tags := map[string]string{}
	given, _ := c.body["Tags"].([]map[string]string)
	for _, t := range given {
		if _, twice := tags[t["TagKey"]]; twice || strings.HasPrefix(t["TagKey"], "aws:") {
			return nil, "TagException"
		}
		tags[t["TagKey"]] = t["TagValue"]
	}
	return tags, ""
}

func (k *modelKey) tag(c *modelCall) string {
	tags, code := tagsGiven(c)
	if code != "" {
		return code
	}
	maps.Copy(k.tags, tags)
	gone, _ := c.body["TagKeys"].([]string)
	for _, key := range gone {
		if strings.HasPrefix(key, "aws:") {
			return "TagException"
		}
	}
	for _, key := range gone {
		delete(k.tags, key)
	}
	return ""
}

func (k *modelKey) putPolicy(c *modelCall) string {
	switch {
	case c.has("PolicyName") && c.text("PolicyName") != "default":
		return "ValidationException"
	case !strings.HasPrefix(c.text("Policy"), "{"):
		return "MalformedPolicyDocumentException"
	}
	k.policy = c.text("Policy")
	return ""
}

func (m *model) alias(c *modelCall) string {
	name, here := c.text("AliasName"), m.aliases[c.region]
	reserved := strings.HasPrefix(name, "alias/aws/")
	a := here[name]
	switch {
	case c.op == "CreateAlias" && (reserved || !strings.HasPrefix(name, "alias/")):
		return "InvalidAliasNameException"
	case c.op != "CreateAlias" && reserved:
		return "AccessDeniedException"
	case c.op != "CreateAlias" && a == nil:
		return "NotFoundException"
	}
	if c.op == "DeleteAlias" {
		delete(here, name)
		return ""
	}
	k, code := m.find(c.region, c.text("TargetKeyId"))
	if code == "" {
		code = m.refuses(k, c.op)
	}
	switch {
	case code != "":
		return code
	case c.op == "CreateAlias" && a != nil:
		return "AlreadyExistsException"
	case c.op == "CreateAlias":
		here[name] = &modelAlias{key: k.id, created: m.now, updated: m.now}
		return ""
	}
	if old := m.keys[c.region][a.key]; old.usage != k.usage || (old.spec == "RSA_2048") != (k.spec == "RSA_2048") {
		return "ValidationException" // of these specs only RSA shares a usage with a key of another type
	}
	a.key, a.updated = k.id, m.now
	return ""
}

func (m *model) changeState(k *modelKey, c *modelCall) string {
	switch c.op {
	case "EnableKey":
		if !k.whole || k.external && !k.usable() {
			return "KMSInvalidStateException"
		}
		k.state = "Enabled"
	case "DisableKey":
		k.state = "Disabled"
	case "CancelKeyDeletion":
		k.state, k.deletion, k.window = "Disabled", 0, 0
	case "ScheduleKeyDeletion":
		days := c.number("PendingWindowInDays", 30)
		if days < 7 || days > 30 {
			return "ValidationException"
		}
		k.window = days
		if k.primary == c.region && len(k.members) > 1 {
			k.state = "PendingReplicaDeletion"
			return ""
		}
		k.state, k.deletion = "PendingDeletion", m.now+int64(days)*day
	}
	return ""
}

// usable reports whether all that is associated with an imported key for good is here.
func (k *modelKey) usable() bool {
	for _, mat := range k.materials {
		if _, here := k.held[mat.id]; !here && mat.id != k.pending {
			return false
		}
	}
	return k.current != ""
}

// use is the answer to a call of Encrypt.
func (m *model) use(k *modelKey) string {
	if code := m.refuses(k, "Encrypt"); code != "" {
		return code
	}
	for id, until := range k.held {
		if until != 0 && until <= m.now && id != k.pending {
			return "KMSInvalidStateException"
		}
	}
	if k.usage != "ENCRYPT_DECRYPT" {
		return "InvalidKeyUsageException"
	}
	return ""
}

func (m *model) rotation(k *modelKey, c *modelCall) string {
	switch {
	case k.spec != "SYMMETRIC_DEFAULT", k.external && c.op != "RotateKeyOnDemand", k.primary != c.region:
		return "UnsupportedOperationException"
	}
	switch c.op {
	case "EnableKeyRotation":
		days := c.number("RotationPeriodInDays", 365)
		k.period, k.next = days, m.now+int64(days)*day
		return ""
	case "DisableKeyRotation":
		k.period, k.next = 0, 0
		return ""
	}
	rotations := 0
	for _, mat := range k.materials {
		if mat.how == "ON_DEMAND" {
			rotations++
		}
	}
	switch {
	case !k.external && k.pending != "":
		return "ConflictException"
	case k.period > 0 && k.next-m.now < 20*60*1000:
		return "ConflictException"
	case rotations >= 25:
		return "LimitExceededException"
	case k.external && (k.pending == "" || !k.everywhere(c.region, k.pending)):
		return "KMSInvalidStateException"
	case k.external:
		k.activate(m.now)
		return ""
	}
	m.startRotation(k, c.region, c.body["material"].(string), "ON_DEMAND")
	return ""
}

func (m *model) startRotation(k *modelKey, region, material, how string) {
	k.materials = append(slices.Clone(k.materials), modelMaterial{id: material, how: how})
	k.pending, k.pendingAt, k.held[material] = material, m.now, 0
	if how == "AUTOMATIC" {
		k.next = m.now + int64(k.period)*day
	}
	if k.everywhere(region, material) {
		k.activate(m.now)
	}
}

// everywhere reports whether all members have a material, as far as the primary has heard.
func (k *modelKey) everywhere(region, material string) bool {
	if _, here := k.held[material]; !here || k.primary != region {
		return false
	}
	for _, r := range k.members {
		if r != region && !slices.Contains(k.reports[r].held, material) {
			return false
		}
	}
	return true
}

// activate makes the pending material current.
func (k *modelKey) activate(now int64) {
	k.materials = slices.Clone(k.materials)
	for i := range k.materials {
		if mat := &k.materials[i]; mat.id == k.pending {
			mat.rotated = now
			if k.external {
				mat.how = "ON_DEMAND"
			}
		}
	}
	k.current, k.pending, k.pendingAt = k.pending, "", 0
}

func (m *model) multiRegion(k *modelKey, c *modelCall) string {
	to := c.text("ReplicaRegion") + c.text("PrimaryRegion")
	switch {
	case !k.multi:
		return "UnsupportedOperationException"
	case c.op == "ReplicateKey" && k.primary != c.region:
		return "UnsupportedOperationException"
	case c.op == "UpdatePrimaryRegion":
		return m.updatePrimary(k, c.region, to)
	case to == "cn-north-1":
		return "UnsupportedOperationException"
	}
	tags, code := tagsGiven(c)
	switch {
	case code != "":
		return code
	case slices.Contains(k.members, to):
		return "AlreadyExistsException"
	}
	k.members = slices.Sorted(slices.Values(append(slices.Clone(k.members), to)))
	k.gifts[to] = modelGift{text: c.text("Description"), policy: c.text("Policy"), tags: tags}
	return ""
}

func (m *model) updatePrimary(k *modelKey, region, to string) string {
	report, reported := k.reports[to]
	switch {
	case k.updating() && k.handoffTo == to:
		return ""
	case k.updating():
		return "KMSInvalidStateException"
	case k.primary != region || to == region:
		return "UnsupportedOperationException"
	case !slices.Contains(k.members, to):
		return "NotFoundException"
	case reported && report.state == "Disabled":
		return "DisabledException"
	case !reported || report.state != "Enabled":
		return "KMSInvalidStateException"
	}
	k.handoffTo, k.handoffAt = to, m.now
	return ""
}

// importedID is the id of a material that a caller brings: the same bytes in the same key are the same.
func importedID(key string, bytes []byte) string {
	return family.MaterialID(sha256.Sum256(fmt.Append(nil, key, bytes))).String()
}

func (k *modelKey) knows(id string) bool {
	return slices.ContainsFunc(k.materials, func(mat modelMaterial) bool { return mat.id == id })
}

func (m *model) importMaterial(k *modelKey, c *modelCall) string {
	symmetric, kind := k.spec == "SYMMETRIC_DEFAULT", c.text("ImportType")
	until, dated := c.body["ValidTo"].(int64)
	forever := c.text("ExpirationModel") == "KEY_MATERIAL_DOES_NOT_EXPIRE"
	until *= 1000
	id := importedID(k.id, c.body["EncryptedKeyMaterial"].([]byte))
	asNew := kind == "NEW_KEY_MATERIAL" || kind == "" && len(k.materials) == 0 && !c.has("KeyMaterialId")
	switch {
	case !k.external:
		return "UnsupportedOperationException"
	case !symmetric && (kind != "" || c.has("KeyMaterialId") || c.has("KeyMaterialDescription")),
		kind == "NEW_KEY_MATERIAL" && c.has("KeyMaterialId"),
		forever == dated,
		dated && (until <= m.now || until > m.now+365*day):
		return "ValidationException"
	case c.has("KeyMaterialId") && c.text("KeyMaterialId") != id, asNew == k.knows(id):
		return "IncorrectKeyMaterialException"
	case asNew && k.primary != c.region:
		return "UnsupportedOperationException"
	case asNew && k.pending != "":
		return "KMSInvalidStateException"
	}
	if asNew {
		k.materials = append(slices.Clone(k.materials), modelMaterial{id: id})
		if k.current == "" {
			k.current = id
		} else {
			k.pending = id
		}
	}
	k.held[id] = until
	if c.has("KeyMaterialDescription") {
		k.called[id] = c.text("KeyMaterialDescription")
	}
	if k.state == "PendingImport" && k.usable() {
		k.state = "Enabled"
	}
	return ""
}

func (m *model) deleteMaterial(k *modelKey, c *modelCall) string {
	id := k.current
	if c.has("KeyMaterialId") {
		id = c.text("KeyMaterialId")
	}
	switch {
	case !k.external:
		return "UnsupportedOperationException"
	case c.has("KeyMaterialId") && !k.knows(id):
		return "NotFoundException"
	}
	if id != "" && id == k.pending && k.primary == c.region {
		k.materials = slices.DeleteFunc(slices.Clone(k.materials), func(mat modelMaterial) bool { return mat.id == id })
		k.pending = ""
		delete(k.called, id)
	}
	k.lose(func() { delete(k.held, id) })
	return ""
}

// lose does something that may cost a key material that it needs.
func (k *modelKey) lose(what func()) {
	before := k.usable()
	what()
	if k.external && before && !k.usable() && (k.state == "Enabled" || k.state == "Disabled") {
		k.state = "PendingImport"
	}
}
