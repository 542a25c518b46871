package scrape

import "github.com/prometheus/client_golang/prometheus"

// Collector returns the source's own metrics: serin_scrape_targets,
// serin_scrape_targets_up, serin_scrape_series, serin_scrape_samples, and
// serin_scrape_dropped_samples_total by reason. All have a label source, the source's
// name, so that several sources can be registered at once.
func (s *Source) Collector() prometheus.Collector {
	name := prometheus.Labels{"source": s.config.Name}
	desc := func(metric, help string, variable ...string) *prometheus.Desc {
		return prometheus.NewDesc("serin_scrape_"+metric, help, variable, name)
	}
	return &collector{
		source:  s,
		targets: desc("targets", "Targets that the embedded source scrapes."),
		up:      desc("targets_up", "Targets whose last scrape succeeded."),
		series:  desc("series", "Series that the embedded source holds."),
		samples: desc("samples", "Samples that the embedded source holds."),
		dropped: desc("dropped_samples_total", "Samples that were not kept, or dropped to make room.", "reason"),
	}
}

type collector struct {
	source                                *Source
	targets, up, series, samples, dropped *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.targets, c.up, c.series, c.samples, c.dropped} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v int) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v))
	}
	statuses := c.source.Status()
	up := 0
	for _, t := range statuses {
		if t.Up {
			up++
		}
	}
	held := c.source.store.usage()
	gauge(c.targets, len(statuses))
	gauge(c.up, up)
	gauge(c.series, held.series)
	gauge(c.samples, held.samples)
	for why := evicted; why < reasons; why++ {
		out <- prometheus.MustNewConstMetric(c.dropped, prometheus.CounterValue, float64(held.dropped[why]), why.String())
	}
}
