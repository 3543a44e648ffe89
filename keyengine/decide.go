package keyengine

import (
	"errors"
	"slices"

	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/rows"
)

// Command is a wish. The set of commands is closed.
type Command interface {
	// Operation names the command: the API's operation, or the protocol's step.
	Operation() string
	decide(d *draft) (reply any, err error)
}

// Decision is what follows from a command.
type Decision struct {
	Events []Event
	Reply  any // *kmsapi.XxxResponse, or nil where the operation has no output
	// Materials are those of the command whose secrets the events take up. The secrets of others must
	// not be appended: nothing would ever remove them.
	Materials []family.MaterialID
}

// Decide turns a command into events, or refuses it with a *kmsapi.Fault. It changes nothing: the
// caller appends the events and evolves them.
func Decide(v *View, f Facts, c Command) (Decision, error) {
	overlay := rows.NewOverlay(v.rows)
	d := &draft{View: v.over(overlay), facts: f, state: state{overlay, v.place}}
	reply, err := c.decide(d)
	if err != nil {
		return Decision{}, asFault(err)
	}
	return Decision{Events: d.events, Reply: reply, Materials: d.materials}, nil
}

// draft is a decision in the making. Its View shows the state with the events decided so far.
type draft struct {
	*View
	facts     Facts
	state     state
	events    []Event
	materials []family.MaterialID
}

// emit decides an event.
func (d *draft) emit(e Event) {
	d.events = append(d.events, e)
	e.evolve(d.state)
}

// family lets the protocol decide about the family of ref. offered are the materials whose secrets
// came with the command: those that the family takes up are wrapped for good.
func (d *draft) family(ref Ref, c family.Command, offered ...NewMaterial) error {
	before := localOrNew(d.rows, ref)
	here := family.Here{Region: d.place.Region, Now: d.facts.Now, HandoffTimeout: d.facts.HandoffTimeout, Life: d.Life(), Peers: d.facts.Regions}
	if before.Suspended || len(offered) > 0 { // nobody else asks, and they are many rows
		here.Lives = d.Lives()
	}
	events, err := family.Decide(here, before, c)
	if err != nil {
		return err
	}
	for _, e := range events {
		d.emit(FamilyEvent{Ref: ref, Event: e})
	}
	d.takeUp(ref, before, offered)
	return nil
}

// takeUp emits which of the offered materials are held now and were not before.
func (d *draft) takeUp(ref Ref, before *family.Local, offered []NewMaterial) {
	after := localOrNew(d.rows, ref)
	var taken []NewMaterial
	for _, m := range offered {
		isNew := slices.Contains(after.Held, m.ID) && !slices.Contains(before.Held, m.ID)
		if isNew && !slices.Contains(d.materials, m.ID) {
			taken = append(taken, m)
			d.materials = append(d.materials, m.ID)
		}
	}
	if len(taken) > 0 {
		d.emit(MaterialsWrapped{Account: ref.Account, KeyID: ref.KeyID, Materials: taken})
	}
}

// ask is family for a caller's command: a refusal becomes the fault that the caller sees.
func (d *draft) ask(t *target, c family.Command, offered ...NewMaterial) error {
	err := d.family(t.ref, c, offered...)
	var r *family.Refusal
	if errors.As(err, &r) {
		return t.refused(r)
	}
	return err
}

// val returns what a pointer of a request points to, or the zero value.
func val[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func fault(code, format string, args ...any) error { return kmsapi.Errorf(code, format, args...) }
