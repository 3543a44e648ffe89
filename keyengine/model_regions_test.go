package keyengine_test

import (
	"fmt"
	"maps"
	"slices"
)

// grant makes or ends a grant.
func (m *model) grant(k *modelKey, c *modelCall) string {
	if c.op != "CreateGrant" {
		id := c.text("GrantId")
		if len(id) != 64 {
			return "InvalidGrantIdException"
		}
		if _, there := k.grants[id]; !there {
			return "NotFoundException"
		}
		if dry, _ := c.body["DryRun"].(bool); dry {
			return "DryRunOperationException"
		}
		delete(k.grants, id)
		return ""
	}
	g := modelGrant{grantee: c.text("GranteePrincipal"), retiring: c.text("RetiringPrincipal"), name: c.text("Name"), created: m.now}
	constraints, _ := c.body["Constraints"].(map[string]map[string]string)
	if len(constraints) > 0 {
		g.constraints = fmt.Sprint(constraints)
	}
	if g.grantee == "nobody" {
		return "InvalidArnException"
	}
	g.ops, _ = c.body["Operations"].([]string)
	for _, op := range g.ops {
		encrypts := op == "Encrypt" || op == "Decrypt" || op == "GenerateDataKey"
		if encrypts && k.usage != "ENCRYPT_DECRYPT" || op == "GenerateDataKey" && k.spec == "RSA_2048" || op == "Sign" && k.usage != "SIGN_VERIFY" {
			return "ValidationException"
		}
	}
	if len(constraints) > 0 && k.spec != "SYMMETRIC_DEFAULT" {
		return "ValidationException"
	}
	for _, old := range k.grants {
		if g.name != "" && old.name == g.name && old.grantee == g.grantee && old.retiring == g.retiring && old.constraints == g.constraints &&
			slices.Equal(slices.Sorted(slices.Values(old.ops)), slices.Sorted(slices.Values(g.ops))) {
			return ""
		}
	}
	k.grants[c.given] = g
	return ""
}

// makeManaged makes the key of a predefined alias.
func (m *model) makeManaged(region, id, material string) {
	k := &modelKey{
		id: id, managed: true, state: "Enabled", whole: true, created: m.now,
		modelShared: modelShared{
			spec: "SYMMETRIC_DEFAULT", usage: "ENCRYPT_DECRYPT", primary: region, members: []string{region},
			materials: []modelMaterial{{id: material}}, current: material, period: 365, next: m.now + 365*day,
		},
		held: map[string]int64{material: 0}, called: map[string]string{}, grants: map[string]modelGrant{},
	}
	m.keys[region][id] = k
	m.aliases[region]["alias/aws/s3"] = &modelAlias{key: id, created: m.now, updated: m.now}
}

// due does what time alone does to a key, and reports whether that was anything.
func (m *model) due(region string, k *modelKey, material string) bool {
	did := false
	if k.state == "PendingDeletion" && m.now >= k.deletion {
		m.forget(region, k)
		return true
	}
	if k.updating() && m.now >= k.handoffAt+30_000 {
		k.handoffTo, did = "", true
	}
	if !k.updating() {
		k.lose(func() {
			for id, until := range k.held {
				if until != 0 && until <= m.now {
					delete(k.held, id)
					did = true
				}
			}
		})
	}
	if k.primary == region && k.state == "Enabled" && !k.updating() && k.period > 0 && k.pending == "" && m.now >= k.next {
		m.startRotation(k, region, material, "AUTOMATIC")
		did = true
	}
	return did
}

// forget deletes a key, and what only existed for it.
func (m *model) forget(region string, k *modelKey) {
	delete(m.keys[region], k.id)
	maps.DeleteFunc(m.aliases[region], func(_ string, a *modelAlias) bool { return a.key == k.id })
	if k.primary != region {
		m.buried[region+" "+k.id] = true
	}
}

// primaryOf returns the member that may write the family's record.
func (m *model) primaryOf(id string) (region string, k *modelKey) {
	for region, keys := range m.keys {
		if k := keys[id]; k != nil && k.primary == region {
			return region, k
		}
	}
	return "", nil
}

// announce lets a Region hear that it is to have a replica, without the materials.
func (m *model) announce(p *modelKey, region string) {
	gift := p.gifts[region]
	k := &modelKey{
		id: p.id, state: "Creating", created: m.now, text: gift.text, policy: gift.policy, tags: maps.Clone(gift.tags), modelShared: p.modelShared,
		held: map[string]int64{}, called: map[string]string{}, grants: map[string]modelGrant{},
		reports: map[string]modelReport{}, gifts: map[string]modelGift{},
	}
	m.keys[region][k.id] = k
	if k.external { // there is nothing to wait for
		k.complete()
	}
}

func (k *modelKey) complete() {
	if k.whole {
		return
	}
	k.whole = true
	if k.state != "Creating" {
		return
	}
	if k.state = "Enabled"; k.external {
		k.state = "PendingImport"
	}
}

// settle lets every message of a family arrive.
func (m *model) settle(id string) {
	region, p := m.primaryOf(id)
	if p == nil || !p.multi {
		return
	}
	for _, r := range slices.Clone(p.members) {
		if m.buried[r+" "+id] {
			delete(m.buried, r+" "+id)
			delete(p.reports, r)
			p.members = slices.DeleteFunc(slices.Clone(p.members), func(other string) bool { return other == r })
		} else if m.keys[r][id] == nil {
			m.announce(p, r)
		}
		delete(p.gifts, r)
	}
	if p.pending != "" && !p.external { // by now all members have it
		p.activate(m.now)
	}
	if p.state == "PendingReplicaDeletion" && len(p.members) == 1 {
		p.state, p.deletion = "PendingDeletion", m.now+int64(p.window)*day
	}
	if to := p.handoffTo; to != "" {
		p.handoffTo = ""
		if k := m.keys[to][id]; k != nil { // it follows the record first, then it is asked whether it can
			m.follow(k, p)
			if k.state == "Enabled" && k.whole {
				p.primary, region = to, to
			}
		}
	}
	for _, r := range p.members {
		if r != region {
			m.follow(m.keys[r][id], p)
		}
	}
	if old := p; old.primary != old.regionIn(m) { // the role has moved
		p = m.keys[region][id]
		m.follow(p, old)
		old.reports = map[string]modelReport{}
	}
	for _, r := range p.members {
		if r != region {
			k := m.keys[r][id]
			p.reports[r] = modelReport{state: k.state, held: slices.Collect(maps.Keys(k.held))}
		}
	}
}

// regionIn is where a key is.
func (k *modelKey) regionIn(m *model) string {
	for region, keys := range m.keys {
		if keys[k.id] == k {
			return region
		}
	}
	return ""
}

// follow makes what k knows of its family what p knows.
func (m *model) follow(k, p *modelKey) {
	if k == p {
		return
	}
	k.lose(func() {
		k.modelShared = p.modelShared
		if !k.external { // materials travel along
			for id := range p.held {
				k.held[id] = 0
			}
			k.complete()
			return
		}
		maps.DeleteFunc(k.held, func(id string, _ int64) bool { return !k.knows(id) })
		maps.DeleteFunc(k.called, func(id, _ string) bool { return !k.knows(id) })
	})
}
