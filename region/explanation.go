package region

import (
	"encoding/json"
	"sync"

	"meridian/keyengine"
	"meridian/keyengine/kmsapi"
)

// The header by which a caller asks why a call is allowed or denied, and that of the answer.
const (
	HeaderExplain    = "x-meridian-explain"
	headerExplainAsk = "X-Meridian-Explain"
	// maxExplanation bounds the answer's header: clients read no longer ones.
	maxExplanation = 6 << 10
)

// Explanation is a decision in words.
type Explanation struct {
	Action    string   `json:"action"`
	Resource  string   `json:"resource"`
	Principal string   `json:"principal"`
	Allowed   bool     `json:"allowed"`
	Reason    string   `json:"reason"`            // key-policy, identity, root, grant, explicit-deny, no-…
	By        string   `json:"by,omitempty"`      // the statement or grant that decided, and where it stands
	Via       string   `json:"via,omitempty"`     // the statement of the key policy that lets IAM policies decide
	Message   string   `json:"message,omitempty"` // what a caller that is denied is told
	Soft      bool     `json:"soft,omitempty"`    // it was denied and goes on all the same
	Near      []Nearly `json:"near,omitempty"`    // statements and grants that nearly matched
}

// Nearly is a statement or a grant that would have counted but for what Failed says.
type Nearly struct {
	Where  string   `json:"where"`
	Deny   bool     `json:"deny,omitempty"`
	Failed []string `json:"failed"`
}

// Explained puts a decision into words.
func Explained(j keyengine.Judgement) Explanation {
	e := Explanation{
		Action: j.Action, Resource: j.Resource, Principal: j.Principal,
		Allowed: j.Allowed, Reason: j.Reason.String(), Message: j.Message, Soft: j.Soft,
	}
	if j.By.Layer != 0 {
		e.By = j.By.String()
	}
	if j.Via.Layer != 0 {
		e.Via = j.Via.String()
	}
	for _, n := range j.Near {
		e.Near = append(e.Near, Nearly{Where: n.String(), Deny: n.Deny, Failed: n.Failed})
	}
	return e
}

// judgements are the decisions about a call. The leader's proposer may add one when nobody waits any more.
type judgements struct {
	mu   sync.Mutex
	list []Explanation
}

func (s *judgements) add(j keyengine.Judgement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := Explained(j)
	for i := range s.list { // asked again after a catch-up, or before and in the log's order
		if s.list[i].Action == e.Action && s.list[i].Resource == e.Resource {
			s.list[i] = e
			return
		}
	}
	s.list = append(s.list, e)
}

// explain puts the decisions about a call into its answer: fewer near misses where they do not fit.
func explain(call *kmsapi.Call) {
	said, ok := call.Judgements.(*judgements)
	if !ok || call.Reply[HeaderExplain] != "" {
		return
	}
	said.mu.Lock()
	defer said.mu.Unlock()
	if len(said.list) == 0 {
		return
	}
	list := append([]Explanation(nil), said.list...)
	for {
		b, err := json.Marshal(list) // ASCII, but for what policies name
		if err != nil {
			return
		}
		if text := ascii(b); len(text) <= maxExplanation {
			call.Set(HeaderExplain, text)
			return
		}
		if !shorten(list) {
			return
		}
	}
}

// shorten leaves out a near miss, of the decision that has most.
func shorten(list []Explanation) bool {
	most := 0
	for i := range list {
		if len(list[i].Near) > len(list[most].Near) {
			most = i
		}
	}
	n := len(list[most].Near)
	if n == 0 {
		return false
	}
	list[most].Near = list[most].Near[:n-1]
	return true
}

// ascii writes JSON without characters that a header cannot carry.
func ascii(b []byte) string {
	const hex = "0123456789abcdef"
	out := make([]byte, 0, len(b))
	for _, r := range string(b) {
		if r < 0x80 {
			out = append(out, byte(r))
			continue
		}
		units := []rune{r}
		if r > 0xffff {
			r -= 0x10000
			units = []rune{0xd800 + r>>10, 0xdc00 + r&0x3ff}
		}
		for _, u := range units {
			out = append(out, '\\', 'u', hex[u>>12&15], hex[u>>8&15], hex[u>>4&15], hex[u&15])
		}
	}
	return string(out)
}
