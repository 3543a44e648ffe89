package cluster

import (
	"net"
	"net/http"
	"strings"

	"meridian/keyengine/kmsapi"
	"meridian/region/sts"
)

// route finds the Region of a call: that of the port; else the one that the caller signed for; else the one in the
// host name. A signature that names none is wrong in a way that any node can tell.
func (f *FrontDoor) route(r *http.Request, region string) (*pool, *kmsapi.Fault) {
	if region == "" {
		region = scopeRegion(r)
	}
	if host := hostRegion(r.Host); region == "" && f.regions[host] != nil {
		region = host
	}
	if region == "" && !claimsSignature(r) {
		return nil, kmsapi.Errorf(kmsapi.MissingAuthenticationTokenException, "Missing Authentication Token")
	}
	if region == "" {
		region = f.file.Regions[0].Name
	}
	p, ok := f.regions[region]
	if !ok && scopeService(r) == sts.Service && region == sts.GlobalRegion {
		p, ok = f.regions[f.file.Regions[0].Name], true // clients of the one global endpoint sign for a Region of its own
	}
	if !ok {
		return nil, kmsapi.Errorf(kmsapi.InvalidSignatureException,
			"Credential should be scoped to a valid region, not %q: this cluster serves %s.", clip(region), f.served())
	}
	return p, nil
}

func (f *FrontDoor) served() string { return strings.Join(f.file.Names(), ", ") }

// clip bounds what is repeated of a request.
func clip(s string) string { return s[:min(len(s), 64)] }

// scopeRegion is the Region in the credential scope of a Signature V4: access key/date/Region/service/aws4_request.
func scopeRegion(r *http.Request) string { return scopePart(r, 3) }

// scopeService is the service in it.
func scopeService(r *http.Request) string { return scopePart(r, 2) }

// scopePart counts from the end: an access key id is the caller's own invention.
func scopePart(r *http.Request, fromEnd int) string {
	credential := r.URL.Query().Get("X-Amz-Credential")
	if auth, ok := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 "); ok {
		for part := range strings.SplitSeq(auth, ",") {
			if v, ok := strings.CutPrefix(strings.TrimSpace(part), "Credential="); ok {
				credential = v
			}
		}
	}
	parts := strings.Split(credential, "/")
	if len(parts) < 5 {
		return ""
	}
	return parts[len(parts)-fromEnd]
}

// claimsSignature says whether there is anything that is meant as a signature.
func claimsSignature(r *http.Request) bool {
	return strings.Join(r.Header.Values("Authorization"), "") != "" || strings.Contains(r.URL.RawQuery, "X-Amz-Signature=")
}

// hostRegion is the Region in a host kms.<region>.<anything>.
func hostRegion(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	parts := strings.Split(strings.ToLower(host), ".")
	if len(parts) < 3 || parts[0] != "kms" {
		return ""
	}
	return parts[1]
}
