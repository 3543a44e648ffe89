package sts

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"meridian/keyengine/identity"
	"meridian/keyengine/kmsapi"
	"meridian/region/sessions"
	"meridian/region/sigv4"
)

// Service is the name that requests are signed for.
const Service = "sts"

// GlobalRegion is the Region that clients sign for which know only the service's one global endpoint.
const GlobalRegion = "us-east-1"

// maxBody bounds a request's body in bytes: a session policy, fifty tags and their encoding are far less.
const maxBody = 128 << 10

// Config is what a Handler needs.
type Config struct {
	// Verifier verifies signatures for Service.
	Verifier interface {
		Verify(r *http.Request, body []byte) (sigv4.Signed, *kmsapi.Fault)
	}
	Sessions  *sessions.Keeper
	Partition string
	Region    string
	RequestID func() string
	Now       func() time.Time
	Logger    *slog.Logger
	// Observe is told of each call before it is answered; nil: nobody is. It must not block.
	Observe func(Outcome)
}

// An Outcome is what became of a call.
type Outcome struct {
	Operation, RequestID string
	Caller               *identity.Caller // nil: the signature does not hold
	SourceIP, UserAgent  string
	Role                 *identity.AssumeRole // the request of AssumeRole, once it was read
	Seconds              int32                // how long the session was asked to last; 0: as usual
	Issued               *sessions.Issued     // the session that was made; nil: none. It holds a secret
	Fault                *kmsapi.Fault        // nil: it succeeded
}

// A Handler serves requests. New makes one.
type Handler struct{ config Config }

var _ http.Handler = (*Handler)(nil)

// New makes a Handler.
func New(config Config) *Handler { return &Handler{config} }

// Claims says whether a request is for this service: it was signed for it, or looks like its protocol and not like
// that of the key service.
func Claims(r *http.Request) bool {
	switch sigv4.ScopeService(r) {
	case Service:
		return true
	case "":
		return r.Header.Get("X-Amz-Target") == "" && (isForm(r) || r.URL.Query().Has("Action"))
	}
	return false
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := h.config.RequestID()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		Refuse(w, id, kmsapi.Errorf("RequestEntityTooLarge", "The request body must be no longer than %d bytes.", maxBody))
		return
	}
	made := Outcome{RequestID: id, SourceIP: sourceIP(r), UserAgent: r.UserAgent()}
	out, fault := h.answer(r, body, &made)
	if fault != nil {
		fault = translated(fault)
	}
	if made.Fault = fault; h.config.Observe != nil {
		h.config.Observe(made)
	}
	if action := made.Operation; fault != nil {
		h.config.Logger.Debug("request refused", "request", id, "service", Service, "operation", action, "code", fault.Code)
		Refuse(w, id, fault)
	} else {
		h.config.Logger.Debug("request", "request", id, "service", Service, "operation", action)
		write(w, id, http.StatusOK, out.named(id))
	}
}

// sourceIP is the address at the other end of the connection.
func sourceIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

// answer verifies a request and carries it out. What it finds out about the call it enters into made.
func (h *Handler) answer(r *http.Request, body []byte, made *Outcome) (out result, fault *kmsapi.Fault) {
	if r.Method != http.MethodPost && r.Method != http.MethodGet || r.URL.Path != "/" && r.URL.Path != "" {
		return nil, &kmsapi.Fault{Code: "InvalidAction", Message: "Requests are sent to / with GET or POST.", Status: http.StatusNotFound}
	}
	signed, fault := h.config.Verifier.Verify(r, body)
	if fault != nil {
		return nil, fault
	}
	caller, ok := signed.Identity.(*identity.Caller)
	if !ok {
		return nil, internal()
	}
	made.Caller = caller
	p, fault := readParameters(r, body)
	if fault != nil {
		return nil, fault
	}
	if v := p.text("Version"); v != version {
		return nil, kmsapi.Errorf("NoSuchVersion", "The requested version (%s) is not valid, it must be %s.", clip(v), version)
	}
	made.Operation = clip(p.text("Action"))
	switch made.Operation {
	case "GetCallerIdentity":
		out = &getCallerIdentity{UserID: caller.Who.UserID, Account: caller.Who.Account, ARN: caller.Who.ARN}
	case "AssumeRole":
		out, fault = h.assumeRole(caller, p, made)
	case "GetSessionToken":
		out, fault = h.getSessionToken(caller, p, made)
	default:
		fault = kmsapi.Errorf("InvalidAction", "Could not find operation %s for version %s", made.Operation, version)
		made.Operation = ""
	}
	if fault == nil {
		fault = p.leftOver()
	}
	return out, fault
}

// assumeRole makes a session of a role.
func (h *Handler) assumeRole(caller *identity.Caller, p *parameters, made *Outcome) (result, *kmsapi.Fault) {
	in := identity.AssumeRole{
		RoleARN: p.text("RoleArn"), SessionName: p.text("RoleSessionName"), Policy: p.text("Policy"),
		ExternalID: p.text("ExternalId"), SourceID: p.text("SourceIdentity"),
		PolicyARNs: p.list("PolicyArns", "arn"), Transitive: p.list("TransitiveTagKeys", ""),
	}
	keys, values := p.list("Tags", "Key"), p.list("Tags", "Value")
	var fault *kmsapi.Fault
	if in.Seconds, fault = p.seconds(); fault != nil {
		return nil, fault
	}
	if len(keys) != len(values) {
		return nil, kmsapi.Errorf(identity.ValidationError, "Each of the Tags has a Key and a Value.")
	}
	for i := range keys {
		in.Tags = append(in.Tags, identity.Tag{Key: keys[i], Value: values[i]})
	}
	if fault := p.noSecondFactor(); fault != nil {
		return nil, fault
	}
	if fault := p.leftOver(); fault != nil {
		return nil, fault
	}
	made.Role, made.Seconds = &in, in.Seconds
	now := h.config.Now()
	moment := identity.Moment{
		Partition: h.config.Partition, Region: h.config.Region, Now: now.UnixMilli(), Context: map[string][]string{"aws:SecureTransport": {"false"}},
	}
	if made.SourceIP != "" {
		moment.Context["aws:SourceIp"] = []string{made.SourceIP}
	}
	session, fault := h.config.Sessions.Directory().AssumeRole(moment, caller, in)
	if fault != nil {
		return nil, fault
	}
	issued, fault := h.issue(session, now, in.Seconds, 3600)
	if fault != nil {
		return nil, fault
	}
	made.Issued = &issued
	out := &assumeRole{Credentials: shown(issued), SourceIdentity: session.SourceID}
	out.AssumedRoleUser.ARN, out.AssumedRoleUser.ID = issued.Caller.Who.ARN, issued.Caller.Who.UserID
	if session.Policy != "" || len(session.PolicyNames)+len(session.Tags) > 0 {
		size := max(1, 100*len(issued.Token)/(4*identity.MaxSessionBytes/3))
		out.PackedPolicySize = &size
	}
	return out, nil
}

// getSessionToken makes temporary credentials of a user or a root out of lasting ones.
func (h *Handler) getSessionToken(caller *identity.Caller, p *parameters, made *Outcome) (result, *kmsapi.Fault) {
	seconds, fault := p.seconds()
	if fault == nil {
		fault = p.noSecondFactor()
	}
	if fault == nil {
		fault = p.leftOver()
	}
	if fault != nil {
		return nil, fault
	}
	made.Seconds = seconds
	usual, most := int32(43200), int32(129600)
	switch {
	case caller.Temporary:
		return nil, kmsapi.Errorf(identity.AccessDenied, "Cannot call GetSessionToken with session credentials")
	case caller.IsService():
		return nil, kmsapi.Errorf(identity.AccessDenied, "Services cannot call GetSessionToken")
	case caller.IsRoot():
		usual, most = 3600, 3600
	}
	if seconds != 0 && (seconds < 900 || seconds > most) {
		return nil, kmsapi.Errorf(identity.ValidationError, "1 validation error detected: Value '%d' at 'durationSeconds' failed to satisfy constraint: Member must have value between 900 and %d", seconds, most)
	}
	session := &identity.Session{Account: caller.Who.Account, Issuer: caller.AccessKeyID}
	issued, fault := h.issue(session, h.config.Now(), seconds, usual)
	if fault != nil {
		return nil, fault
	}
	made.Issued = &issued
	return &getSessionToken{Credentials: shown(issued)}, nil
}

// issue makes a session's credentials.
func (h *Handler) issue(s *identity.Session, now time.Time, seconds, usual int32) (sessions.Issued, *kmsapi.Fault) {
	if seconds == 0 {
		seconds = usual
	}
	issued, err := h.config.Sessions.Issue(*s, now, time.Duration(seconds)*time.Second)
	switch {
	case errors.Is(err, sessions.ErrTooLarge):
		return issued, kmsapi.Errorf(identity.PackedPolicyTooLarge, "The session policies and tags together are too long for a session token.")
	case err != nil:
		h.config.Logger.Error("session not made", "err", err)
		return issued, internal()
	}
	return issued, nil
}

func internal() *kmsapi.Fault {
	return &kmsapi.Fault{Code: "InternalFailure", Message: "The request processing has failed because of an unknown error, exception or failure.", Status: http.StatusInternalServerError}
}
