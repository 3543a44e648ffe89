package clustertest

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"meridian/cluster/control"
	"meridian/cluster/layout"
)

// NoVotes is a file in a Region's folder that keeps its leader from giving votes.
const NoVotes = "no-votes"

// membersFile is the membership of a played Region: its leader writes it, in the Region's folder.
const membersFile = "members.json"

// Members returns the membership of a played Region: everybody in cluster.json who does not say that it joins, until the
// leader changed it.
func Members(d layout.Dir, file *layout.Cluster, region string) (list []control.Member) {
	b, err := os.ReadFile(filepath.Join(string(d), region, membersFile))
	if err == nil && json.Unmarshal(b, &list) == nil {
		return list
	}
	r, _ := file.Region(region)
	for _, n := range r.Nodes {
		if f, err := layout.ReadNode(d.Node(n.Name)); err == nil && f.Joining {
			continue
		}
		list = append(list, control.Member{ID: n.ID, Addr: n.Internal, Voter: true})
	}
	return list
}

// membership is the part of the admin protocol that changes it. As a real leader does, it takes a member without a
// vote first, gives one that answers its vote, and keeps a quorum.
type membership struct {
	*node
	mu sync.Mutex
}

func (m *membership) handle(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/members", func(w http.ResponseWriter, _ *http.Request) { reply(w, m.members()) })
	mux.HandleFunc("POST /v1/members", func(w http.ResponseWriter, r *http.Request) {
		var next control.Member
		if err := json.NewDecoder(r.Body).Decode(&next); err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		m.change(w, func(list []control.Member) ([]control.Member, string) {
			i := slices.IndexFunc(list, func(old control.Member) bool { return old.Addr == next.Addr })
			switch {
			case i >= 0 && list[i].ID != next.ID:
				return nil, "the address is taken"
			case i < 0 && next.Voter:
				return nil, "no member yet"
			case i < 0:
				return append(list, next), ""
			case !answers(m.addrOf(next)), m.barred():
				return nil, "it has not caught up"
			}
			list[i].Voter = true
			return list, ""
		})
	})
	mux.HandleFunc("DELETE /v1/members/{id}", func(w http.ResponseWriter, r *http.Request) {
		m.change(w, func(list []control.Member) ([]control.Member, string) {
			list = slices.DeleteFunc(list, func(old control.Member) bool { return old.ID == r.PathValue("id") })
			alive := 0
			for _, left := range list {
				if answers(m.addrOf(left)) {
					alive++
				}
			}
			if alive <= len(list)/2 {
				return nil, "that is no majority"
			}
			return list, ""
		})
	})
}

func (m *membership) members() []control.Member {
	return Members(m.root(), m.file, layout.RegionOf(m.self.Name))
}

// region is the node's Region as cluster.json has it now.
func (n *node) region() *layout.Region {
	file, err := layout.ReadCluster(n.root())
	if err != nil {
		file = n.file
	}
	r, _ := file.Region(layout.RegionOf(n.self.Name))
	return r
}

// change makes a change on the leader, or answers why not.
func (m *membership) change(w http.ResponseWriter, change func([]control.Member) ([]control.Member, string)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.status().Role != control.Leader {
		refuse(w, http.StatusServiceUnavailable, "not the leader")
		return
	}
	list, no := change(m.members())
	if no != "" {
		refuse(w, http.StatusConflict, no)
		return
	}
	if err := layout.WriteFile(filepath.Join(string(m.root()), layout.RegionOf(m.self.Name), membersFile), list, 0o644); err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
	}
}

// addrOf is the KMS address of the node that a member is.
func (m *membership) addrOf(member control.Member) string {
	for _, n := range m.region().Nodes {
		if n.Internal == member.Addr {
			return n.KMS
		}
	}
	return ""
}

// barred says whether votes are held back.
func (m *membership) barred() bool {
	_, err := os.Stat(filepath.Join(string(m.root()), layout.RegionOf(m.self.Name), NoVotes))
	return err == nil
}

// root is the folder of the cluster.
func (n *node) root() layout.Dir { return layout.Dir(filepath.Join(string(n.dir), "..", "..")) }

// belongs says whether the node is a member that is to be ready: with a vote, or as a read replica.
func (n *node) belongs() bool {
	return n.votes(n.self) || n.self.ReadReplica && slices.ContainsFunc(Members(n.root(), n.file, layout.RegionOf(n.self.Name)), func(m control.Member) bool {
		return m.ID == n.self.ID
	})
}

// votes says whether the membership counts on a node. Of others a node may know an id that is not theirs any more.
func (n *node) votes(other *layout.Node) bool {
	return slices.ContainsFunc(Members(n.root(), n.file, layout.RegionOf(n.self.Name)), func(m control.Member) bool {
		return m.Voter && m.Addr == other.Internal && (other.Name != n.self.Name || m.ID == other.ID)
	})
}

// settle writes down that the node is a member, once it is.
func (n *node) settle() {
	f, err := layout.ReadNode(n.dir)
	if err != nil || !f.Joining {
		return
	}
	member := func(m control.Member) bool { return m.ID == n.self.ID }
	if f.Joining = !slices.ContainsFunc(Members(n.root(), n.file, layout.RegionOf(n.self.Name)), member); !f.Joining {
		_ = layout.WriteNode(n.dir, f) // the next one tries again
	}
}

func refuse(w http.ResponseWriter, status int, reason string) {
	w.WriteHeader(status)
	reply(w, map[string]string{"error": reason})
}
