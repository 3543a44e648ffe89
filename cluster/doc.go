// Package cluster runs a local multi-Region cluster of processes: one for each node, and the front door.
//
// It promises:
//   - Create makes the folder of a cluster whole or not at all, and only after every port was seen to be free.
//   - A process counts as this cluster's only if its start time and the folder and name among its arguments are
//     what they should be: a pid that another program got meanwhile is never signalled.
//   - Nodes have process groups of their own and outlive the supervisor; whoever comes next finds them by their
//     pid files. Nodes are never started again unasked, the front door is.
//   - Replace makes a node anew under a new id: no node comes back under an id whose votes or log it lost. It changes
//     nothing where its Region could not go on, and repeated after whatever ended it, it finishes.
//   - Down leaves nothing running, whether or not a supervisor lives.
//
// It knows of a node only its command line, its folder, its admin socket and its ports.
//
// Use: Create or Open a cluster, then Up (or Supervise, in the process that stays), Kill, Pause, Status, Replace and so on.
// FrontDoor is the process that spreads calls over the nodes.
//
// Supervise and FrontDoor.Run work until their context ends and then have stopped all their goroutines. Everything
// else ends before it returns.
package cluster
