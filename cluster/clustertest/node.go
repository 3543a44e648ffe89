// Package clustertest plays the node processes of a cluster, for tests of what starts, stops and asks them.
//
// A played node has a real folder, real ports and a real admin socket, and it obeys faults and dials as tables, but it stores
// nothing: the lowest-numbered voter of a Region that lives leads, each is ready at once, and links owe a key while a
// partition cuts them. Two files in its folder make it misbehave: crash (it ends at once, code 7) and deaf (it never
// becomes ready). A node without a vote is not ready; the membership is a file in the Region's folder.
//
// A test's TestMain hands command lines of processes to Main; FreePort finds room for a cluster.
//
// Node starts goroutines for its ports and stops them before it returns.
package clustertest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"meridian/cluster/control"
	"meridian/cluster/fault"
	"meridian/cluster/layout"
	"meridian/replication"
)

// Names of files in a node's folder that make it misbehave.
const (
	Crash = "crash"
	Deaf  = "deaf"
)

// CrashCode is the exit code of a node with a file Crash.
const CrashCode = 7

// node is one played node.
type node struct {
	file   *layout.Cluster
	self   *layout.Node
	dir    layout.NodeDir
	faults *fault.Layer
	dial   replication.Dial
	token  string
	stop   context.CancelFunc
}

// Node plays a node until ctx ends or it is told to shut down.
func Node(ctx context.Context, d layout.Dir, name string, log *slog.Logger) error {
	file, err := layout.ReadCluster(d)
	if err != nil {
		return err
	}
	n := &node{file: file, dir: d.Node(name), token: rand.Text()}
	var ok bool
	if n.self, ok = file.Node(name); !ok {
		return fmt.Errorf("no node %s", name)
	}
	own, err := layout.ReadNode(n.dir)
	if err != nil {
		return err
	}
	if own.ID != n.self.ID {
		return fmt.Errorf("the folder belongs to node %s, not %s", own.ID, n.self.ID)
	}
	if n.has(Crash) {
		log.Error("as it was told, this node ends")
		os.Exit(CrashCode)
	}
	n.faults = fault.New(name, fault.Names(file), 1)
	table, err := fault.Load(d.FaultsFile())
	if err == nil {
		err = n.faults.Set(table)
	}
	if err != nil {
		return err
	}
	dials, err := replication.LoadDials(d.DialsFile())
	if err == nil {
		err = n.dial.Set(dials)
	}
	if err != nil {
		return err
	}
	ctx, n.stop = context.WithCancel(ctx)
	defer n.stop()
	log.Info("node started", "node", name)
	return n.serve(ctx)
}

func (n *node) has(name string) bool {
	_, err := os.Stat(filepath.Join(string(n.dir), name))
	return err == nil
}

func (n *node) serve(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	listen := func(addr string, h http.Handler) (net.Listener, error) {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return nil, err
		}
		s := &http.Server{Handler: h}
		g.Go(func() error {
			if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		})
		g.Go(func() error {
			<-ctx.Done()
			grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			return s.Shutdown(grace)
		})
		return l, nil
	}
	admin, err := listen("127.0.0.1:0", n.admin())
	if err == nil {
		f := layout.AdminFile{Format: layout.Format, Addr: admin.Addr().String(), Token: n.token}
		err = layout.WriteFile(n.dir.Admin(), f, 0o600)
	}
	if err == nil { // last, as a real node: who sees it ready finds its admin socket
		_, err = listen(n.self.KMS, n.kms())
	}
	if err != nil {
		n.stop()
	}
	return errors.Join(err, g.Wait())
}

// kms answers on the KMS port: it tells who answered, and what came.
func (n *node) kms() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_meridian/health", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /_meridian/ready", func(w http.ResponseWriter, _ *http.Request) {
		if !n.ready() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		reply(w, map[string]string{"node": n.self.Name, "host": r.Host, "body": string(body)})
	})
	return mux
}

// admin serves the admin protocol.
func (n *node) admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) { reply(w, n.status()) })
	mux.HandleFunc("GET /v1/lag", func(w http.ResponseWriter, _ *http.Request) { reply(w, n.lag()) })
	mux.HandleFunc("PUT /v1/faults", func(w http.ResponseWriter, r *http.Request) {
		var t fault.Table
		if err := json.NewDecoder(r.Body).Decode(&t); err != nil || n.faults.Set(t) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		reply(w, control.Faults{Version: n.faults.Version()})
	})
	mux.HandleFunc("PUT /v1/dials", func(w http.ResponseWriter, r *http.Request) {
		var d replication.Dials
		if err := json.NewDecoder(r.Body).Decode(&d); err != nil || n.dial.Set(d) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		reply(w, n.dial.Now())
	})
	mux.HandleFunc("GET /v1/events", n.events)
	mux.HandleFunc("POST /v1/layout", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }) // it reads it each time
	(&membership{node: n}).handle(mux)
	mux.HandleFunc("POST /v1/shutdown", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		n.stop()
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+n.token {
			refuse(w, http.StatusUnauthorized, "wrong token")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (n *node) ready() bool {
	n.settle()
	return !n.has(Deaf) && n.belongs()
}

// status finds the leader: the first node of the Region that has a vote and answers.
func (n *node) status() control.Status {
	s := control.Status{
		ClusterID: n.file.ID, Region: layout.RegionOf(n.self.Name), Name: n.self.Name, ID: n.self.ID, PID: os.Getpid(),
		Role: control.Follower, Term: 1, Ready: n.ready(), Seq: 1, Life: 1,
		Endpoint: "http://" + n.self.KMS, FaultVersion: n.faults.Version(),
	}
	if n.self.ReadReplica {
		s.Role = control.Nonvoter
	}
	for i, other := range n.region().Nodes {
		if !n.votes(&other) {
			continue
		}
		if other.Name == n.self.Name {
			s.Role, s.Term = control.Leader, uint64(i+1)
			break
		}
		if answers(other.KMS) {
			break
		}
	}
	return s
}

// answers says whether a node lives; a paused one accepts connections but does not answer.
func answers(addr string) bool {
	client := http.Client{Timeout: 300 * time.Millisecond, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + addr + "/_meridian/health")
	if err != nil {
		return false
	}
	resp.Body.Close()
	return true
}

// lag owes a key to each Region that a partition cuts off.
func (n *node) lag() []control.Lag {
	lags := []control.Lag{}
	table, _ := fault.Load(n.root().FaultsFile())
	for _, r := range n.file.Regions {
		if r.Name == layout.RegionOf(n.self.Name) {
			continue
		}
		l := control.Lag{From: layout.RegionOf(n.self.Name), To: r.Name, LinkUp: true}
		for _, rule := range table.Live(time.Now()) {
			if rule.Kind == fault.Partition && (rule.A == l.From && rule.B == l.To || rule.A == l.To && rule.B == l.From) {
				l.LinkUp, l.PendingKeys, l.OldestMillis = false, 1, 1500
			}
		}
		lags = append(lags, l)
	}
	return lags
}

// events are two, an hour apart; those of the second node's log would be the same.
func (n *node) events(w http.ResponseWriter, r *http.Request) {
	out := json.NewEncoder(w)
	for i, at := range []string{"2026-01-01T00:00:00.000Z", "2026-01-01T01:00:00.000Z"} {
		e := control.Event{Region: layout.RegionOf(n.self.Name), Seq: uint64(i + 1), Time: at, Type: "KeyCreated", Key: fmt.Sprintf("mrk-%032x", i+1), Data: json.RawMessage(`{}`)}
		if key := r.URL.Query().Get("key"); key == "" || key == e.Key {
			_ = out.Encode(e)
		}
	}
}

func reply(w http.ResponseWriter, v any) {
	_ = json.NewEncoder(w).Encode(v) // an error means that nobody listens any more
}
