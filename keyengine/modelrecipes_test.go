package keyengine_test

import (
	"maps"
	"slices"

	"pgregory.net/rapid"
)

// recipe does what takes several steps that chance alone seldom puts in a row. Each step may be left out.
func (l *life) recipe(t *rapid.T, count func(string, string)) {
	do := func(op, region, key string, more map[string]any) {
		if rapid.IntRange(0, 9).Draw(t, "left out") == 0 {
			return
		}
		switch op {
		case "settle":
			l.settle(t, count)
		case "due":
			l.due(t, region, count)
		default:
			body := map[string]any{}
			maps.Copy(body, more)
			if key != "" {
				body["KeyId"] = key
			}
			l.call(t, &modelCall{op: op, region: region, body: body}, count)
		}
		l.compare(t)
	}
	id := l.w.names[rapid.SampledFrom([]string{"$k1", "$k1", "$k2"}).Draw(t, "family")]
	at, p := l.m.primaryOf(id)
	if p == nil {
		return
	}
	others := slices.DeleteFunc(l.w.regions(), func(r string) bool { return r == at })
	to := rapid.SampledFrom(others).Draw(t, "other")
	if rapid.Bool().Draw(t, "a member") && len(p.members) > 1 {
		to = rapid.SampledFrom(slices.DeleteFunc(slices.Clone(p.members), func(r string) bool { return r == at })).Draw(t, "member")
	}
	switch rapid.IntRange(0, 6).Draw(t, "recipe") {
	case 0: // the role moves
		l.whole(do, id, at, to)
		disabled := rapid.SampledFrom([]string{"not at all", "before", "meanwhile"}).Draw(t, "disabled")
		if disabled == "before" {
			do("DisableKey", to, id, nil)
			do("settle", "", "", nil)
		}
		do("UpdatePrimaryRegion", at, id, map[string]any{"PrimaryRegion": to})
		if disabled == "meanwhile" {
			do("DisableKey", to, id, nil)
		}
		do("settle", "", "", nil)
		do("EnableKey", to, id, nil)
	case 1: // a replica goes
		do("ScheduleKeyDeletion", to, id, map[string]any{"PendingWindowInDays": 7})
		if rapid.IntRange(0, 3).Draw(t, "all") == 0 {
			do("ScheduleKeyDeletion", at, id, map[string]any{"PendingWindowInDays": 7})
		}
		l.wait(8 * day)
		do("due", to, "", nil)
		do("settle", "", "", nil)
		do("CancelKeyDeletion", at, id, nil)
		do("EnableKey", at, id, nil)
	case 2: // rotations in the way of each other
		do("EnableKey", at, id, nil)
		do("EnableKeyRotation", at, id, map[string]any{"RotationPeriodInDays": 90})
		l.wait(rapid.SampledFrom([]int64{0, 90*day - 60_000, 91 * day}).Draw(t, "until"))
		do("RotateKeyOnDemand", at, id, nil)
		do("due", at, "", nil)
		do("RotateKeyOnDemand", at, id, nil)
		do("settle", "", "", nil)
	case 3: // new imported material, to all members or not
		body := func(b byte, kind string) map[string]any {
			return map[string]any{
				"ImportToken": []byte{24}, "EncryptedKeyMaterial": []byte{b}, "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
				"ImportType": kind, "KeyMaterialDescription": "r",
			}
		}
		l.whole(do, id, at, to)
		b := byte(rapid.IntRange(2, 9).Draw(t, "bytes"))
		do("ImportKeyMaterial", at, id, body(b, "NEW_KEY_MATERIAL"))
		do("settle", "", "", nil)
		do("ImportKeyMaterial", to, id, body(b, "EXISTING_KEY_MATERIAL"))
		do("ImportKeyMaterial", at, id, body(b+1, "NEW_KEY_MATERIAL"))
		for range 2 {
			do("DeleteImportedKeyMaterial", rapid.SampledFrom([]string{at, to}).Draw(t, "deleted in"), id, map[string]any{"KeyMaterialId": importedID(id, []byte{b})})
		}
		do("settle", "", "", nil)
		again := body(b, "NEW_KEY_MATERIAL")
		delete(again, "KeyMaterialDescription")
		do("ImportKeyMaterial", at, id, again)
		do("settle", "", "", nil)
		delete(again, "ImportType")
		do("ImportKeyMaterial", to, id, again)
		do("settle", "", "", nil)
		do("RotateKeyOnDemand", at, id, nil)
	case 4: // grants come and go
		for range 3 { // of one name: some are the same, in whatever order they list their operations
			do("CreateGrant", at, id, map[string]any{
				"GranteePrincipal": alice, "Name": "n",
				"Operations": rapid.SampledFrom([][]string{{"Decrypt", "Encrypt"}, {"Encrypt", "Decrypt"}, {"Decrypt"}}).Draw(t, "operations"),
			})
		}
		for _, g := range slices.Sorted(maps.Keys(p.grants)) {
			do(rapid.SampledFrom([]string{"RetireGrant", "RevokeGrant"}).Draw(t, "end"), at, id, map[string]any{"GrantId": g})
		}
	case 6: // what a key has of its own
		l.wait(1000)
		name := map[string]any{"AliasName": "alias/r"}
		target := map[string]any{"AliasName": "alias/r", "TargetKeyId": id}
		do("CreateAlias", at, "", target)
		do("UpdateAlias", at, "", target)
		do("TagResource", at, id, map[string]any{"Tags": []map[string]string{{"TagKey": "r", "TagValue": "1"}}})
		do("UntagResource", at, id, map[string]any{"TagKeys": []string{"r"}})
		do("UpdateKeyDescription", at, id, map[string]any{"Description": "r"})
		do("PutKeyPolicy", at, id, map[string]any{"Policy": anyPlainPolicy("r")})
		do("DisableKeyRotation", at, id, nil)
		do("DeleteAlias", at, "", name)
	case 5: // a material expires in one Region
		soon := map[string]any{"ImportToken": []byte{24}, "EncryptedKeyMaterial": []byte{1}, "ValidTo": l.w.now/1000 + 3600}
		l.whole(do, id, at, to)
		do("ImportKeyMaterial", to, id, soon)
		l.wait(3600_000)
		if rapid.Bool().Draw(t, "executed") {
			do("due", to, "", nil)
		}
	}
}

// whole makes a replica that can be used, as far as it depends on anybody but its state.
func (l *life) whole(do func(op, region, key string, more map[string]any), id, at, to string) {
	do("EnableKey", at, id, nil)
	do("ReplicateKey", at, id, map[string]any{"ReplicaRegion": to})
	do("settle", "", "", nil)
	if k := l.m.keys[to][id]; k != nil && k.external {
		for _, mat := range k.materials {
			for b := byte(1); b < 12; b++ {
				if importedID(id, []byte{b}) == mat.id {
					do("ImportKeyMaterial", to, id, map[string]any{
						"ImportToken": []byte{24}, "EncryptedKeyMaterial": []byte{b}, "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
					})
				}
			}
		}
	}
	do("EnableKey", to, id, nil)
	do("settle", "", "", nil)
}
