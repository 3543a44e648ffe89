package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"meridian/cluster/layout"
	"meridian/keyengine/kmsapi"
	"meridian/region/throttle"
)

// loadThrottle reads the cluster's request quotas; without a file there are none.
func loadThrottle(dir layout.Dir, region string) (throttle.Profile, error) {
	text, err := os.ReadFile(dir.ThrottleFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p, err := throttle.Parse(text, region)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir.ThrottleFile(), err)
	}
	return p, nil
}

// arrived is told of each call before it is carried out: it remembers which key an alias means that the call will take away,
// and counts the call.
func (n *Node) arrived(op *kmsapi.Operation, call *kmsapi.Call, in kmsapi.Input) *kmsapi.Fault {
	if gone, ok := in.(*kmsapi.DeleteAliasRequest); ok && !call.Forwarded {
		call.Meant = n.keyNamed(call.Caller.Account, *gone.AliasName)
	}
	return n.admit(op, call, in)
}

// admit counts a call against the caller's quotas, once in the Region: what changes state at the leader, which decides
// about it; anything else at the node that it came to. A leader that is about to change may count a call, and the next
// one again.
func (n *Node) admit(op *kmsapi.Operation, call *kmsapi.Call, in kmsapi.Input) *kmsapi.Fault {
	switch {
	case n.limiter == nil:
		return nil
	case op.Mutating() && n.log.Leadership().Leader:
		return n.limiter.Admit(call.Caller.Account, op, in)
	case op.Mutating() || call.Forwarded:
		return nil
	}
	return n.limiter.AdmitShare(call.Caller.Account, op, in)
}
