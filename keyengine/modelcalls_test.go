package keyengine_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// life is one random life: an engine in three Regions, and the model of it.
type life struct {
	w *world
	m *model
}

// modelOperations are the operations that the model knows, in an order that favours what needs several
// steps in a row.
func modelOperations() []string {
	return []string{
		"CreateKey", "ReplicateKey", "UpdatePrimaryRegion", "ImportKeyMaterial", "RotateKeyOnDemand", "DeleteImportedKeyMaterial",
		"EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion", "EnableKeyRotation", "DisableKeyRotation",
		"CreateAlias", "UpdateAlias", "DeleteAlias", "TagResource", "UntagResource", "UpdateKeyDescription", "PutKeyPolicy",
		"CreateGrant", "RetireGrant", "RevokeGrant",
	}
}

// draw draws a call that is mostly good.
func (l *life) draw(t *rapid.T, op, region string) *modelCall {
	c := &modelCall{op: op, region: region, body: map[string]any{}}
	pick := func(label string, from ...string) string { return rapid.SampledFrom(from).Draw(t, label) }
	number := func(label string, from ...int) int { return rapid.SampledFrom(from).Draw(t, label) }
	maybe := func(label string) bool { return rapid.IntRange(0, 3).Draw(t, label) == 0 }
	key := l.anyKey(t, region)
	switch op {
	case "CreateAlias", "UpdateAlias":
		c.body["TargetKeyId"] = key
	case "CreateKey", "DeleteAlias":
	default:
		c.body["KeyId"] = key
	}
	switch op {
	case "CreateKey":
		kind := rapid.SampledFrom([][2]string{
			{"", ""},
			{"SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"},
			{"RSA_2048", "ENCRYPT_DECRYPT"},
			{"ECC_NIST_P256", "SIGN_VERIFY"},
			{"HMAC_256", "GENERATE_VERIFY_MAC"},
			{"HMAC_256", ""},
			{"ECC_NIST_P256", "ENCRYPT_DECRYPT"},
		}).Draw(t, "kind")
		for i, name := range []string{"KeySpec", "KeyUsage"} {
			if kind[i] != "" {
				c.body[name] = kind[i]
			}
		}
		c.body["MultiRegion"], c.body["Origin"] = rapid.Bool().Draw(t, "multi"), pick("origin", "AWS_KMS", "EXTERNAL")
		l.drawGift(t, c)
	case "ReplicateKey":
		c.body["ReplicaRegion"] = pick("to", append(l.w.regions(), l.w.regions()...)[rapid.IntRange(0, 2).Draw(t, "r")], "nowhere", "cn-north-1")
		if rapid.IntRange(0, 4).Draw(t, "good") > 0 {
			c.body["ReplicaRegion"] = pick("good to", l.w.regions()...)
		}
		l.drawGift(t, c)
	case "UpdatePrimaryRegion":
		c.body["PrimaryRegion"] = pick("to", append(l.w.regions(), "nowhere")...)
	case "ImportKeyMaterial":
		c.body["ImportToken"], c.body["EncryptedKeyMaterial"] = []byte{24}, []byte{byte(number("bytes", 1, 2, 3))}
		if c.body["ExpirationModel"] = "KEY_MATERIAL_DOES_NOT_EXPIRE"; maybe("dated") {
			delete(c.body, "ExpirationModel")
			c.body["ValidTo"] = l.w.now/1000 + int64(number("until", -1, 3, 30, 366))*day/1000
		}
		if kind := pick("type", "", "", "NEW_KEY_MATERIAL", "EXISTING_KEY_MATERIAL"); kind != "" {
			c.body["ImportType"] = kind
		}
		if maybe("named") {
			c.body["KeyMaterialId"] = importedID(bareID(key), []byte{1})
		}
		if maybe("described") {
			c.body["KeyMaterialDescription"] = pick("description", "d", "e")
		}
	case "DeleteImportedKeyMaterial":
		if rapid.Bool().Draw(t, "named") {
			c.body["KeyMaterialId"] = importedID(bareID(key), []byte{byte(number("bytes", 1, 2, 3))})
		}
	case "ScheduleKeyDeletion":
		if days := number("days", 0, 6, 7, 8, 30, 31); days > 0 {
			c.body["PendingWindowInDays"] = days
		}
	case "EnableKeyRotation":
		if days := number("days", 0, 90, 100, 2560); days > 0 {
			c.body["RotationPeriodInDays"] = days
		}
	case "CreateAlias", "UpdateAlias", "DeleteAlias":
		c.body["AliasName"] = pick("alias", "alias/a", "alias/a", "alias/b", "alias/b", "alias/aws/s3", "a")
	case "TagResource":
		l.drawTags(t, c)
	case "UntagResource":
		c.body["TagKeys"] = []string{pick("tag", "a", "b", "aws:c"), "z"}
	case "UpdateKeyDescription":
		c.body["Description"] = pick("description", "", "one", "two")
	case "PutKeyPolicy":
		if c.body["Policy"] = anyPlainPolicy("put"); maybe("bad") {
			c.body["Policy"] = "none"
		}
		if maybe("named") {
			c.body["PolicyName"] = pick("policy name", "default", "other")
		}
	case "CreateGrant":
		l.drawGrant(t, c)
	case "RetireGrant", "RevokeGrant":
		k := l.m.keys[region][bareID(key)]
		ids := []string{"none", strings.Repeat("0", 64)}
		if k != nil && len(k.grants) > 0 && !maybe("no grant") {
			ids = slices.Sorted(maps.Keys(k.grants))
		}
		if c.body["GrantId"] = pick("grant", ids...); maybe("dry") {
			c.body["DryRun"] = true
		}
	}
	return c
}

func anyPlainPolicy(id string) string {
	return `{"Version":"2012-10-17","Id":"` + id + `","Statement":[{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}]}`
}

// drawGift draws what a new key has of its own.
func (l *life) drawGift(t *rapid.T, c *modelCall) {
	if rapid.IntRange(0, 3).Draw(t, "gift") == 0 {
		c.body["Description"], c.body["Policy"] = "gift", anyPlainPolicy("gift")
		l.drawTags(t, c)
	}
}

func (l *life) drawTags(t *rapid.T, c *modelCall) {
	var tags []map[string]string
	for range rapid.IntRange(1, 2).Draw(t, "tags") {
		tags = append(tags, map[string]string{
			"TagKey": rapid.SampledFrom([]string{"a", "a", "b", "b", "aws:c"}).Draw(t, "tag"), "TagValue": rapid.SampledFrom([]string{"", "v"}).Draw(t, "value"),
		})
	}
	c.body["Tags"] = tags
}

func (l *life) drawGrant(t *rapid.T, c *modelCall) {
	c.body["GranteePrincipal"] = rapid.SampledFrom([]string{alice, alice, bob, "nobody"}).Draw(t, "grantee")
	c.body["Operations"] = rapid.SampledFrom([][]string{
		{"DescribeKey"}, {"Decrypt", "DescribeKey"}, {"DescribeKey", "Decrypt"}, {"GenerateDataKey"}, {"Sign"},
	}).Draw(t, "operations")
	if rapid.Bool().Draw(t, "named") {
		c.body["Name"], c.body["RetiringPrincipal"] = "n", bob
	}
	if rapid.IntRange(0, 3).Draw(t, "constrained") == 0 {
		kind := rapid.SampledFrom([]string{"EncryptionContextEquals", "EncryptionContextSubset"}).Draw(t, "constraint")
		c.body["Constraints"] = map[string]map[string]string{kind: {"a": "b"}}
	}
}

// anyKey draws the name of a key: mostly one that is in the Region, by its id.
func (l *life) anyKey(t *rapid.T, region string) string {
	ids := slices.Sorted(maps.Keys(l.m.keys[region]))
	if len(ids) == 0 || rapid.IntRange(0, 9).Draw(t, "anywhere") == 0 {
		ids = nil
		for i := range l.w.keys {
			ids = append(ids, l.w.names[fmt.Sprintf("$k%d", i+1)])
		}
	}
	if len(ids) == 0 {
		return "none"
	}
	id := rapid.SampledFrom(ids).Draw(t, "key")
	switch rapid.IntRange(0, 11).Draw(t, "form") {
	case 0:
		return "arn:aws:kms:" + region + ":" + account + ":key/" + id
	case 1:
		return "arn:aws:kms:" + rapid.SampledFrom(l.w.regions()).Draw(t, "arn in") + ":" + account + ":key/" + id
	case 2:
		return rapid.SampledFrom([]string{
			"arn:aws:kms:" + region + ":444455556666:key/" + id, "arn:aws:kms:" + region + ":" + account + ":alias/a", "alias/a", "?",
		}).Draw(t, "bad name")
	}
	return id
}

// bareID is the key id of a name.
func bareID(key string) string { return key[strings.LastIndexByte(key, '/')+1:] }
