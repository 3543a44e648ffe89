package node

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"meridian/cluster/control"
	"meridian/cluster/fault"
	"meridian/cluster/layout"
	"meridian/eventlog/raftlog"
	"meridian/keyengine"
)

// maxAdminBody bounds the body of an admin request in bytes.
const maxAdminBody = 1 << 20

// adminHandler serves the admin protocol.
func (n *Node) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) { reply(w, n.Status()) })
	mux.HandleFunc("GET /v1/lag", func(w http.ResponseWriter, _ *http.Request) { reply(w, n.lag()) })
	mux.HandleFunc("GET /v1/clock", func(w http.ResponseWriter, _ *http.Request) { reply(w, n.clock()) })
	mux.HandleFunc("POST /v1/clock", n.advanceClock)
	mux.HandleFunc("POST /v1/seed", n.seedKey)
	mux.HandleFunc("POST /v1/call", n.callAsRoot)
	mux.HandleFunc("POST /v1/fence", n.fenceLost)
	mux.HandleFunc("POST /v1/promote", n.forcePromote)
	mux.HandleFunc("PUT /v1/faults", n.putFaults)
	mux.HandleFunc("POST /v1/layout", n.postLayout)
	mux.HandleFunc("POST /v1/identity", n.reloadIdentity)
	mux.HandleFunc("GET /v1/dials", func(w http.ResponseWriter, _ *http.Request) { reply(w, n.dial().Now()) })
	mux.HandleFunc("PUT /v1/dials", n.putDials)
	mux.HandleFunc("GET /v1/events", n.getEvents)
	mux.HandleFunc("GET /v1/records", n.getRecords)
	mux.HandleFunc("GET /v1/keys", n.getHoldings)
	mux.HandleFunc("GET /v1/keys/{id}", n.getKey)
	mux.HandleFunc("POST /v1/explain", n.explain)
	mux.HandleFunc("POST /v1/checkpoint", n.checkpoint)
	mux.HandleFunc("GET /v1/backup", n.getBackup)
	mux.HandleFunc("GET /v1/members", n.getMembers)
	mux.HandleFunc("POST /v1/members", n.postMember)
	mux.HandleFunc("DELETE /v1/members/{id}", n.deleteMember)
	mux.HandleFunc("POST /v1/shutdown", n.shutdown)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return n.authorized(mux)
}

// authorized lets requests through that carry the token.
func (n *Node) authorized(h http.Handler) http.Handler {
	want := []byte("Bearer " + n.config.Token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1 {
			refuse(w, http.StatusUnauthorized, errors.New("the token of admin.json is needed"))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxAdminBody)
		h.ServeHTTP(w, r)
	})
}

// Status returns what this node knows about itself.
func (n *Node) Status() control.Status {
	c, meta, lead := &n.config, n.store.Meta(), n.log.Leadership()
	s := control.Status{
		ClusterID: c.Cluster.ID, Region: c.Region.Name, Name: c.Node.Name, ID: c.Node.ID, PID: os.Getpid(), Version: c.Version,
		Role: control.Follower, Term: n.log.Term(), Ready: n.ready(),
		Seq: meta.Seq, Digest: hex.EncodeToString(meta.Digest[:]), Chain: hex.EncodeToString(meta.Chain[:]), Life: n.region.Life(),
		FeatureLevel: n.region.Level(), KnownLevel: keyengine.FeatureLevel,
		Endpoint: "http://" + c.Node.KMS, FaultVersion: c.Faults.Version(), Identity: control.Identity(n.keys.State()), StartedAt: n.started.UnixMilli(),
	}
	if own, member := n.membership(context.Background()); member && !own.Voter {
		s.Role = control.Nonvoter
	}
	if lead.Leader {
		s.Role = control.Leader
	}
	for _, other := range n.aroundRegion().Nodes { // by address: a node that was replaced has an id that this one never read
		if other.Internal == lead.Addr {
			s.Leader = other.Name
		}
	}
	return s
}

func (n *Node) lag() []control.Lag {
	lags := []control.Lag{}
	for _, l := range n.region.Lag() {
		lags = append(lags, control.Lag{
			From: n.config.Region.Name, To: l.To, LinkUp: l.LinkUp, Paused: l.Paused, FeatureLevel: l.Level, PendingKeys: l.PendingKeys,
			SaidKeys: l.SaidKeys, DelayedKeys: l.DelayedKeys, NextDueMillis: l.NextDue, OldestMillis: l.OldestMillis,
		})
	}
	return lags
}

func (n *Node) putFaults(w http.ResponseWriter, r *http.Request) {
	var t fault.Table
	if err := json.NewDecoder(r.Body).Decode(&t); err != nil {
		refuse(w, http.StatusBadRequest, fmt.Errorf("fault table: %w", err))
		return
	}
	if err := n.config.Faults.Set(t); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	reply(w, control.Faults{Version: n.config.Faults.Version()})
}

func (n *Node) reloadIdentity(w http.ResponseWriter, _ *http.Request) {
	if err := n.keys.Reload(); err != nil {
		n.config.Logger.Warn("the identity file is not in force, the old one stays", "err", err)
	}
	reply(w, control.Identity(n.keys.State()))
}

func (n *Node) checkpoint(w http.ResponseWriter, _ *http.Request) {
	path := filepath.Join(string(n.config.Dir), "checkpoint-"+strconv.FormatInt(time.Now().UnixNano(), 36))
	if err := n.store.Checkpoint(path); err != nil {
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	reply(w, control.Checkpoint{Path: path})
}

func (n *Node) getMembers(w http.ResponseWriter, r *http.Request) {
	list, err := n.log.Members(r.Context())
	if err != nil {
		refuse(w, statusOf(err), err)
		return
	}
	answer := make([]control.Member, 0, len(list))
	for _, m := range list {
		answer = append(answer, control.Member(m))
	}
	reply(w, answer)
}

func (n *Node) postMember(w http.ResponseWriter, r *http.Request) {
	var m control.Member
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		refuse(w, http.StatusBadRequest, fmt.Errorf("member: %w", err))
		return
	}
	n.changed(w, n.members.add(r.Context(), raftlog.Member(m)), "added", m.ID)
}

func (n *Node) deleteMember(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	n.changed(w, n.members.remove(r.Context(), id), "removed", id)
}

// changed answers a change of the membership.
func (n *Node) changed(w http.ResponseWriter, err error, what, id string) {
	if err != nil {
		refuse(w, statusOf(err), err)
		return
	}
	n.config.Logger.Info("membership changed", what, id)
	w.WriteHeader(http.StatusNoContent)
}

func (n *Node) shutdown(w http.ResponseWriter, _ *http.Request) {
	if n.config.Stop == nil {
		refuse(w, http.StatusNotImplemented, errors.New("this node is stopped by what started it"))
		return
	}
	w.WriteHeader(http.StatusAccepted)
	n.config.Stop()
}

// getEvents streams the events of the log, and with follow=1 goes on with those to come.
func (n *Node) getEvents(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	from, err := seqOf(q.Get("from"))
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	key := q.Get("key")
	if i := strings.LastIndex(key, "/"); i >= 0 {
		key = key[i+1:] // of a key ARN
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := json.NewEncoder(w)
	flush := http.NewResponseController(w)
	for {
		for stored := range n.store.Events(from) {
			for _, e := range n.describe(stored) {
				if key != "" && e.Key != key {
					continue
				}
				if out.Encode(e) != nil {
					return
				}
			}
			from = stored.Seq + 1
		}
		if q.Get("follow") == "" || flush.Flush() != nil || n.store.WaitApplied(r.Context(), from) != nil {
			return
		}
	}
}

// getRecords streams the records of the log as they are stored, to the present end.
func (n *Node) getRecords(w http.ResponseWriter, r *http.Request) {
	from, err := seqOf(r.URL.Query().Get("from"))
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := json.NewEncoder(w)
	for stored := range n.store.Events(from) {
		if out.Encode(control.Record{Seq: stored.Seq, Record: stored.Record}) != nil {
			return
		}
	}
}

// seqOf is the seq that a query asks for; empty: the first.
func seqOf(text string) (uint64, error) {
	if text == "" {
		return 1, nil
	}
	seq, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("from=%s is not a seq", text)
	}
	return max(seq, 1), nil
}

// writeAdminFile tells who may read the node's folder where the admin socket is.
func (c *Config) writeAdminFile() error {
	return layout.WriteFile(c.Dir.Admin(), layout.AdminFile{Format: layout.Format, Addr: c.Admin.Addr().String(), Token: c.Token}, 0o600)
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // an error means that nobody listens any more
}

func refuse(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
}
