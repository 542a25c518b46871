package share

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/serin-canary/serin/queries"
)

// counters are what a source's queue shows of itself, under the source's name.
type counters struct {
	answers *prometheus.CounterVec
	refused *prometheus.CounterVec
	retries prometheus.Counter
	took    *prometheus.HistogramVec
	gauges  []prometheus.Collector
	name    prometheus.Labels
}

func newCounters(source string) *counters {
	name := prometheus.Labels{"source": source}
	counter := func(metric, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Name: "serin_source_" + metric, Help: help, ConstLabels: name}
	}
	return &counters{
		name: name,
		answers: prometheus.NewCounterVec(counter("questions_total",
			"Questions of looks: asked of the source, joined to one under way, or answered from what was kept."), []string{"how"}),
		refused: prometheus.NewCounterVec(counter("refused_total",
			"Questions that were given up: the queue was full, the source paused, or the deadline passed."), []string{"why"}),
		retries: prometheus.NewCounter(counter("retries_total", "Questions asked again after a failure.")),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "serin_source_question_seconds", Help: "Time that the source took, by kind of question and result.", ConstLabels: name,
			Buckets: []float64{0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30},
		}, []string{"kind", "result"}),
	}
}

// watch shows the state of a gate.
func (c *counters) watch(g *gate) {
	gauge := func(metric, help string, of func() float64) {
		c.gauges = append(c.gauges, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "serin_source_" + metric, Help: help, ConstLabels: c.name,
		}, of))
	}
	locked := func(of func() float64) func() float64 {
		return func() float64 {
			g.mu.Lock()
			defer g.mu.Unlock()
			return of()
		}
	}
	gauge("questions_running", "Questions that the source is answering.", locked(func() float64 { return float64(g.running) }))
	gauge("questions_waiting", "Questions that wait for a place.", locked(func() float64 { return float64(g.waiting) }))
	gauge("rollouts_waiting", "Rollouts that have a question waiting.", locked(func() float64 { return float64(len(g.lines)) }))
	gauge("paused_seconds", "For how long the source is still to be left alone.",
		locked(func() float64 { return max(0, g.until.Sub(g.cfg.Now()).Seconds()) }))
}

// resultOf is the label of a result: ok, or the fault.
func resultOf(err error) string {
	if err == nil {
		return "ok"
	}
	return string(queries.FaultOf(err))
}

// Collector returns the queue's metrics: serin_source_questions_running,
// _questions_waiting, _rollouts_waiting, _paused_seconds, _questions_total by how,
// _refused_total by why, _retries_total, _question_seconds by kind and result, and
// _answer_bytes_total where the source counts them. All have a label source.
func (s *Source) Collector() prometheus.Collector {
	all := append(set{s.count.answers, s.count.refused, s.count.retries, s.count.took}, s.count.gauges...)
	if b, ok := s.inner.(interface{ BytesRead() uint64 }); ok {
		all = append(all, prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "serin_source_answer_bytes_total", Help: "Bytes of answers read, after decompression.", ConstLabels: s.count.name,
		}, func() float64 { return float64(b.BytesRead()) }))
	}
	return all
}

// set is several collectors as one.
type set []prometheus.Collector

// Describe implements prometheus.Collector.
func (s set) Describe(out chan<- *prometheus.Desc) {
	for _, c := range s {
		c.Describe(out)
	}
}

// Collect implements prometheus.Collector.
func (s set) Collect(out chan<- prometheus.Metric) {
	for _, c := range s {
		c.Collect(out)
	}
}
