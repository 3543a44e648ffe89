// Package replication carries family records and statuses between Regions.
//
// A Relay runs on a Region's leader. It sends what the state says must be sent (obligations are a
// function of the state, there is no outbox), sends it again until the other Region has said that it
// applied it, and compares digests with every other Region at link-up, at a new leader and every
// minute, so that whatever was lost on the way is found and repaired. What arrives is verified,
// its key material is opened and wrapped anew, and the Region is asked to take it into its log.
//
// It promises that two Regions whose links work end with the same records and statuses, whatever
// was lost, repeated, delayed or reordered before, and that key material leaves a Region only sealed
// to the Region that lacks it. It does not promise order or delivery in time, and decides nothing
// about keys: that is package family's. A Bus is never trusted: every message is signed by its
// Region, and every answer is bound to its request.
//
//	relay := replication.New(replication.Config{…})
//	relay.Start(term)            // this node became leader
//	relay.Changed(at, ref)         // a family's row changed
//	relay.Stop()                 // it leads no more
//
// Between Start and Stop a Relay owns one planner goroutine, one goroutine for each other Region and
// a bounded number of senders for each; Stop waits for all of them and for handlers that run.
package replication
