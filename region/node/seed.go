package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"meridian/cluster/control"
	"meridian/eventlog"
	"meridian/keyengine/kmsapi"
	"meridian/region"
)

// seedKey makes a key with an id that is given.
func (n *Node) seedKey(w http.ResponseWriter, r *http.Request) {
	var asked control.SeedKey
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		refuse(w, http.StatusBadRequest, fmt.Errorf("seed key: %w", err))
		return
	}
	defer clear(asked.Material)
	call, err := n.operatorCall(asked.Account)
	in := new(kmsapi.CreateKeyRequest)
	if err == nil {
		err = readInput(in, asked.Request)
	}
	var seeded control.Seeded
	if err == nil {
		seeded.Made, err = n.region.Seed(r.Context(), call, region.SeedKey{Request: in, KeyID: asked.KeyID, Material: asked.Material})
	}
	if seeded.Fault, err = faultOf(err); err != nil {
		n.refuseSeed(w, err)
		return
	}
	reply(w, seeded)
}

// callAsRoot makes a call of the API as the root of an account.
func (n *Node) callAsRoot(w http.ResponseWriter, r *http.Request) {
	var asked control.Call
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		refuse(w, http.StatusBadRequest, fmt.Errorf("call: %w", err))
		return
	}
	out, err := n.dispatch(r.Context(), asked)
	var answer control.Answer
	if answer.Fault, err = faultOf(err); err == nil && answer.Fault == nil && out != nil {
		answer.Output, err = json.Marshal(out)
	}
	if err != nil {
		n.refuseSeed(w, err)
		return
	}
	reply(w, answer)
}

func (n *Node) dispatch(ctx context.Context, asked control.Call) (any, error) {
	call, err := n.operatorCall(asked.Account)
	if err != nil {
		return nil, err
	}
	op, ok := kmsapi.Lookup(asked.Operation)
	if !ok {
		return nil, kmsapi.Errorf(kmsapi.ValidationException, "There is no operation %.64q.", asked.Operation)
	}
	in := op.New()
	if err := readInput(in, asked.Input); err != nil {
		return nil, err
	}
	if op.Mutating() && !n.log.Leadership().Leader { // it could not be forwarded: nobody signed it
		return nil, eventlog.ErrNotLeader
	}
	return n.region.Dispatch(ctx, op, call, in)
}

// operatorCall is a call by the root of an account that the operator makes.
func (n *Node) operatorCall(account string) (*kmsapi.Call, error) {
	if len(account) != 12 || strings.Trim(account, "0123456789") != "" {
		return nil, kmsapi.Errorf(kmsapi.ValidationException, "%.20q is not the id of an account.", account)
	}
	id, err := uuid.NewRandomFromReader(n.config.Random)
	if err != nil {
		return nil, err
	}
	place := n.place()
	return &kmsapi.Call{
		RequestID: id.String(), Region: place.Region,
		Caller: kmsapi.Principal{Account: account, ARN: fmt.Sprintf("arn:%s:iam::%s:root", place.Partition, account)},
	}, nil
}

func readInput(in kmsapi.Input, text json.RawMessage) error {
	if len(text) == 0 {
		text = json.RawMessage("{}")
	}
	if err := in.UnmarshalJSON(text); err != nil {
		return kmsapi.Errorf(kmsapi.ValidationException, "The input cannot be read: %v.", err)
	}
	return in.Validate()
}

// faultOf takes a fault out of err; what is left is no answer of the API.
func faultOf(err error) (*control.Fault, error) {
	var fault *kmsapi.Fault
	if errors.As(err, &fault) {
		return &control.Fault{Code: fault.Code, Message: fault.Message}, nil
	}
	return nil, err
}

func (n *Node) refuseSeed(w http.ResponseWriter, err error) {
	if errors.Is(err, eventlog.ErrNotLeader) {
		refuse(w, http.StatusConflict, fmt.Errorf("node %s does not lead its Region", n.config.Node.Name))
		return
	}
	refuse(w, http.StatusServiceUnavailable, err)
}
