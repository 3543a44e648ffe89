package sigv4

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// canonicalRequest is the text whose hash is signed: AWS's "task 1".
func canonicalRequest(r *http.Request, a *authorization, payload string) string {
	var c strings.Builder
	c.Grow(512)
	c.WriteString(r.Method + "\n")
	c.WriteString(canonicalPath(r.URL) + "\n")
	c.WriteString(canonicalQuery(r.URL.RawQuery, a.presigned) + "\n")
	for _, name := range a.signedHeaders {
		c.WriteString(name)
		c.WriteByte(':')
		writeHeader(&c, r, name)
		c.WriteByte('\n')
	}
	c.WriteByte('\n')
	c.WriteString(strings.Join(a.signedHeaders, ";") + "\n")
	c.WriteString(payload)
	return c.String()
}

// canonicalPath encodes the encoded path once more, as every service but S3 does.
func canonicalPath(u *url.URL) string {
	path := u.EscapedPath()
	if path == "" || path == "/" {
		return "/"
	}
	var c strings.Builder
	encode(&c, path, true)
	return c.String()
}

// canonicalQuery sorts the parameters by name, then value, both encoded. A signature does not sign itself.
func canonicalQuery(raw string, presigned bool) string {
	if raw == "" {
		return ""
	}
	type parameter struct{ name, value string }
	var parameters []parameter
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		p := parameter{recode(name), recode(value)}
		if presigned && p.name == signatureParameter {
			continue
		}
		parameters = append(parameters, p)
	}
	slices.SortFunc(parameters, func(a, b parameter) int {
		if a.name != b.name {
			return strings.Compare(a.name, b.name)
		}
		return strings.Compare(a.value, b.value)
	})
	var c strings.Builder
	for i, p := range parameters {
		if i > 0 {
			c.WriteByte('&')
		}
		c.WriteString(p.name + "=" + p.value)
	}
	return c.String()
}

// recode brings one encoding of a text into the canonical one.
func recode(s string) string {
	plain, err := url.PathUnescape(s)
	if err != nil {
		plain = s
	}
	var c strings.Builder
	encode(&c, plain, false)
	return c.String()
}

// encode writes s with everything but the unreserved characters of RFC 3986 as %XX.
func encode(c *strings.Builder, s string, keepSlash bool) {
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		switch b := s[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', b == '-', b == '_', b == '.', b == '~', b == '/' && keepSlash:
			c.WriteByte(b)
		default:
			c.WriteByte('%')
			c.WriteByte(digits[b>>4])
			c.WriteByte(digits[b&15])
		}
	}
}

// writeHeader writes a header's values as they are signed. Go's server takes some headers out of
// the map.
func writeHeader(c *strings.Builder, r *http.Request, name string) {
	values := r.Header[http.CanonicalHeaderKey(name)]
	switch {
	case name == "host":
		values = []string{r.Host}
	case name == "content-length" && len(values) == 0 && r.ContentLength >= 0:
		values = []string{strconv.FormatInt(r.ContentLength, 10)}
	case name == "transfer-encoding" && len(values) == 0:
		values = r.TransferEncoding
	}
	for i, value := range values {
		if i > 0 {
			c.WriteByte(',')
		}
		writeTrimmed(c, value)
	}
}

// writeTrimmed writes value without white space around it and with single spaces inside.
func writeTrimmed(c *strings.Builder, value string) {
	value = strings.Trim(value, " \t")
	for i := range len(value) {
		if value[i] == ' ' && value[i-1] == ' ' {
			continue
		}
		c.WriteByte(value[i])
	}
}
