package keyengine

import (
	"errors"

	"meridian/keyengine/arn"
	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
)

// The commands of the protocol: nobody called, so nothing is refused but what is not well formed, and
// what changes nothing has no events. What was sent in a life that is over changes nothing.
type (
	// ReceiveRecord is a family's record that another Region sent, verified and with the materials that
	// could be opened. Refuse, when not empty, is a reason of this Region not to become a member.
	ReceiveRecord struct {
		Record       family.Record
		Signature    []byte
		Certificates []family.Certificate
		Carried      []NewMaterial
		Refuse       string
		By           Sender // that carried it here
	}
	// ReceiveStatus is a member's status that another Region sent.
	ReceiveStatus struct {
		Ref     Ref
		Status  family.Status
		Carried []NewMaterial
		By      Sender
	}
	// FinishCreate is the second entry of a replica's birth: all its materials are here.
	FinishCreate struct {
		Ref       Ref
		Materials []NewMaterial
		By        Sender         // of the materials
		Of        family.Version // of the record with which they came
	}
	// RunDue does what is due with a family at this time: its deletion, the end of a hand-off that does
	// not get on, its automatic rotation. Material is for the last and may be zero: then no rotation begins.
	RunDue struct {
		Ref      Ref
		Material NewMaterial
	}
	// SeePeer notes the life that another Region announced, and its feature level, if it announced one.
	SeePeer struct {
		Region string
		Life   uint64
		Level  uint32
	}
	// AdvanceSealingKey moves to a new sealing key.
	AdvanceSealingKey struct{ Step uint64 }
)

// Operation implements Command.
func (ReceiveRecord) Operation() string { return "ReceiveRecord" }

// Operation implements Command.
func (ReceiveStatus) Operation() string { return "ReceiveStatus" }

// Operation implements Command.
func (FinishCreate) Operation() string { return "FinishCreate" }

// Operation implements Command.
func (RunDue) Operation() string { return "RunDue" }

// Operation implements Command.
func (SeePeer) Operation() string { return "SeePeer" }

// Operation implements Command.
func (AdvanceSealingKey) Operation() string { return "AdvanceSealingKey" }

func (c ReceiveRecord) decide(d *draft) (any, error) {
	r := &c.Record
	ref := Ref{Account: r.Account, KeyID: r.KeyID}
	if err := d.checkRef(ref); err != nil {
		return nil, err
	}
	if err := r.Validate(); err != nil {
		return nil, fault(kmsapi.ValidationException, "%v", err)
	}
	if r.Partition != d.place.Partition {
		return nil, fault(kmsapi.ValidationException, "record of another partition")
	}
	if d.outlived(c.By) {
		return nil, nil
	}
	init := d.initFor(r)
	if c.Refuse == "" && !live(localOrNew(d.rows, ref)) {
		if f := d.refuseReplica(ref, init); f != nil {
			c.Refuse = f.Error()
		}
	}
	err := d.family(ref, family.ReceiveRecord{
		From:   c.By.Region,
		Record: c.Record, Signature: c.Signature, Certificates: c.Certificates,
		Carried: idsOf(c.Carried), Refuse: c.Refuse,
	}, c.Carried...)
	if err != nil {
		return nil, err
	}
	if _, has := d.rows.Get(keyRow(ref)); !has && live(localOrNew(d.rows, ref)) {
		return nil, d.createReplica(ref, init)
	}
	return nil, nil
}

// initFor is what a record gives this Region's new member.
func (v *View) initFor(r *family.Record) family.Init {
	for _, m := range r.Members {
		if m.Region == v.place.Region && m.Init != nil {
			return *m.Init
		}
	}
	return family.Init{}
}

// createReplica gives a new member its own properties.
func (d *draft) createReplica(ref Ref, init family.Init) error {
	text, err := d.policyText(ref.Account, init.Policy)
	if err != nil {
		return err
	}
	tags, err := newTags(init.Tags)
	if err != nil {
		return err
	}
	d.emit(KeyCreated{Account: ref.Account, KeyID: ref.KeyID, Key: Key{
		CreatedAt: d.facts.Now, CreatedBy: init.By, Description: init.Description, Policy: text, Tags: tags,
	}})
	return nil
}

// PrecheckReplica says whether this Region would take a replica of ref's key with these properties:
// nil, or the fault that the caller of ReplicateKey deserves. Both Regions ask it: the primary's before
// it decides, and this one again when the record is here.
func (v *View) PrecheckReplica(ref Ref, init family.Init) *kmsapi.Fault {
	if err := v.checkRef(ref); err != nil {
		return asFault(err)
	}
	if l, ok := v.Family(ref); ok && live(l) {
		return kmsapi.Errorf(kmsapi.AlreadyExistsException, "%s already exists.", v.place.keyARN(v.place.Region, ref))
	}
	return v.refuseReplica(ref, init)
}

// refuseReplica is why this Region cannot take one more replica, apart from one that is there.
func (v *View) refuseReplica(ref Ref, init family.Init) *kmsapi.Fault {
	err := v.quota(ref.Account)
	if err == nil {
		_, err = v.policyText(ref.Account, init.Policy)
	}
	if err == nil {
		_, err = newTags(init.Tags)
	}
	return asFault(err)
}

func asFault(err error) *kmsapi.Fault {
	var f *kmsapi.Fault
	if err == nil || errors.As(err, &f) {
		return f
	}
	return kmsapi.Errorf(kmsapi.KMSInternalException, "%v", err)
}

// checkRef refuses what cannot name a key: refs of other Regions become the keys of rows.
func (v *View) checkRef(ref Ref) error {
	if arn.ValidAccount(ref.Account) && arn.ValidKeyID(ref.KeyID) {
		return nil
	}
	return fault(kmsapi.ValidationException, "not a key's name")
}

func idsOf(materials []NewMaterial) []family.MaterialID {
	var ids []family.MaterialID
	for _, m := range materials {
		ids = append(ids, m.ID)
	}
	return ids
}

func (c ReceiveStatus) decide(d *draft) (any, error) {
	if err := d.checkRef(c.Ref); err != nil {
		return nil, err
	}
	if err := c.Status.Validate(); err != nil {
		return nil, fault(kmsapi.ValidationException, "%v", err)
	}
	if d.outlived(c.By) {
		return nil, nil
	}
	return nil, d.family(c.Ref, family.ReceiveStatus{Status: c.Status, Carried: idsOf(c.Carried)}, c.Carried...)
}

func (c FinishCreate) decide(d *draft) (any, error) {
	if err := d.checkRef(c.Ref); err != nil {
		return nil, err
	}
	if d.outlived(c.By) {
		return nil, nil
	}
	return nil, d.family(c.Ref, family.FinishCreate{From: c.By.Region, Of: c.Of, Materials: idsOf(c.Materials)}, c.Materials...)
}

func (c RunDue) decide(d *draft) (any, error) {
	if err := d.family(c.Ref, family.Tick{}); err != nil {
		return nil, err
	}
	if c.Material.ID.IsZero() || !d.RotationDue(c.Ref, d.facts.Now) {
		return nil, nil
	}
	return nil, d.family(c.Ref, family.Rotate{Material: c.Material.ID, Type: family.Automatic}, c.Material)
}

// RotationDue reports whether RunDue would begin an automatic rotation, so that it needs a material.
func (v *View) RotationDue(ref Ref, now int64) bool {
	l, ok := v.Family(ref)
	return ok && rotatesByItself(v.place, l) && l.Record.Rotation.NextAt <= now
}

func (c SeePeer) decide(d *draft) (any, error) {
	if !arn.ValidRegion(c.Region) {
		return nil, fault(kmsapi.ValidationException, "not a Region")
	}
	if c.Life > d.Peer(c.Region) {
		d.emit(PeerSeen{Region: c.Region, Life: c.Life})
	}
	if c.Level > 0 && c.Life >= d.Peer(c.Region) && c.Level != d.PeerLevel(c.Region) && d.Level() >= LevelCaller {
		d.emit(PeerLevelSeen{Region: c.Region, Level: c.Level})
	}
	return nil, nil
}

func (c AdvanceSealingKey) decide(d *draft) (any, error) {
	if c.Step > d.SealingStep() {
		d.emit(SealingKeyAdvanced(c))
	}
	return nil, nil
}
