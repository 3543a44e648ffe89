package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"meridian/cluster/layout"
	"meridian/cluster/observability"
	"meridian/keyengine/kmsapi"
	"meridian/region/awsjson"
	"meridian/region/trace"
)

// Limits of the front door.
const (
	maxBody    = awsjson.DefaultMaxBody
	maxAnswer  = 4 << 20 // of an answer, in bytes
	maxHeaders = 64 << 10
)

// Tempo of the front door.
type Tempo struct {
	Poll    time.Duration // between two questions whether a node is ready
	Look    time.Duration // between two looks at which nodes there are
	Answer  time.Duration // until a node must have answered that
	Attempt time.Duration // until a node must have answered a call
	Search  time.Duration // for how long a call looks for a node
}

// DefaultTempo is for processes on one machine.
func DefaultTempo() Tempo {
	return Tempo{Poll: 150 * time.Millisecond, Look: 500 * time.Millisecond, Answer: time.Second, Attempt: 6 * time.Second, Search: 3 * time.Second}
}

// FrontDoor is one address for all Regions and one address for each, in front of nodes that come and go. It knows no
// leader: any node takes any call. What callers signed (host, headers, body) it passes on as it is.
type FrontDoor struct {
	file    *layout.Cluster
	tempo   Tempo
	log     *slog.Logger
	regions map[string]*pool
	client  *http.Transport
	metrics *observability.Front
	tracer  *trace.Tracer
	reread  func() (*layout.Cluster, error) // which nodes there are; nil: those in file, always
	orders  func() (recordOrder, error)     // what is to be recorded; nil: nothing, ever
	tape    *tape
}

// NewFrontDoor returns the front door of a cluster.
func NewFrontDoor(file *layout.Cluster, tempo Tempo, log *slog.Logger) *FrontDoor {
	f := &FrontDoor{
		file: file, tempo: tempo, log: log,
		regions: make(map[string]*pool), tape: newTape(), metrics: observability.NewFront(""),
		client: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: tempo.Answer}).DialContext,
			MaxIdleConnsPerHost: 128,
			IdleConnTimeout:     30 * time.Second,
			DisableCompression:  true, // what is signed or answered passes unchanged
		},
	}
	for _, r := range file.Regions {
		f.regions[r.Name] = newPool(r)
	}
	return f
}

// Instrument says which program this is, in the metrics, and where traces go; nil: calls are not traced. It is called
// before Run and Handler, or not at all.
func (f *FrontDoor) Instrument(version string, tracer *trace.Tracer) {
	f.metrics, f.tracer = observability.NewFront(version), tracer
}

// Follow has the front door take up the nodes that come, and forget those that go, as cluster.json in that folder says,
// and record what record.json there says. It is called before Run.
func (f *FrontDoor) Follow(d layout.Dir) *FrontDoor {
	f.reread = func() (*layout.Cluster, error) { return layout.ReadCluster(d) }
	f.orders = func() (recordOrder, error) { return loadRecordOrder(d) }
	return f
}

// keepRecording looks for what is to be recorded, until ctx ends.
func (f *FrontDoor) keepRecording(ctx context.Context) {
	tick := time.NewTicker(f.tempo.Poll)
	defer tick.Stop()
	defer f.tape.obey(recordOrder{}, f.file.ID)
	for {
		if order, err := f.orders(); err == nil {
			f.tape.obey(order, f.file.ID)
		} else {
			f.log.Warn("what is to be recorded cannot be read", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Run listens on all ports and serves until ctx ends.
func (f *FrontDoor) Run(ctx context.Context) error {
	var listeners []net.Listener
	var servers []*http.Server
	add := func(port int, h http.Handler) error {
		l, err := net.Listen("tcp", f.file.Addr(port))
		if err != nil {
			return fmt.Errorf("the front door cannot listen: %w", err)
		}
		listeners = append(listeners, l)
		servers = append(servers, &http.Server{
			Handler: h, MaxHeaderBytes: maxHeaders,
			ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
			ConnState: func(c net.Conn, s http.ConnState) {
				if s == http.StateClosed {
					f.tape.forget(c.RemoteAddr().String())
				}
			},
			ErrorLog: slog.NewLogLogger(f.log.Handler(), slog.LevelWarn),
		})
		return nil
	}
	err := add(f.file.Port, f.Handler(""))
	for _, r := range f.file.Regions {
		err = errors.Join(err, add(r.Port, f.Handler(r.Name)))
	}
	if err != nil {
		for _, l := range listeners {
			l.Close()
		}
		return err
	}
	defer f.client.CloseIdleConnections()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { f.Poll(ctx); return nil })
	if f.orders != nil {
		g.Go(func() error { f.keepRecording(ctx); return nil })
	}
	for i, s := range servers {
		g.Go(func() error {
			if err := s.Serve(listeners[i]); !errors.Is(err, http.ErrServerClosed) {
				return err
			}
			return nil
		})
		g.Go(func() error {
			<-ctx.Done()
			grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.tempo.Search)
			defer cancel()
			if s.Shutdown(grace) != nil {
				s.Close()
			}
			return nil
		})
	}
	f.log.Info("front door open", "addr", f.file.Addr(f.file.Port))
	return g.Wait()
}

// Handler serves one port: that of a Region, or the front door's own with an empty name, which goes by the signature.
func (f *FrontDoor) Handler(region string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_meridian/health", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /_meridian/ready", f.getReady)
	mux.HandleFunc("GET /_meridian/{$}", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, f.overview())
	})
	mux.Handle("GET /metrics", f.metrics.Handler())
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		began, seen := time.Now(), &statusSeen{ResponseWriter: w}
		ctx, span := f.tracer.Arrive(r.Context(), "front door", r.Header)
		to := f.call(seen, r.WithContext(ctx), region)
		f.metrics.Answered(to, seen.status, time.Since(began))
		span.Text("meridian.region", to)
		span.Text("meridian.request_id", w.Header().Get(awsjson.RequestIDHeader))
		span.Number("http.response.status_code", int64(seen.status))
		if seen.status >= http.StatusInternalServerError {
			span.Failed("failed")
		}
		span.End(nil)
	})
	return mux
}

// getReady says whether each Region has a node that is ready.
func (f *FrontDoor) getReady(w http.ResponseWriter, _ *http.Request) {
	o, status := f.overview(), http.StatusOK
	for _, r := range o.Regions {
		if len(r.Ready) == 0 {
			status = http.StatusServiceUnavailable
		}
	}
	writeJSON(w, status, o)
}

// Overview is what the front door knows of the cluster.
type Overview struct {
	ClusterID string           `json:"clusterId"`
	Endpoint  string           `json:"endpoint"`
	Regions   []RegionOverview `json:"regions"`
	Recording *Recording       `json:"recording,omitempty"`
}

// RegionOverview is what the front door knows of a Region.
type RegionOverview struct {
	Region   string   `json:"region"`
	Endpoint string   `json:"endpoint"`
	Nodes    []string `json:"nodes"`
	Ready    []string `json:"ready"` // nodes that take calls
}

func (f *FrontDoor) overview() Overview {
	o := Overview{ClusterID: f.file.ID, Endpoint: "http://" + f.file.Addr(f.file.Port), Recording: f.tape.state()}
	for _, r := range f.file.Regions {
		ro := RegionOverview{Region: r.Name, Endpoint: "http://" + f.file.Addr(r.Port), Ready: []string{}}
		for _, b := range f.regions[r.Name].nodes() {
			ro.Nodes = append(ro.Nodes, b.name)
			if b.ready.Load() {
				ro.Ready = append(ro.Ready, b.name)
			}
		}
		o.Regions = append(o.Regions, ro)
	}
	return o
}

// statusSeen notes the status of an answer.
type statusSeen struct {
	http.ResponseWriter
	status int // 0: the caller left before there was one
}

// WriteHeader implements http.ResponseWriter.
func (s *statusSeen) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// call passes one call of the API on, and returns the Region that it is for; empty: none was found.
func (f *FrontDoor) call(w http.ResponseWriter, r *http.Request, region string) string {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		refuse(w, awsjson.TooLarge(maxBody)) // as a node would
		return ""
	case err != nil:
		return "" // the caller left
	}
	p, fault := f.route(r, region)
	if fault != nil {
		refuse(w, fault)
		return ""
	}
	heard := &heard{ResponseWriter: w}
	flight := f.tape.begin(r, p.region, body)
	f.pass(heard, r, p, body)
	f.tape.end(flight, heard.status, w.Header(), heard.body)
	return p.region
}

// heard keeps what is answered to a caller.
type heard struct {
	http.ResponseWriter
	status int
	body   []byte
}

// WriteHeader implements http.ResponseWriter.
func (h *heard) WriteHeader(status int) {
	h.status = status
	h.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (h *heard) Write(b []byte) (int, error) {
	h.body = append(h.body, b...)
	return h.ResponseWriter.Write(b)
}

// refuse answers in the front door's own name.
func refuse(w http.ResponseWriter, fault *kmsapi.Fault) {
	h := w.Header()
	h.Set("Content-Type", "application/x-amz-json-1.1")
	h.Set("X-Amzn-Requestid", uuid.NewString())
	w.WriteHeader(fault.StatusCode())
	_ = json.NewEncoder(w).Encode(struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}{fault.Code, fault.Message}) // an error means that the caller left
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
