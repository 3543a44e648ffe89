// Package rebirth begins the history of a Region anew: from what the nodes that survived the loss of its majority
// hold, or from a backup.
//
// It promises: the folders that it reads are not changed; what it makes holds a state that every record of the event
// log was evolved into again; and all nodes of the Region begin with the same state, as members with new ids of a new
// Raft group, so that no node that was thought lost can join them or outvote them.
//
// It does not know processes, cluster.json or the key ring: package cluster does. The new life itself is begun by the
// Region's first leader, because cluster.json asks for it.
//
// Use: Extract from a node that does not run, or have a backup; Begin anew from either; Plant in every node's new
// folder. Nothing here starts a goroutine that outlives a call.
package rebirth
