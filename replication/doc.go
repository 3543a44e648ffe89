// Package replication carries family records and statuses between Regions.
package replication
