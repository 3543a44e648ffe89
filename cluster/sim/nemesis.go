package sim

import (
	"errors"

	"meridian/keyengine/family"
)

// stepOfFaults does one thing: a command, a delivery, time, or a fault.
func (w *world) stepOfFaults() {
	w.moveLinks()
	if w.mortal && w.rng.IntN(60) == 0 {
		w.restoreOrBackUp(w.rng.IntN(regionCount))
	}
	switch x := w.rng.IntN(100); {
	case x < 22:
		if r := w.rng.IntN(regionCount); w.regions[r].up {
			w.command(r)
		}
	case x < 70:
		if len(w.net) > 0 {
			w.deliver()
		}
	case x < 92:
		w.tick()
	case x < 94:
		w.outage(w.rng.IntN(regionCount))
	case x < 95 && w.options.Hostile && w.rng.IntN(8) == 0:
		w.misjudge(w.rng.IntN(keyCount))
	case x < 97:
		a, b := w.rng.IntN(regionCount), w.rng.IntN(regionCount)
		w.cut[a][b] = !w.cut[a][b]
		w.count("fault: one-way cut")
		w.tracef("link %s to %s cut: %v", regionNames[a], regionNames[b], w.cut[a][b])
	case x < 98:
		w.disturb()
	default:
		w.heal()
	}
}

func (w *world) outage(r int) {
	w.regions[r].up = !w.regions[r].up
	if !w.regions[r].up {
		w.count("fault: Region outage")
		for k := range keyCount {
			w.regions[r].keys[k].brought = brought{}
		}
	}
	w.tracef("%s up: %v", regionNames[r], w.regions[r].up)
}

func (w *world) heal() {
	for r := range w.regions {
		w.regions[r].up = true
	}
	w.cut, w.links = [regionCount][regionCount]bool{}, w.links[:0]
	w.tracef("all Regions and links are up")
}

func (w *world) create(r, k int) {
	origin := "AWS_KMS"
	if k > 0 && w.rng.IntN(3) == 0 {
		origin = originExternal
	}
	c := family.Create{
		Record: family.Record{
			Partition: "meridian", Account: "111122223333", KeyID: string(rune('0' + k)),
			Multi: k == 0 || w.rng.IntN(16) > 0,
			Spec:  "SYMMETRIC_DEFAULT", Usage: "ENCRYPT_DECRYPT", Origin: origin,
		},
	}
	if origin != originExternal {
		c.Material = w.newMaterial(k)
	}
	for errors.Is(w.apply(r, k, c), errLost) && w.local(r, k).Record.Version.IsZero() {
		w.tracef("the caller asks again")
	}
}

// command plays a caller or an operator. Most are aimed at the primary, or else most are refused.
func (w *world) command(r int) {
	k := w.rng.IntN(keyCount)
	if w.rng.IntN(3) > 0 {
		for q := range w.regions {
			if w.regions[q].up && w.isPrimary(q, k) {
				r = q
			}
		}
	}
	to := regionNames[w.rng.IntN(regionCount)]
	if w.external(r, k) && w.rng.IntN(3) == 0 {
		w.handleMaterial(r, k)
		return
	}
	switch x := w.rng.IntN(26); {
	case x < 4:
		w.ask(r, k, "Replicate", family.Replicate{To: to, Init: family.Init{Description: "a replica"}})
	case x < 8:
		w.ask(r, k, "UpdatePrimary", family.UpdatePrimary{To: to})
	case x < 11:
		w.ask(r, k, "Rotate", family.Rotate{Material: w.newMaterial(k), Type: family.OnDemand})
	case x < 12:
		w.setRotation(r, k)
	case x < 14:
		if w.rng.IntN(3) > 0 {
			w.ask(r, k, "Enable", family.Enable{})
		} else {
			w.ask(r, k, "Disable", family.Disable{})
		}
	case x < 15:
		w.ask(r, k, "ScheduleDeletion", family.ScheduleDeletion{WindowDays: windowDays})
	case x < 16:
		w.ask(r, k, "CancelDeletion", family.CancelDeletion{})
	case x < 17:
		if w.options.Hostile && w.rng.IntN(4) == 0 {
			w.fenceLost(r, k, to)
		}
	case x < 18:
		if w.options.Hostile && w.rng.IntN(6) == 0 {
			w.forcePromote(r, k)
		}
	default:
		w.encrypt(r, k)
	}
}

// setRotation asks for shorter periods than the API allows, so that some of them end in time.
func (w *world) setRotation(r, k int) {
	var n family.Rotation
	if w.rng.IntN(3) > 0 {
		days := 1 + w.rng.IntN(40)
		n = family.Rotation{Enabled: true, PeriodDays: uint16(days), NextAt: w.now + int64(days)*86_400_000}
	}
	w.ask(r, k, "SetRotation", family.SetRotation{Rotation: n})
}

func (w *world) fenceLost(r, k int, to string) {
	if w.ask(r, k, "FenceLost", family.FenceLost{Region: to}) {
		w.judge.keys[k].fenced[indexOf(to)] = true
	}
}

func (w *world) forcePromote(r, k int) {
	old := w.local(r, k).Record.Primary
	before := w.judge.keys[k]
	// The exemptions of a forced promotion hold for its own events already.
	if old != "" {
		w.judge.keys[k].forced, w.judge.keys[k].fenced[indexOf(old)] = true, true
	}
	if !w.ask(r, k, "ForcePromote", family.ForcePromote{}) {
		w.judge.keys[k].forced, w.judge.keys[k].fenced = before.forced, before.fenced
	}
}

// misjudge plays the worst that operators can do: two Regions cannot hear each other, and each
// side takes the other for lost.
func (w *world) misjudge(k int) {
	other := w.rng.IntN(regionCount)
	for r := range w.regions {
		if r == other || !w.regions[r].up || !w.regions[other].up || !w.isPrimary(r, k) {
			continue
		}
		w.cut[r][other], w.cut[other][r] = true, true
		w.count("fault: misjudgement")
		w.tracef("%s and %s take each other for lost", regionNames[r], regionNames[other])
		w.fenceLost(r, k, regionNames[other])
		w.forcePromote(other, k)
		return
	}
}

// ask gives a caller's command and counts the answer.
func (w *world) ask(r, k int, name string, c family.Command) bool {
	if w.trace != nil {
		w.tracef("%s key %d: %s %+v", regionNames[r], k, name, c)
	}
	frozen := w.local(r, k).Updating
	version := w.local(r, k).Record.Version
	state := w.local(r, k).State
	err := w.apply(r, k, c)
	if errors.Is(err, errLost) {
		if w.rng.IntN(2) == 0 || w.local(r, k).Record.Version != version || w.local(r, k).State != state {
			return w.local(r, k).Record.Version != version // abandoned, or remembered: a repeat changes nothing
		}
		w.count("retried after a lost leader")
		if err = w.apply(r, k, c); errors.Is(err, errLost) {
			return w.local(r, k).Record.Version != version
		}
	}
	if err != nil {
		var refusal *family.Refusal
		if !errors.As(err, &refusal) {
			w.fail(NoBrokenPromise, "%s fails with %v, which is no refusal", name, err)
		}
		w.count("refused: " + name)
		w.tracef("%s key %d: refused: %v", regionNames[r], k, err)
		return false
	}
	w.count("done: " + name)
	if l := w.local(r, k); frozen && (l.State != state || l.Record.Version != version) {
		w.judge.frozen(w, r, k, c)
	}
	return true
}

// encrypt uses the key as the data plane would: Enabled, also while Updating.
func (w *world) encrypt(r, k int) {
	l := w.local(r, k)
	if l.State == family.Enabled {
		w.count("done: Encrypt")
		w.judge.use(w, r, k, l.Record.Current)
	}
}

// tick lets time pass in all Regions that are up.
func (w *world) tick() {
	w.now += tickMillis
	w.ticks++
	for r := range w.regions {
		if !w.regions[r].up {
			continue
		}
		if w.ticks%5 == r {
			w.meet(r)
		}
		for k := range keyCount {
			w.tickKey(r, k)
		}
	}
}

// meet lets a Region meet another in its present life, as the probes of their link do.
func (w *world) meet(r int) {
	q := w.ticks / 5 % regionCount
	if w.mortal && q != r && w.regions[q].up && !w.cut[r][q] && !w.cut[q][r] {
		w.regions[r].seen[q], w.regions[q].seen[r] = w.regions[q].life, w.regions[r].life
	}
}

func (w *world) tickKey(r, k int) {
	l := w.local(r, k)
	if l.Record.Version.IsZero() {
		return
	}
	if at, expires := family.Expiry(l); l.State == family.PendingDeletion || expires && w.now >= at || l.Record.Handoff != nil || l.Ready > 0 {
		_ = w.apply(r, k, family.Tick{})
	}
	if l.Live() && !l.Complete && w.rng.IntN(3) == 0 {
		m := &w.regions[r].keys[k]
		if b := m.brought; b.life < w.regions[r].seen[b.from] && !w.options.noLifeCheck {
			m.brought = brought{}
		}
		if family.Completable(l) || len(m.brought.secrets) > 0 {
			_ = w.apply(r, k, family.FinishCreate{From: regionNames[m.brought.from], Of: m.brought.of, Materials: m.brought.secrets})
			m.brought = brought{}
		}
	}
	if n := l.Record.Rotation; n.Enabled && n.NextAt > 0 && w.now >= n.NextAt && w.isPrimary(r, k) && l.State == family.Enabled {
		w.ask(r, k, "Rotate (automatic)", family.Rotate{Material: w.newMaterial(k), Type: family.Automatic})
	}
	if !w.options.noAntiEntropy && w.ticks%5 == r {
		w.sendObligations(r, k)
		w.sendStatus(r, k)
		w.compare(r, k)
	}
}
