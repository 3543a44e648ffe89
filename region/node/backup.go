package node

import "net/http"

// getBackup streams the state as it is now, while it changes on. It holds wrapped material and nothing that could
// unwrap it.
func (n *Node) getBackup(w http.ResponseWriter, _ *http.Request) {
	s, err := n.store.Snapshot()
	if err != nil {
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	defer s.Release()
	w.Header().Set("Content-Type", "application/octet-stream")
	if _, err := s.WriteTo(w); err != nil {
		n.config.Logger.Warn("a backup was not finished", "err", err)
		panic(http.ErrAbortHandler) // not as if it had ended here
	}
}
