package node

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"time"

	"github.com/google/uuid"

	"meridian/keyengine/kmsapi"
	"meridian/region/awsjson"
	"meridian/region/forward"
	"meridian/region/sessions"
	"meridian/region/sigv4"
	"meridian/region/sts"
)

// serve opens the three HTTP servers: the AWS API, the calls of other nodes, the admin socket.
func (n *Node) serve() error {
	c := &n.config
	find := credentials(n.keys)
	verifier := &sigv4.Verifier{
		Credentials: find, Now: time.Now,
		Regions: func(region string) bool { return region == c.Region.Name },
	}
	tokens := sts.New(sts.Config{
		Verifier: &sigv4.Verifier{
			Credentials: find, Now: time.Now, Service: sts.Service,
			Regions: func(region string) bool {
				_, ok := c.Cluster.Region(region)
				return ok || region == sts.GlobalRegion
			},
		},
		Sessions: n.keys, Partition: n.place().Partition, Region: c.Region.Name,
		RequestID: uuid.NewString, Now: time.Now, Logger: c.Logger, Observe: n.answeredSTS,
	})
	api := awsjson.New(awsjson.Config{
		Service: n.region, Dispatch: n.region.Dispatch, Verifier: verifier,
		RequestID: uuid.NewString, Node: c.Node.Name, Log: c.Logger, Admit: n.arrived, Observe: n.answered,
	})
	mux := http.NewServeMux()
	calls := n.traced("node", api)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if sts.Claims(r) {
			tokens.ServeHTTP(w, r)
			return
		}
		calls.ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /_meridian/health", n.getHealth)
	mux.HandleFunc("GET /_meridian/ready", n.getReady)
	mux.HandleFunc("GET /_meridian/info", func(w http.ResponseWriter, _ *http.Request) { reply(w, n.Status()) })
	n.watchParts()
	mux.Handle("GET /metrics", n.metrics.Handler())
	// Who hears from the API that the node is ready finds its admin socket.
	n.start("the admin socket", c.Admin, n.adminHandler())
	if err := c.writeAdminFile(); err != nil {
		return err
	}
	n.start("forwarding", n.port.Calls(), forward.Handler(n.traced("leader", forwarded(api)), peer{n.region, n}))
	n.start("the AWS API", c.KMS, mux)
	return nil
}

// developmentKeys are the access keys of development where nobody but this machine can call, else none: everybody
// knows them.
func developmentKeys(listens net.Addr) func(accessKeyID string) (account, secret string, ok bool) {
	if tcp, ok := listens.(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		return nil
	}
	return func(accessKeyID string) (account, secret string, ok bool) {
		account, ok = sigv4.DevelopmentAccountOf(accessKeyID)
		return account, sigv4.DevelopmentSecret, ok
	}
}

// credentials finds access keys for the verifiers of signatures.
func credentials(keys *sessions.Keeper) func(accessKeyID, token string, now time.Time) (sigv4.Credential, error) {
	return func(accessKeyID, token string, now time.Time) (sigv4.Credential, error) {
		known, err := keys.Find(accessKeyID, token, now)
		switch {
		case errors.Is(err, sessions.ErrExpired):
			return sigv4.Credential{}, sigv4.ErrExpired
		case err != nil:
			return sigv4.Credential{}, sigv4.ErrUnknown
		}
		return sigv4.Credential{Secret: known.Secret.Reveal(), Principal: known.Caller.Principal(), Identity: known.Caller}, nil
	}
}

// forwarded answers calls that another node received and sent on.
func forwarded(api *awsjson.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, awsjson.DefaultMaxBody))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		id, err := uuid.Parse(r.Header.Get(forward.RequestIDHeader))
		if err != nil {
			http.Error(w, "a forwarded call has a request id", http.StatusBadRequest)
			return
		}
		r.Header.Del(forward.RequestIDHeader)
		source := r.Header.Get(forward.SourceHeader)
		r.Header.Del(forward.SourceHeader)
		answer := api.Handle(r.Context(), awsjson.Request{
			ID: id.String(), Forwarded: true,
			Raw: kmsapi.Raw{Host: r.Host, Query: r.URL.RawQuery, Header: r.Header, Body: body}, SourceIP: source,
		})
		maps.Copy(w.Header(), answer.Header)
		w.WriteHeader(answer.Status)
		_, _ = w.Write(answer.Body) // an error means that the node that asked is gone
	})
}

// start serves h on l until Close.
func (n *Node) start(what string, l net.Listener, h http.Handler) {
	s := awsjson.NewServer(h)
	n.servers = append(n.servers, s)
	n.later(func() { s.Close() })
	go func() { logServer(n.config.Logger, what, s.Serve(l)) }()
}

// getHealth says that the process lives.
func (n *Node) getHealth(w http.ResponseWriter, _ *http.Request) {
	reply(w, map[string]string{"status": "alive", "node": n.config.Node.Name, "region": n.config.Region.Name})
}

// readiness is the answer to who asks whether a node answers for its Region.
type readiness struct {
	Ready bool   `json:"ready"`
	Node  string `json:"node"`
	Why   string `json:"why,omitempty"` // it does not
}

// getReady says whether this node answers for its Region, and why not.
func (n *Node) getReady(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	why := n.unready()
	if why != "" {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(readiness{Ready: why == "", Node: n.config.Node.Name, Why: why})
}
