package forward

import (
	"context"
	"encoding/json"
	"io"
	"net/http"

	"meridian/keyengine"
)

// Peer is what other nodes may ask of a node.
type Peer interface {
	// Position returns how far this node has applied its log, if it leads; an error otherwise.
	Position(ctx context.Context) (Position, error)
	// WallClock returns the node's wall clock, ms since 1970 UTC.
	WallClock() int64
	// Standing returns how this node takes part in the log.
	Standing() Standing
	// RecordUses records uses of keys that another node has seen, if this node leads; an error
	// otherwise.
	RecordUses(ctx context.Context, uses []keyengine.Use) error
}

// Handler serves the calls that arrive at a Port: forwarded requests by calls, questions by peer.
func Handler(calls http.Handler, peer Peer) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /{$}", calls)
	mux.HandleFunc("GET "+pathPosition, func(w http.ResponseWriter, r *http.Request) {
		pos, err := peer.Position(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		answer(w, pos)
	})
	mux.HandleFunc("GET "+pathClock, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, peer.WallClock())
	})
	mux.HandleFunc("GET "+pathStanding, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, peer.Standing())
	})
	mux.HandleFunc("POST "+pathUses, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxUsesBytes))
		var uses []keyengine.Use
		if err == nil {
			uses, err = readUses(body)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err := peer.RecordUses(r.Context(), uses); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	// An error means that the asking node is gone; nobody is left to tell.
	_ = json.NewEncoder(w).Encode(v)
}
