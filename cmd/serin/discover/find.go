package discover

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries"
	"github.com/serin-canary/serin/queries/presets"
	"github.com/serin-canary/serin/queries/prometheus"
)

// Bounds of what is asked for: a store of millions of series must not notice a question.
const (
	lookBack  = time.Hour // series that were there in it
	maxNames  = 50_000    // names of metrics
	maxSeries = 5_000     // of one metric of one service
	maxHints  = 12        // labels that may hold the service's name
)

// Options say what is looked for.
type Options struct {
	Service   string
	Namespace string    // of the service; empty means any
	At        time.Time // the newest instant that is looked at
	// Presets are the families that are looked for; none means all of them.
	Presets []string
	// Progress, where given, is told how far it is (0 to 1), and what is looked at.
	Progress func(part float64, text string)
}

// Beside is a preset about resources, without the rows that have no data.
type Beside struct {
	Preset  string
	Without []string // names of metrics
	// Selector narrows its metrics to an arm, where neither its own selector nor the
	// arms' labels do.
	Selector string
	// Rows are the names of its metrics that have data.
	Rows []string
	pods bool // it needs the arms' pods
}

// Found is what a store has of a service.
type Found struct {
	Service string
	// Preset is the family about requests, empty where there is none; Without are its
	// rows without data. Others are families that would do as well.
	Preset  string
	Without []string
	Others  []string
	Beside  []Beside

	Baseline, Canary plan.Arm
	// CanarySeen says that the canary is known; else Baseline is what was found, if anything.
	CanarySeen bool
	// Sure says in words how the arms were told apart; Doubt, where not empty, why to
	// look twice.
	Sure, Doubt string
	// Pods says in words where the arms' pods were read, if their requests' family does
	// not say them.
	Pods string

	// Interval is how far apart samples are, 0 where it could not be told.
	Interval time.Duration
	// Missing says in sentences what was looked for in vain.
	Missing []string
}

// finder looks at one store.
type finder struct {
	src   *prometheus.Source
	o     Options
	over  prometheus.Since
	names map[string]bool
	found Found
}

// Find asks a store which presets' metrics it has of a service, and what tells its arms
// apart. The number of its questions and of what they return is bounded.
func Find(ctx context.Context, src *prometheus.Source, o Options) (Found, error) {
	if o.Progress == nil {
		o.Progress = func(float64, string) {}
	}
	f := &finder{
		src: src, o: o, over: prometheus.Since{Start: o.At.Add(-lookBack), End: o.At},
		names: map[string]bool{}, found: Found{Service: o.Service},
	}
	if err := o.check(); err != nil {
		return f.found, err
	}
	o.Progress(0, "asking for the names of metrics")
	names, more, err := src.Names(ctx, "", f.over, maxNames)
	if err != nil {
		return f.found, err
	}
	if more {
		f.miss("the store has more than %d names of metrics; only the first of them were looked at", maxNames)
	}
	for _, n := range names {
		f.names[n] = true
	}
	if err := f.requests(ctx); err != nil {
		return f.found, err
	}
	if f.found.Preset == "" {
		return f.found, nil
	}
	if err := f.resources(ctx); err != nil {
		return f.found, err
	}
	f.o.Progress(0.97, "measuring how far apart samples are")
	return f.found, f.interval(ctx)
}

// check says which of the families are none, or leave nothing to look for.
func (o Options) check() error {
	requests := len(o.Presets) == 0
	for _, name := range o.Presets {
		p, err := presets.Get(name)
		if err != nil {
			return err
		}
		requests = requests || p.About == presets.Requests
	}
	if !requests {
		return fmt.Errorf("preset %s is about resources: name one about requests beside it, such as istio or http", strings.Join(o.Presets, ", "))
	}
	return nil
}

// wanted reports whether a family is looked for.
func (f *finder) wanted(name string) bool {
	return len(f.o.Presets) == 0 || slices.Contains(f.o.Presets, name)
}

// interval measures the scrapes of the service's requests.
func (f *finder) interval(ctx context.Context) error {
	m, ok, err := f.requestsMetric()
	if err != nil || !ok {
		return err
	}
	r, err := m.Scoped(f.found.Baseline)
	if err != nil {
		return err
	}
	f.found.Interval, err = f.src.ScrapeInterval(ctx, r.Total[0].Selector, f.o.At, 10*time.Minute)
	return err
}

// requestsMetric is the metric of the chosen family that is a ratio of requests.
func (f *finder) requestsMetric() (m plan.Metric, ok bool, err error) {
	p, err := plan.Parse("init", []byte("service: a\npreset: "+f.found.Preset+"\n"))
	if err != nil {
		return m, false, err
	}
	for _, m := range p.Metrics {
		if m.Reading.Kind == queries.Ratio {
			return m, true, nil
		}
	}
	return m, false, nil
}

func (f *finder) miss(format string, args ...any) {
	f.found.Missing = append(f.found.Missing, fmt.Sprintf(format, args...))
}

// nearest lists the families about requests, those first that are nearest to the service.
// A gateway sees what users see, but both arms in one process.
func nearest() []string {
	first := []string{
		"istio", "linkerd", "osm", "appmesh", "kuma", "argo-http", "gatewayapi", "http-pods", "http", "grpc", "otel-http", "otel-http-native",
		"contour", "gloo", "knative", "nginx", "traefik", "skipper", "envoy",
	}
	for _, name := range presets.Names() {
		if !slices.Contains(first, name) {
			first = append(first, name)
		}
	}
	return first
}

// offer is a family with the arms that it finds.
type offer struct {
	preset presets.Preset
	arms   pairOf
}

// requests chooses the family about requests.
func (f *finder) requests(ctx context.Context) error {
	var offers []offer
	all := nearest()
	for i, name := range all {
		p, err := presets.Get(name)
		if err != nil {
			return err
		}
		if p.About != presets.Requests || !f.wanted(name) {
			continue
		}
		f.o.Progress(0.05+0.5*float64(i)/float64(len(all)), "looking for "+p.Title)
		arms, ok, err := f.arms(ctx, p)
		if err != nil {
			return err
		}
		if ok {
			offers = append(offers, offer{p, arms})
		}
	}
	if len(offers) == 0 {
		f.nothing()
		return nil
	}
	best := offers[0]
	for _, o := range offers[1:] {
		if min(o.arms.sure, named) > min(best.arms.sure, named) {
			best = o
		}
	}
	f.take(best)
	for _, o := range offers {
		if o.preset.Name != best.preset.Name && o.arms.sure > unlike {
			f.found.Others = append(f.found.Others, o.preset.Name)
		}
	}
	without, some, err := f.rows(ctx, asking{family: best.preset.Name, arm: f.found.Baseline})
	if err == nil && !some {
		f.miss("preset %s has series of the service, and no block of them could be counted", best.preset.Name)
	}
	f.found.Without = without
	return err
}

// nothing says of a service that no family knows what was looked for.
func (f *finder) nothing() {
	var lacks []string
	for _, name := range nearest() {
		p, err := presets.Get(name)
		if err == nil && p.About == presets.Requests && f.wanted(name) && !slices.Contains(lacks, nameOf(requestsOf(p))) {
			lacks = append(lacks, nameOf(requestsOf(p)))
		}
	}
	f.miss("no preset's requests could be found of a service called %q: looked for %s with a label that has %q in it",
		f.o.Service, strings.Join(lacks, ", "), f.o.Service)
	f.miss("write queries of your own under metrics:, or give --service the name that your series' labels have")
}

// take notes the arms of an offer.
func (f *finder) take(o offer) {
	f.found.Preset = o.preset.Name
	f.found.Baseline, f.found.Canary = armOf(o.arms.baseline), armOf(o.arms.canary)
	f.found.CanarySeen = o.arms.sure > unlike
	switch o.arms.sure {
	case both, named:
		f.found.Sure = "by their names"
	case ordered:
		f.found.Sure = "by their versions: the lower one is taken for the baseline"
	case guessed:
		f.found.Sure = "by the number of their processes"
		f.found.Doubt = "nothing says which of the two is the canary; the one with more processes was taken for the baseline"
	default:
		f.found.Doubt = "only one arm is there now; the canary's facts must be written, or said by the controller"
	}
}

// armOf makes an arm of facts.
func armOf(c candidate) plan.Arm {
	var a plan.Arm
	for fact, v := range c.facts {
		switch fact {
		case "Namespace":
			a.Namespace = plain(v)
		case "Workload":
			a.Workload = plain(v)
		case "PodPattern":
			a.PodPattern = v
		case "Hash":
			a.Hash = plain(v)
		case "Version":
			a.Version = plain(v)
		default:
			if a.Labels == nil {
				a.Labels = map[string]string{}
			}
			a.Labels[strings.TrimPrefix(fact, "Labels.")] = v
		}
	}
	return a
}

// plain takes the quoting of regular expressions from names, which have none of it.
func plain(s string) string { return strings.ReplaceAll(s, `\`, "") }

// requestsOf is the selector of a family's requests.
func requestsOf(p presets.Preset) string {
	for _, m := range p.Metrics {
		r, err := queries.Understand(queries.Query{Lang: queries.PromQL, Expr: m.Query})
		if err == nil && r.Kind == queries.Ratio && len(r.Total) > 0 {
			return r.Total[0].Selector
		}
	}
	return ""
}

// nameOf is the name of a selector's metric.
func nameOf(selector string) string {
	name, _, _ := strings.Cut(selector, "{")
	return name
}

// known reports whether the store has any of the metrics that a query names.
func (f *finder) known(query string) bool {
	_, ok := f.named(query)
	return ok
}

// named returns the first metric that a query names and the store has.
func (f *finder) named(query string) (string, bool) {
	for _, word := range regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*`).FindAllString(query, -1) {
		if f.names[word] {
			return word, true
		}
	}
	return "", false
}
