package sts

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"meridian/keyengine/identity"
	"meridian/keyengine/kmsapi"
)

// version is that of the service's interface.
const version = "2011-06-15"

// Bounds of the parameters.
const (
	maxParameters = 300
	maxMembers    = 60 // of a list; what an operation allows is less
)

// parameters are those of a request. What no operation asked for is left over.
type parameters struct {
	values map[string]string
	used   map[string]bool
}

// isForm says whether a request's body is a form.
func isForm(r *http.Request) bool {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && t == "application/x-www-form-urlencoded"
}

// readParameters takes the parameters out of the query and the body. The signature's own are not among them.
func readParameters(r *http.Request, body []byte) (*parameters, *kmsapi.Fault) {
	p := &parameters{values: map[string]string{}, used: map[string]bool{}}
	texts := []string{r.URL.RawQuery}
	if r.Method == http.MethodPost {
		texts = append(texts, string(body))
	}
	for _, text := range texts {
		if strings.Count(text, "&") > maxParameters {
			return nil, kmsapi.Errorf("MalformedInput", "The request has more than %d parameters.", maxParameters)
		}
		form, err := url.ParseQuery(text)
		if err != nil {
			return nil, kmsapi.Errorf("MalformedInput", "The parameters of the request are not encoded as a form.")
		}
		for name, values := range form {
			if strings.HasPrefix(name, "X-Amz-") {
				continue
			}
			if _, twice := p.values[name]; twice || len(values) > 1 {
				return nil, kmsapi.Errorf("MalformedInput", "The parameter %s is there twice.", clip(name))
			}
			p.values[name] = values[0]
		}
	}
	return p, nil
}

// text returns a parameter, empty if it is not there.
func (p *parameters) text(name string) string {
	p.used[name] = true
	return p.values[name]
}

// list returns the members of a list: List.member.1, or List.member.1.Field.
func (p *parameters) list(name, field string) []string {
	var list []string
	for i := 1; i <= maxMembers; i++ {
		member := name + ".member." + strconv.Itoa(i)
		if field != "" {
			member += "." + field
		}
		if _, ok := p.values[member]; !ok {
			break
		}
		list = append(list, p.text(member))
	}
	if _, empty := p.values[name]; empty { // how an empty list is sent
		p.used[name] = p.values[name] == ""
	}
	return list
}

// seconds is how long a session shall last; 0: as usual.
func (p *parameters) seconds() (int32, *kmsapi.Fault) {
	text := p.text("DurationSeconds")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		return 0, kmsapi.Errorf(identity.ValidationError, "1 validation error detected: Value '%s' at 'durationSeconds' failed to satisfy constraint: Member must be a number of seconds", clip(text))
	}
	return int32(n), nil
}

// noSecondFactor refuses a second factor: nobody here has one.
func (p *parameters) noSecondFactor() *kmsapi.Fault {
	if p.text("SerialNumber")+p.text("TokenCode") != "" {
		return kmsapi.Errorf(identity.AccessDenied, "MultiFactorAuthentication failed, unable to validate MFA code: there are no MFA devices here.")
	}
	return nil
}

// leftOver refuses parameters that an operation does not have: a misspelt session policy must not be no policy.
func (p *parameters) leftOver() *kmsapi.Fault {
	var odd []string
	for name := range p.values {
		if !p.used[name] {
			odd = append(odd, name)
		}
	}
	if odd == nil {
		return nil
	}
	return kmsapi.Errorf("MalformedInput", "Unexpected parameter: %s", clip(slices.Min(odd)))
}

// clip bounds what is repeated of a request.
func clip(s string) string { return s[:min(len(s), 128)] }
