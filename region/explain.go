package region

import (
	"strings"

	"meridian/keyengine"
	"meridian/keyengine/kmsapi"
	"meridian/keyengine/policy"
)

// Question asks whether somebody may do something, without doing it.
type Question struct {
	Principal string            // ARN, or the name of a service
	Action    string            // kms:Decrypt; of ReEncrypt kms:ReEncryptFrom and kms:ReEncryptTo
	Key       string            // any identifier; empty: the action is about no key
	Context   map[string]string // condition keys, which begin with aws: or kms:, and an encryption context
	Tokens    []string          // grant tokens
}

// Why answers a question about a state of this Region at a Region time. Its error is a *kmsapi.Fault that says what
// is wrong with the question.
func (r *Region) Why(v *keyengine.View, now int64, q Question) (Explanation, error) {
	permission, ok := strings.CutPrefix(q.Action, "kms:")
	if !ok || !keyengine.Aware(permission) {
		return Explanation{}, kmsapi.Errorf(kmsapi.ValidationException, "%.80q is no action such as kms:Decrypt; ReEncrypt is kms:ReEncryptFrom and kms:ReEncryptTo.", q.Action)
	}
	caller, ok := r.directory().Principal(r.Place.Partition, q.Principal)
	if !ok {
		return Explanation{}, kmsapi.Errorf(kmsapi.ValidationException, "%.256q is nobody that Region %s knows.", q.Principal, r.Place.Region)
	}
	a := r.askerFor(caller)
	a.Given, a.EncryptionContext = given(q.Context)
	for _, text := range q.Tokens {
		t, err := r.openGrantToken(text)
		if err != nil {
			return Explanation{}, err
		}
		a.Tokens = append(a.Tokens, t.ref())
	}
	var said *keyengine.Judgement
	a.Explain, a.Decided = true, func(j keyengine.Judgement) { said = &j }
	facts := r.ownFacts()
	facts.Now, facts.Asker = now, a
	facts.Caller = kmsapi.Principal{Account: caller.Who.Account, ARN: caller.Who.ARN}
	err := v.Judge(facts, permission, q.Key)
	if said == nil {
		return Explanation{}, err
	}
	return Explained(*said), nil
}

// given parts what a question says of the circumstances: names of condition keys and of an encryption context.
func given(context map[string]string) (policy.Values, map[string]string) {
	values, pairs := policy.Values{}, map[string]string{}
	for name, value := range context {
		const own = "kms:encryptioncontext:"
		switch lower := strings.ToLower(name); {
		case strings.HasPrefix(lower, own):
			pairs[name[len(own):]] = value
		case strings.HasPrefix(lower, "aws:"), strings.HasPrefix(lower, "kms:"):
			values[lower] = append(values[lower], value)
		default:
			pairs[name] = value
		}
	}
	return values, pairs
}
