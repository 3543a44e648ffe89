package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"meridian/cluster/observability"
)

func (a *app) metrics() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "metrics",
		Short: "Print what Prometheus and Grafana need to watch the cluster",
		Long: `Every node serves its metrics at /metrics of its own port, the front door at /metrics of each of its ports, in
Prometheus's form. These commands print a configuration to scrape them with, and a dashboard to show them.`,
		Example: `  meridian metrics scrape-config > prometheus.yml && prometheus --config.file prometheus.yml
  meridian metrics dashboard > meridian.json
  curl -s http://127.0.0.1:4577/metrics | grep meridian_`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.scrapeConfig(), a.dashboard())
	return cmd
}

func (a *app) scrapeConfig() *cobra.Command {
	return &cobra.Command{
		Use:     "scrape-config",
		Short:   "Print a configuration with which Prometheus scrapes every process of the cluster",
		Example: `  meridian metrics scrape-config > prometheus.yml`,
		Args:    exactly(0),
		RunE: func(*cobra.Command, []string) error {
			c, err := a.open()
			if err != nil {
				return err
			}
			text := observability.ScrapeConfig(c.File)
			if a.json {
				return a.printJSON(map[string]string{"config": text})
			}
			_, err = fmt.Fprint(a.out, text)
			return err
		},
	}
}

func (a *app) dashboard() *cobra.Command {
	return &cobra.Command{
		Use:     "dashboard",
		Short:   "Print a dashboard for Grafana, as its import takes it",
		Example: `  meridian metrics dashboard > meridian.json`,
		Args:    exactly(0),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(a.out, observability.Dashboard())
			return err
		},
	}
}
