// Package observability is what a cluster shows to Prometheus and Grafana beside its nodes: the front door's metrics, a
// configuration with which Prometheus scrapes every process of a cluster, and a dashboard.
//
// It promises that every metric the dashboard names exists, and that METRICS.md, the table of all metrics, says what is
// served: tests hold both. As in region/node/metrics nothing is global and the number of series is bounded.
//
//	front := observability.NewFront(version)
//	front.Answered("eu-west-1", 200, took)
//	mux.Handle("GET /metrics", front.Handler())
//	prometheusYAML := observability.ScrapeConfig(clusterFile)
//
// It starts no goroutine; a Front may be used by many.
package observability
