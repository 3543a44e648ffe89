// Package httpbus is the bus between Regions without a broker: the leaders of Regions ask each other over HTTP, on TLS
// 1.3, and both ends prove their Region.
//
// A node makes a key for TLS when it starts, and a certificate in which the Region's signing key, the one that
// cluster.json names, vouches for it; nothing of it is stored. Who cannot show such a certificate of another Region of
// the cluster is not heard. Dates in certificates mean nothing here: Regions' clocks may be far apart.
//
// It promises what replication.Bus does, and that a request's Region is the one that its connection proved. It does not
// look into envelopes, which are signed and sealed by themselves, and stores nothing.
//
//	bus, err := httpbus.New(httpbus.Config{…})
//	bus.Listen(listener)         // any node of the Region
//	stop, err := bus.Serve(…)    // while it leads
//	defer bus.Close()
//
// Listen starts a server with its goroutines; Close ends them and every connection. Fault layers act below: on the
// dialer, and by Fate on single messages.
package httpbus
