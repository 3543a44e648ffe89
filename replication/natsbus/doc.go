// Package natsbus is replication's Bus on NATS.
//
// Every node runs a Server: a NATS server of its own, without routes and without storage, open from
// the node's start to its end. Only the Region's leader subscribes, in process, for as long as it
// leads. A sender dials one node of the other Region and sends it NATS requests; a node that does
// not lead has no responder, which the server says at once, and the sender goes on to the next node.
// It stays with a node that answered.
//
// Regions log in with their nkey and may publish under their own name and hear their own inbox,
// nothing else. The bus is still not trusted: what it carries is signed.
//
// A Bus has one goroutine while it serves plus one for each request being handled, and those of
// nats.go for each connection; Close ends them. A Server has the NATS server's; Close ends them too.
package natsbus
