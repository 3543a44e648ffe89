package keyengine

import (
	"meridian/keyengine/family"
	"meridian/keyengine/kmsapi"
)

const (
	defaultWindowDays  = 30
	shortestWindowDays = 7
	longestWindowDays  = 30
)

// ScheduleKeyDeletion begins a key's waiting period. A primary whose replicas still live waits for
// their end first.
type ScheduleKeyDeletion struct {
	Request *kmsapi.ScheduleKeyDeletionRequest
}

// Operation implements Command.
func (ScheduleKeyDeletion) Operation() string { return "ScheduleKeyDeletion" }

func (c ScheduleKeyDeletion) decide(d *draft) (any, error) {
	t, err := d.manage(d.facts, "ScheduleKeyDeletion", c.Request.KeyId)
	if err != nil {
		return nil, err
	}
	days := int32(defaultWindowDays)
	if c.Request.PendingWindowInDays != nil {
		days = *c.Request.PendingWindowInDays
	}
	if days < shortestWindowDays || days > longestWindowDays {
		return nil, fault(kmsapi.ValidationException, "PendingWindowInDays must be between %d and %d.", shortestWindowDays, longestWindowDays)
	}
	if err := d.ask(t, family.ScheduleDeletion{WindowDays: uint16(days)}); err != nil {
		return nil, err
	}
	if t, err = d.find(t.ref); err != nil {
		return nil, err
	}
	out := &kmsapi.ScheduleKeyDeletionResponse{
		KeyId: new(t.arn), KeyState: new(kmsapi.KeyState(shown(t.local))), PendingWindowInDays: new(days),
	}
	if t.local.State == family.PendingDeletion {
		out.DeletionDate = timestamp(t.local.DeletionAt)
	}
	return out, nil
}

// CancelKeyDeletion ends the waiting period. The key is Disabled after it.
type CancelKeyDeletion struct {
	Request *kmsapi.CancelKeyDeletionRequest
}

// Operation implements Command.
func (CancelKeyDeletion) Operation() string { return "CancelKeyDeletion" }

func (c CancelKeyDeletion) decide(d *draft) (any, error) {
	t, err := d.manage(d.facts, "CancelKeyDeletion", c.Request.KeyId)
	if err != nil {
		return nil, err
	}
	if err := d.ask(t, family.CancelDeletion{}); err != nil {
		return nil, err
	}
	return &kmsapi.CancelKeyDeletionResponse{KeyId: new(t.arn)}, nil
}
