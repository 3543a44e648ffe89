package node

import (
	"context"

	"github.com/google/uuid"

	"meridian/keyengine"
	"meridian/keyengine/kmsapi"
	"meridian/region/audit"
	"meridian/region/awsjson"
	"meridian/region/sts"
)

// openAudit begins this node's record of calls.
func (n *Node) openAudit() (err error) {
	c := &n.config
	n.audit, err = audit.Open(audit.Config{
		Dir: c.Dir.Audit(), Region: c.Region.Name, Node: c.Node.Name, NewID: uuid.NewString,
		Resolve: n.keyNamed, Now: n.region.Now, Logger: c.Logger,
	})
	if err != nil {
		return err
	}
	n.later(n.audit.Close)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		n.auditEvents(ctx)
	}()
	n.later(func() { cancel(); <-ended })
	return nil
}

// keyNamed finds the key that a caller of an account means.
func (n *Node) keyNamed(account, id string) string {
	v := n.store.View()
	defer v.Close()
	key, ok := keyengine.NewView(v, n.place()).KeyNamed(account, id)
	if !ok {
		return ""
	}
	return key.String()
}

// noteTokenCall has a call of the Security Token Service recorded. Any node answers those by itself.
func (n *Node) noteTokenCall(o sts.Outcome) {
	if o.Operation == "" || o.Caller == nil {
		return
	}
	c := audit.TokenCall{
		Name: o.Operation, RequestID: o.RequestID, Caller: o.Caller, SourceIP: o.SourceIP, UserAgent: o.UserAgent,
		Role: o.Role, Seconds: o.Seconds, Fault: o.Fault, At: n.region.Now(),
	}
	if o.Issued != nil {
		c.AccessKeyID, c.Expires, c.Became = o.Issued.AccessKeyID, o.Issued.Expires, o.Issued.Caller
	}
	n.audit.NoteToken(c)
}

// noteCall has a call recorded by the node that its caller reached, and by no other: what another node sent on is
// recorded there. What is nobody's, for want of a signature that holds, is not recorded: strangers must not fill disks.
func (n *Node) noteCall(o awsjson.Outcome) {
	if o.Call.Forwarded || o.Operation == "" || o.Call.Caller.Account == "" {
		return
	}
	op, ok := kmsapi.Lookup(o.Operation)
	if !ok {
		return
	}
	n.audit.Note(audit.Call{
		Operation: op, Call: o.Call, Input: o.Input, Output: o.Output, Fault: o.Fault, At: n.region.Now(),
	})
}
