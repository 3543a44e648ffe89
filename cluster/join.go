package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"meridian/cluster/control"
	"meridian/cluster/layout"
)

// changer changes the membership of a Region by one node.
type changer struct {
	*Cluster
	region layout.Region
	target layout.Node // as it is in cluster.json now
	again  string      // the command that goes on where this one ended
}

const (
	leaderTime = 15 * time.Second       // until a Region that can have a leader has one
	changeTime = 15 * time.Second       // for one change of a membership
	joinTime   = 5 * time.Minute        // until a new node has the whole state
	joinEvery  = 100 * time.Millisecond // between two looks
	saidAfter  = 2 * time.Second        // what takes less is not worth a word
)

// leaderClient finds the leader of the Region, for a while.
func (r *changer) leaderClient(ctx context.Context) (*control.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, leaderTime)
	defer cancel()
	for {
		if leader := r.leader(ctx, &r.region); leader != "" {
			return control.Connect(r.Dir.Node(leader))
		}
		if pauseFor(ctx, joinEvery) != nil {
			return nil, fmt.Errorf("%w: %s has no leader: its nodes can be changed only while a majority of them runs", ErrUnknown, r.region.Name)
		}
	}
}

// removeOld ends the memberships of the node's old id, and of whatever else an earlier call may have left at its
// address. The leader refuses if too few of the other voters answer.
func (r *changer) removeOld(ctx context.Context) error {
	err := r.withLeader(ctx, func(client *control.Client) error {
		list, err := r.members(ctx, client)
		if err != nil {
			return err
		}
		for _, m := range list {
			if m.ID != r.target.ID && m.Addr != r.target.Internal {
				continue
			}
			if err := r.change(ctx, func(ctx context.Context) error { return client.RemoveMember(ctx, m.ID) }); err != nil {
				return err
			}
			r.Note("%s goes on without member %s", r.region.Name, m.ID)
		}
		return nil
	})
	var no *control.Refusal
	if errors.As(err, &no) {
		return fmt.Errorf("node %s stays as it is: without it %s could not go on, or not now: %s", r.target.Name, r.region.Name, no.Reason)
	}
	return err
}

// withLeader does something with the leader's help, and again with the next one's where it does not lead any more.
func (r *changer) withLeader(ctx context.Context, do func(*control.Client) error) error {
	for end := time.Now().Add(leaderTime); ; {
		client, err := r.leaderClient(ctx)
		if err != nil {
			return err
		}
		err = do(client)
		var no *control.Refusal
		if err == nil || errors.As(err, &no) && no.Status != http.StatusServiceUnavailable || time.Now().After(end) {
			return err
		}
		if pauseFor(ctx, joinEvery) != nil {
			return err
		}
	}
}

func (r *changer) members(ctx context.Context, client *control.Client) (list []control.Member, err error) {
	ctx, cancel := context.WithTimeout(ctx, adminTime)
	defer cancel()
	return client.Members(ctx)
}

func (r *changer) change(ctx context.Context, change func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, changeTime)
	defer cancel()
	return change(ctx)
}

// awaitAdmin returns when the new process answers.
func (r *changer) awaitAdmin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		if s, err := r.status(ctx, r.target.Name); err == nil && s.ID == r.target.ID {
			return nil
		}
		if err := r.stillRuns(); err != nil {
			return err
		}
		if pauseFor(ctx, joinEvery) != nil {
			return fmt.Errorf("%w: node %s runs but does not answer; see `meridian logs %s`", ErrUnknown, r.target.Name, r.target.Name)
		}
	}
}

func (r *changer) stillRuns() error {
	if _, ok := r.node(r.target.Name).find(); ok {
		return nil
	}
	return fmt.Errorf("node %s ended while it joined:\n%s", r.target.Name, tail(r.node(r.target.Name).log, 5))
}

// join makes the new node a member without a vote, and gives it its vote when the leader finds that it has caught up; a
// read replica gets none.
func (r *changer) join(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	said := ""
	for begun := time.Now(); ; {
		done, err := r.step(ctx)
		if done {
			return nil
		}
		var no *control.Refusal
		if errors.As(err, &no) && no.Status == http.StatusBadRequest {
			return err
		}
		if err != nil && err.Error() != said && time.Since(begun) > saidAfter {
			said = err.Error()
			r.Note("waiting: %v", err)
		}
		if err := r.stillRuns(); err != nil {
			return err
		}
		if pauseFor(ctx, joinEvery) != nil {
			return fmt.Errorf("%w: node %s has no vote yet (%v); `%s` goes on waiting", ErrUnknown, r.target.Name, err, r.again)
		}
	}
}

// awaitJoined returns when the new node knows that it is a member, and is ready.
func (r *changer) awaitJoined(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	for r.joining(r.target.Name) {
		if err := r.stillRuns(); err != nil {
			return err
		}
		if pauseFor(ctx, joinEvery) != nil {
			return fmt.Errorf("%w: node %s does not know yet that it is a member; `%s` goes on waiting", ErrUnknown, r.target.Name, r.again)
		}
	}
	return r.awaitNode(ctx, r.target.Name)
}

// step asks the leader for the next step of the new node's membership, whichever that is. Done: it was the last.
func (r *changer) step(ctx context.Context) (done bool, err error) {
	client, err := r.leaderClient(ctx)
	if err != nil {
		return false, err
	}
	list, err := r.members(ctx, client)
	if err != nil {
		return false, err
	}
	next := control.Member{ID: r.target.ID, Addr: r.target.Internal}
	member := slices.ContainsFunc(list, func(m control.Member) bool { return m.ID == next.ID })
	next.Voter = member && !r.target.ReadReplica
	if member && !next.Voter {
		return true, nil
	}
	err = r.change(ctx, func(ctx context.Context) error { return client.AddMember(ctx, next) })
	switch {
	case err != nil:
		return false, err
	case next.Voter:
		r.Note("node %s has its vote", r.target.Name)
	case r.target.ReadReplica:
		r.Note("node %s is a member of %s, without a vote", r.target.Name, r.region.Name)
	default:
		r.Note("node %s is a member of %s and catches up", r.target.Name, r.region.Name)
	}
	return next.Voter || r.target.ReadReplica, nil
}

// pauseFor waits; an error: ctx ended first.
func pauseFor(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
