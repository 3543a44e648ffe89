// Package node is one real node of a Region: the store, the log, the bus, the ports and the Region's
// behaviour put together from a Config.
//
// A process makes its Config from the node's folder (Load); an in-process cluster gives its own
// listeners, dialer, clock and key ring. Nothing else differs between the two.
//
// The leader's admin socket changes the membership: one change at a time, first without a vote, never below a majority
// that answers. A node whose folder says «joining» starts with an empty log and waits to be added; it takes the word
// away when its log says that it is a member, and gets no vote before.
//
// Start returns when every port is open; the node is ready later, when it has caught up with a
// leader. Close moves leadership away, stops every goroutine that Start began and closes the files.
package node
