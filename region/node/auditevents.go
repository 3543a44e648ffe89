package node

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"meridian/eventlog"
	"meridian/eventlog/codec"
	"meridian/keyengine"
	"meridian/keyengine/arn"
	"meridian/keyengine/family"
	"meridian/keyengine/identity"
	"meridian/keyengine/kmsapi"
	"meridian/region/audit"
	"meridian/region/keystore"
)

// auditPositionEvery is how often at most a node notes how far it has recorded its Region's log.
const auditPositionEvery = time.Second

// auditEvents records what the Region did by itself, as its log tells. Every node does, under the same event ids: the
// record is whole as long as one of them keeps its files, whoever led at the time. After a crash a node records the
// last second's events again, under the same ids.
func (n *Node) auditEvents(ctx context.Context) {
	position := filepath.Join(n.config.Dir.Audit(), "position")
	from := readPosition(position) + 1
	saved, wrote := from, time.Time{}
	save := func() {
		if saved == from {
			return
		}
		if err := writePosition(position, from-1); err != nil {
			n.config.Logger.Warn("position in the log is not saved; its events may be recorded twice", "err", err)
		}
		saved, wrote = from, time.Now()
	}
	defer save()
	for {
		for stored := range n.store.Events(from) {
			for _, e := range n.eventsOf(stored) {
				n.audit.NoteEvent(e)
			}
			from = stored.Seq + 1
			if ctx.Err() != nil {
				return
			}
		}
		if time.Since(wrote) >= auditPositionEvery {
			save()
		}
		if n.store.WaitApplied(ctx, from) != nil {
			return
		}
	}
}

// eventsOf returns what a stored record tells of the Region's own doings.
func (n *Node) eventsOf(stored keystore.Stored) (found []audit.Event) {
	record, err := codec.DecodeRecord(stored.Record)
	if err != nil {
		n.config.Logger.Error("event log row cannot be read", "seq", stored.Seq, "err", err)
		return nil
	}
	i := 0
	for _, command := range record.Commands {
		var accepted *family.Record
		for range command.Events {
			if i >= len(record.Events) {
				return found
			}
			decoded, err := codec.Decode(record.Events[i])
			if fe, ok := decoded.(keyengine.FamilyEvent); err == nil && ok {
				if a, is := fe.Event.(family.RecordAccepted); is {
					accepted = &a.Record
				}
				if e, ok := n.auditEvent(&command, fe, accepted); ok {
					e.ID, e.At = n.eventID(record, stored.Seq, i), record.At
					found = append(found, e)
				}
			}
			i++
		}
	}
	return found
}

// eventID is a UUID that every node gives an event of the log, and no other event.
func (n *Node) eventID(record *eventlog.Record, seq uint64, i int) string {
	name := []byte(n.config.Cluster.ID + "/" + n.config.Region.Name)
	for _, v := range []uint64{record.Term, uint64(record.At), seq, uint64(i)} {
		name = binary.BigEndian.AppendUint64(name, v)
	}
	return uuid.NewSHA1(uuid.NameSpaceURL, name).String()
}

// auditEvent says how an event of a family is recorded, if it is. What a caller asked this Region for is not: the call is.
// accepted is the record that came with the same command.
func (n *Node) auditEvent(command *eventlog.Command, fe keyengine.FamilyEvent, accepted *family.Record) (audit.Event, bool) {
	e := audit.Event{Key: n.arnOf(fe.Ref, n.config.Region.Name)}
	switch event := fe.Event.(type) {
	case family.ReplicaCreated:
		n.createdFor(&e, &event.Record)
	case family.ReplicaRefused:
		n.createdFor(&e, &event.Record)
		e.Output, e.Fault = nil, faultIn(event.Reason)
	case family.Frozen: // consents: the role follows
		n.handedTo(&e, accepted)
	case family.HandoffRefused:
		n.handedTo(&e, accepted)
		e.Fault = faultIn(event.Reason)
	case family.RecordAccepted:
		// It is the primary's key that was synchronised: AWS names that one alone.
		e.Name, e.API, e.Key = "SynchronizeMultiRegionKey", true, n.arnOf(fe.Ref, event.Record.Primary)
	case family.RotationActivated:
		e.Name, e.RotationType = "RotateKey", rotationType(&event.Record)
	case family.KeyDeleted:
		e.Name = "DeleteKey"
	case family.MaterialErased:
		e.Name = "DeleteExpiredKeyMaterial"
		return e, command.Operation == keyengine.RunDue{}.Operation()
	default:
		return e, false
	}
	return e, true
}

// createdFor is the CreateKey that a ReplicateKey of another Region became here.
func (n *Node) createdFor(e *audit.Event, r *family.Record) {
	e.Name, e.API = "CreateKey", true
	init := family.Init{}
	for _, m := range r.Members {
		if m.Region == n.config.Region.Name && m.Init != nil {
			init = *m.Init
		}
	}
	in, out := keyengine.ReplicaCall(n.place(), r, init)
	e.Input, e.Output, e.Caller = in, out, callerIn(init.Caller)
}

// handedTo is the UpdatePrimaryRegion that one of another Region became here.
func (n *Node) handedTo(e *audit.Event, accepted *family.Record) {
	e.Name, e.API = "UpdatePrimaryRegion", true
	e.Input = &kmsapi.UpdatePrimaryRegionRequest{KeyId: new(e.Key.String()), PrimaryRegion: new(n.config.Region.Name)}
	if accepted != nil && accepted.Handoff != nil {
		e.Caller = callerIn(accepted.Handoff.Caller)
	}
}

// callerIn is who called the other Region; nil where a record of an older or a newer version does not say it.
func callerIn(b []byte) *identity.Traveller {
	t, err := identity.DecodeTraveller(b)
	if err != nil {
		return nil
	}
	return t
}

// faultIn is the fault that a reason of a refusal is: a code and a message, or what state the key is in.
func faultIn(reason string) *kmsapi.Fault {
	if code, message, ok := strings.Cut(reason, ": "); ok {
		return &kmsapi.Fault{Code: code, Message: message}
	}
	return &kmsapi.Fault{Code: kmsapi.KMSInvalidStateException, Message: "The key is " + reason + "."}
}

func (n *Node) arnOf(ref keyengine.Ref, region string) arn.Key {
	return arn.Key{Partition: n.place().Partition, Region: region, Account: ref.Account, ID: ref.KeyID}
}

// rotationType says why the current material of a record was made.
func rotationType(r *family.Record) string {
	for _, m := range r.Materials {
		if m.ID == r.Current && m.Type == family.OnDemand {
			return "ON_DEMAND"
		}
	}
	return "AUTOMATIC"
}

// readPosition reads how far the log has been recorded. Without a file, or with one that makes no sense, it begins at
// the first record that there is: what is recorded twice has the same id.
func readPosition(path string) uint64 {
	text, err := os.ReadFile(path)
	if err != nil || len(text) > 32 {
		return 0
	}
	seq, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 63)
	if err != nil {
		return 0
	}
	return seq
}

func writePosition(path string, seq uint64) error {
	next := path + ".new"
	if err := os.WriteFile(next, strconv.AppendUint(nil, seq, 10), 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}
