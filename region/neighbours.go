package region

// Neighbours are the nodes around this one.
type Neighbours struct {
	Voters      int      // of the Region, this node among them if it is one
	Others      []string // internal addresses of the other nodes, read replicas included
	OtherVoters []string // of those that vote, or will
}

// SetNeighbours says which nodes the Region has from now on: they come and go. Readings of clocks that are being taken
// and reads that are being passed on still go by the ones before.
func (r *Region) SetNeighbours(n Neighbours) { r.around.Store(&n) }
