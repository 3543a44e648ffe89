package check

import (
	"strings"

	"meridian/cluster/history"
	"meridian/keyengine/kmsapi"
)

// An object is a thing whose calls must fit into one order: a key, an alias or a grant of a Region.
type object struct {
	Region string
	Kind   string // key, alias, grant
	ID     string
}

// A step is what a call did to one object. Fresh: the history saw the object made, so that it began absent.
type step struct {
	object object
	fresh  bool
	entry  *history.Entry
}

// objects takes a history apart. Writes count at every level, reads only where they are strong.
func objects(h *history.History) (map[object][]step, int) {
	made := map[object]bool{}
	parts, counted := map[object][]step{}, 0
	for i := range h.Entries {
		e := &h.Entries[i]
		about := touched(e)
		for _, o := range about {
			made[o] = made[o] || makes(e, o)
			parts[o] = append(parts[o], step{object: o, entry: e})
		}
		if len(about) > 0 {
			counted++
		}
	}
	listed(h, parts)
	for o, steps := range parts {
		for i := range steps {
			steps[i].fresh = made[o]
		}
	}
	return parts, counted
}

// makes reports whether a call is the one that made an object.
func makes(e *history.Entry, o object) bool {
	if e.Outcome != history.OK {
		return false
	}
	switch o.Kind {
	case "key":
		return e.Operation == "CreateKey"
	case "grant":
		return e.Operation == "CreateGrant"
	}
	return false // an alias may have been there before and be made again
}

// counts reports whether a call bears on the order: any write that may have happened, any strong answer.
func counts(e *history.Entry) bool {
	if e.Ask.DryRun {
		return false
	}
	if op, ok := kmsapi.Lookup(e.Operation); ok && op.Mutating() {
		return true
	}
	return e.Level == "strong" && e.Outcome != history.Unknown
}

// touched lists the objects that a call is about, lists left out.
func touched(e *history.Entry) []object {
	if !counts(e) {
		return nil
	}
	switch e.Operation {
	case "CreateAlias", "UpdateAlias", "DeleteAlias":
		return []object{{e.Region, "alias", aliasID(e, e.Ask.Alias)}}
	case "CreateGrant":
		return name(e.Region, "grant", e.Answer.Grant)
	case "RevokeGrant", "RetireGrant":
		return name(e.Region, "grant", e.Ask.Grant)
	case "CreateKey":
		return name(e.Region, "key", e.Answer.Key)
	case "EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion", "UpdateKeyDescription",
		"RotateKeyOnDemand", "EnableKeyRotation", "DescribeKey", "Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext":
	default:
		return nil
	}
	key := e.Ask.Key
	if key == "" {
		key = e.Answer.Key
	}
	about := name(e.Region, "key", key)
	if e.Ask.Alias != "" && e.Operation == "DescribeKey" {
		about = append(about, object{e.Region, "alias", aliasID(e, e.Ask.Alias)})
	}
	return about
}

// aliasID names an alias. Each account has its own.
func aliasID(e *history.Entry, alias string) string {
	if e.Account == "" {
		return alias
	}
	return e.Account + ":" + alias
}

// accountOfAlias is the account in the name of an alias; empty: that of zeros.
func accountOfAlias(id string) string {
	account, _, found := strings.Cut(id, ":alias/")
	if !found {
		return ""
	}
	return account
}

func name(region, kind, id string) []object {
	if id == "" {
		return nil
	}
	return []object{{region, kind, id}}
}

// listed adds what whole lists say of each object: it is there or not.
func listed(h *history.History, parts map[object][]step) {
	lists := map[[2]string][]*history.Entry{} // of a Region and kind
	for i := range h.Entries {
		e := &h.Entries[i]
		if e.Level != "strong" || e.Outcome != history.OK || e.Answer.More || e.Ask.Page {
			continue
		}
		switch {
		case e.Operation == "ListGrants" && e.Ask.Grant == "":
			lists[[2]string{e.Region, "grant"}] = append(lists[[2]string{e.Region, "grant"}], e)
		case e.Operation == "ListAliases" && e.Ask.Key == "":
			lists[[2]string{e.Region, "alias"}] = append(lists[[2]string{e.Region, "alias"}], e)
		}
	}
	for o, steps := range parts {
		for _, e := range lists[[2]string{o.Region, o.Kind}] {
			if o.Kind == "grant" && !sameKey(steps, e.Ask.Key) || o.Kind == "alias" && e.Account != accountOfAlias(o.ID) {
				continue
			}
			parts[o] = append(parts[o], step{object: o, entry: e})
		}
	}
}

// sameKey reports whether a grant's calls are about this key.
func sameKey(steps []step, key string) bool {
	for _, s := range steps {
		if s.entry.Operation == "CreateGrant" {
			return s.entry.Ask.Key == key
		}
	}
	return false // made before the history, or by nobody: of which key is not known
}
