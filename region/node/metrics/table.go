package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"meridian/eventlog/raftlog"
	"meridian/region"
	"meridian/replication"
)

func counter[T any](name, help string, value func(*T) float64, labels ...string) measure[T] {
	return measure[T]{desc: prometheus.NewDesc(name, help, labels, nil), kind: prometheus.CounterValue, value: value}
}

func gauge[T any](name, help string, value func(*T) float64, labels ...string) measure[T] {
	return measure[T]{desc: prometheus.NewDesc(name, help, labels, nil), kind: prometheus.GaugeValue, value: value}
}

// where leaves a metric out where it is not known.
func (m measure[T]) where(known func(*T) bool) measure[T] {
	m.known = known
	return m
}

// plain are the metrics that have no labels but the node's.
func plain() []measure[reading] {
	all := []measure[reading]{
		gauge("meridian_node_ready", "1 if this node answers for its Region: it has caught up, and has heard its leader lately.", func(r *reading) float64 { return truth(r.ready) }),
		gauge("meridian_node_staleness_seconds", "How old an answer from this node's applied state may be.", func(r *reading) float64 { return r.region.Staleness.Seconds() }).
			where(func(r *reading) bool { return r.region.Staleness != region.Never }),
		gauge("meridian_region_life", "Number of the Region's present history; greater than 1 after a recovery with loss.", func(r *reading) float64 { return float64(r.region.Life) }),
		gauge("meridian_materials_unwrapped", "Key materials that are unwrapped in this node's memory.", func(r *reading) float64 { return float64(r.region.Materials) }),
		gauge("meridian_usage_unreported_keys", "Keys whose use this node has noted and not reported to its leader yet.", func(r *reading) float64 { return float64(r.region.Uses) }),
		gauge("meridian_audit_queue_records", "Calls and events that wait to be written to this node's record of calls.", func(r *reading) float64 { return float64(r.audit.Queued) }),
		counter("meridian_audit_lost_records_total", "Calls and events that are missing in this node's record of calls: its queue was full, or its disk.", func(r *reading) float64 { return float64(r.audit.Lost) }),
		gauge("meridian_proposer_queue_commands", "Commands that wait to be decided by this node.", func(r *reading) float64 { return float64(r.region.Queued) }),
		counter("meridian_proposer_refused_commands_total", "Commands that found the proposer's queue full and were throttled.", func(r *reading) float64 { return float64(r.region.TurnedOff) }),
	}
	all = append(all, ofRaft()...)
	all = append(all, ofStore()...)
	return append(all, ofRelay()...)
}

func ofRaft() []measure[reading] {
	return []measure[reading]{
		gauge("meridian_raft_term", "Newest Raft term that this node knows of.", func(r *reading) float64 { return float64(r.log.Term) }),
		gauge("meridian_raft_last_index", "Raft index of the newest entry on this node's disk.", func(r *reading) float64 { return float64(r.log.Last) }),
		gauge("meridian_raft_commit_index", "Raft index up to which this node knows entries to be committed.", func(r *reading) float64 { return float64(r.log.Commit) }),
		gauge("meridian_raft_applied_index", "Raft index up to which this node has applied entries.", func(r *reading) float64 { return float64(r.log.Applied) }),
		gauge("meridian_raft_leader_contact_seconds", "How long ago this node heard its leader; 0 where it leads.", func(r *reading) float64 { return r.log.SinceContact.Seconds() }).
			where(func(r *reading) bool { return r.log.Heard && r.log.Role != raftlog.RoleNone }),
		gauge("meridian_raft_appends_in_flight", "Appends to the log that wait for their end.", func(r *reading) float64 { return float64(r.log.InFlight) }),
		counter("meridian_raft_elections_total", "Elections that this node began.", func(r *reading) float64 { return float64(r.log.Elections) }),
		counter("meridian_raft_leader_changes_total", "Leaders that this node saw begin.", func(r *reading) float64 { return float64(r.log.LeaderChanges) }),
		counter("meridian_raft_snapshots_made_total", "Snapshots that this node made of its own state.", func(r *reading) float64 { return float64(r.log.SnapshotsMade) }),
		counter("meridian_raft_snapshots_received_total", "Snapshots that a leader sent this node and that are in its state.", func(r *reading) float64 { return float64(r.log.SnapshotsTaken) }),
	}
}

func ofStore() []measure[reading] {
	return []measure[reading]{
		gauge("meridian_store_seq", "Number of the newest record that this node has applied.", func(r *reading) float64 { return float64(r.store.Seq) }),
		counter("meridian_store_applied_entries_total", "Entries of the log that this node has applied.", func(r *reading) float64 { return float64(r.store.Entries) }),
		counter("meridian_store_batches_total", "Batches that this node has committed to its store.", func(r *reading) float64 { return float64(r.store.Batches) }),
		counter("meridian_store_apply_seconds_total", "Time that this node has spent on applying entries.", func(r *reading) float64 { return r.store.Applied.Seconds() }),
		gauge("meridian_store_disk_bytes", "Size of the store on the disk.", func(r *reading) float64 { return float64(r.store.DiskBytes) }),
		gauge("meridian_store_wal_bytes", "Size of the store's write-ahead log.", func(r *reading) float64 { return float64(r.store.WALBytes) }),
		gauge("meridian_store_memtable_bytes", "Size of what the store holds in memory and has not written to tables.", func(r *reading) float64 { return float64(r.store.MemTableBytes) }),
		gauge("meridian_store_tables", "Table files of the store.", func(r *reading) float64 { return float64(r.store.TableFiles) }),
		gauge("meridian_store_top_level_tables", "Table files that every read may have to look into.", func(r *reading) float64 { return float64(r.store.TopFiles) }),
		gauge("meridian_store_read_amplification", "Tables that a read may have to look into.", func(r *reading) float64 { return float64(r.store.ReadAmp) }),
		counter("meridian_store_flushes_total", "Times that the store wrote its memory to tables.", func(r *reading) float64 { return float64(r.store.Flushes) }),
		counter("meridian_store_compactions_total", "Compactions of the store.", func(r *reading) float64 { return float64(r.store.Compactions) }),
		counter("meridian_store_compacted_bytes_total", "Bytes that compactions of the store have written.", func(r *reading) float64 { return float64(r.store.CompactionBytes) }),
		gauge("meridian_store_cache_bytes", "Size of the store's cache of blocks.", func(r *reading) float64 { return float64(r.store.CacheBytes) }),
		counter("meridian_store_cache_hits_total", "Blocks that were found in the store's cache.", func(r *reading) float64 { return float64(r.store.CacheHits) }),
		counter("meridian_store_cache_misses_total", "Blocks that were not found in the store's cache.", func(r *reading) float64 { return float64(r.store.CacheMisses) }),
	}
}

// ofRelay are the metrics of the messages between Regions.
func ofRelay() []measure[reading] {
	return []measure[reading]{
		counter("meridian_replication_requests_sent_total", "Requests that this node sent to other Regions, probes and comparisons included.", func(r *reading) float64 { return float64(r.relay.Sent) }),
		counter("meridian_replication_requests_answered_total", "Requests to other Regions that were answered.", func(r *reading) float64 { return float64(r.relay.Answered) }),
		counter("meridian_replication_requests_received_total", "Requests of other Regions that this node took in.", func(r *reading) float64 { return float64(r.relay.Received) }),
		counter("meridian_replication_requests_refused_total", "Requests of this node that another Region refused.", func(r *reading) float64 { return float64(r.relay.Refused) }),
		counter("meridian_replication_poison_messages_total", "Messages that this node refused because they are not what they say they are.", func(r *reading) float64 { return float64(r.relay.Poison) }),
		counter("meridian_replication_reseals_total", "Boxes of materials that had to be sealed again, to a newer key.", func(r *reading) float64 { return float64(r.relay.Resealed) }),
		counter("meridian_replication_materials_received_total", "Key materials that arrived from other Regions.", func(r *reading) float64 { return float64(r.relay.Opened) }),
		counter("meridian_replication_comparisons_total", "Comparisons with another Region that this node began.", func(r *reading) float64 { return float64(r.relay.Digests) }),
		counter("meridian_replication_differences_total", "Keys that a comparison with another Region showed to differ.", func(r *reading) float64 { return float64(r.relay.Differing) }),
	}
}

// perRegion are the metrics of a leader's links, labelled with the other Region.
func perRegion() []measure[replication.Lag] {
	return []measure[replication.Lag]{
		gauge("meridian_replication_link_up", "1 if the other Region can be reached; from the Region's leader, like all with the label to.", func(l *replication.Lag) float64 { return truth(l.LinkUp) }, "to"),
		gauge("meridian_replication_paused", "1 while the synchronisation with the other Region is paused.", func(l *replication.Lag) float64 { return truth(l.Paused) }, "to"),
		gauge("meridian_replication_pending_keys", "Keys with something to send to the other Region, or of which its word is waited for.", func(l *replication.Lag) float64 { return float64(l.PendingKeys) }, "to"),
		gauge("meridian_replication_awaited_keys", "Pending keys of which all was sent: the other Region's word is waited for.", func(l *replication.Lag) float64 { return float64(l.SaidKeys) }, "to"),
		gauge("meridian_replication_delayed_keys", "Pending keys that a lag profile holds back.", func(l *replication.Lag) float64 { return float64(l.DelayedKeys) }, "to"),
		gauge("meridian_replication_oldest_pending_seconds", "How long the oldest pending key has waited, under this leader.", func(l *replication.Lag) float64 { return float64(l.OldestMillis) / 1000 }, "to"),
	}
}
