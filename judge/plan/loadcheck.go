package plan

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/checks"
)

type loadFile struct {
	Targets     []loadTargetFile `yaml:"targets" jsonschema:"required" jsonschema_description:"The requests, sent in turn, the same to both arms."`
	Hosts       []string         `yaml:"hosts" jsonschema:"required" jsonschema_description:"The host names or addresses, without ports, that may be asked. Nobody else is."`
	Rate        *float64         `yaml:"rate" jsonschema:"required,minimum=0.1,maximum=500" jsonschema_description:"Requests a second to each arm."`
	Duration    *durationText    `yaml:"duration" jsonschema:"required" jsonschema_description:"How long requests are sent that are compared."`
	Warmup      *durationText    `yaml:"warmup" jsonschema_description:"How long requests are sent before, at the same rate, that are not compared. Default: 10s."`
	Connections *int             `yaml:"connections" jsonschema:"minimum=1,maximum=256" jsonschema_description:"Requests to one arm that may be under way. Default: 64."`
	Timeout     *durationText    `yaml:"timeout" jsonschema_description:"Longest time of a request. Default: 10s."`
	Rounds      *int             `yaml:"rounds" jsonschema:"minimum=1,maximum=10" jsonschema_description:"How many loads a rollout is sent at most; the next is sent while those before prove neither side. Default: 3."`
	Weight      *float64         `yaml:"weight" jsonschema:"minimum=0,maximum=1000000" jsonschema_description:"Relative share of the error budget, beside the metrics'. Default: 0.5."`
	Errors      *loadLimitsFile  `yaml:"errors" jsonschema_description:"How many more requests may fail."`
	Latency     *loadLimitsFile  `yaml:"latency" jsonschema_description:"How much slower answers may be."`
}

type loadTargetFile struct {
	Get     *string           `yaml:"get" jsonschema_description:"The URL to GET; a template that names the arm: {{ .Arm.URL }}/cart."`
	Head    *string           `yaml:"head" jsonschema_description:"The URL to HEAD."`
	Post    *string           `yaml:"post" jsonschema_description:"The URL to POST to."`
	Put     *string           `yaml:"put" jsonschema_description:"The URL to PUT to."`
	Patch   *string           `yaml:"patch" jsonschema_description:"The URL to PATCH."`
	Delete  *string           `yaml:"delete" jsonschema_description:"The URL to DELETE."`
	Method  *string           `yaml:"method" jsonschema_description:"Any other method, with url."`
	URL     *string           `yaml:"url" jsonschema_description:"The URL, with method."`
	Headers map[string]string `yaml:"headers" jsonschema_description:"Headers to send; values are templates."`
	Body    *string           `yaml:"body" jsonschema_description:"Body to send; a template."`
}

type loadLimitsFile struct {
	Tolerance *marginText `yaml:"tolerance" jsonschema_description:"The worsening that does not matter."`
	Margin    *marginText `yaml:"margin" jsonschema_description:"The worsening that promotion must exclude; larger than the tolerance."`
}

// The defaults of a load, and what it may be sent where its dispersion is estimated.
const (
	// mostEstimatedRounds is for how many loads of one rollout the level was measured
	// (TestFalseRollbacksByAnotherGenerator); each further one is a chance to cross it.
	mostEstimatedRounds = 3

	defaultLoadWarmup = 10 * time.Second
	defaultLoadRounds = 3
	defaultLoadWeight = 0.5
)

// load builds a load check.
func (b *builder) load(f loadFile, path string) *checks.Load {
	out := &checks.Load{
		Hosts: f.Hosts, Rate: value(f.Rate, 0), Duration: f.Duration.or(0), Warmup: f.Warmup.or(defaultLoadWarmup),
		Connections: value(f.Connections, 0), Timeout: f.Timeout.or(0), Rounds: value(f.Rounds, defaultLoadRounds),
		Weight: value(f.Weight, defaultLoadWeight),
	}
	b.loadHosts(f.Hosts, path+".hosts")
	before := b.texts // of the check; a load's texts speak of both arms whatever it says
	for i, t := range f.Targets {
		out.Targets = append(out.Targets, b.loadTarget(t, fmt.Sprintf("%s.targets[%d]", path, i)))
	}
	b.texts = before
	b.texts.arm = true
	switch n := len(f.Targets); {
	case n == 0 && !b.faulty(path+".targets"):
		b.at(path+".targets", `are missing; write for example targets: [{ get: "{{ .Arm.URL }}/" }]`)
	case n > checks.MaxLoadTargets:
		b.at(path+".targets", "%d are too many; write at most %d", n, checks.MaxLoadTargets)
	}
	b.oneAddress(out.Targets, path+".targets")
	b.listed(*out, path)
	b.loadSize(f, *out, path)
	if f.Weight != nil && out.Weight <= 0 && !b.faulty(path+".weight") {
		b.at(path+".weight", "a load without weight could not roll back; write more than 0")
	}
	out.Errors = b.loadLimits(f.Errors, Errors, path+".errors")
	out.Latency = b.loadLimits(f.Latency, Latency, path+".latency")
	return out
}

// loadTarget reads one request, whose texts must tell the arms apart.
func (b *builder) loadTarget(t loadTargetFile, path string) checks.LoadTarget {
	b.texts = texts{both: true}
	h := b.http(httpFile{
		Get: t.Get, Head: t.Head, Post: t.Post, Put: t.Put, Patch: t.Patch, Delete: t.Delete, Method: t.Method, URL: t.URL,
		Headers: t.Headers, Body: t.Body,
	}, path)
	if !b.texts.arm && !b.faulty(path) {
		b.at(path, "names no .Arm, so that both arms would be asked the same; write {{ .Arm.URL }}")
	}
	if len(h.Body) > checks.MaxLoadBody {
		b.at(path+".body", "%d bytes are too long; write at most %d", len(h.Body), checks.MaxLoadBody)
	}
	for name := range h.Headers {
		if strings.EqualFold(name, "Host") {
			b.at(path+".headers."+name, "cannot be set: the URL says whom to ask")
		}
	}
	return checks.LoadTarget{Method: h.Method, URL: h.URL, Headers: h.Headers, Body: h.Body}
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\.?$`)

func (b *builder) loadHosts(hosts []string, path string) {
	if len(hosts) == 0 && !b.faulty(path) {
		b.at(path, "are missing: a load is sent to nobody who is not listed; write for example hosts: [checkout.shop, checkout-canary.shop]")
	}
	for i, h := range hosts {
		if _, err := netip.ParseAddr(h); err != nil && !hostName.MatchString(h) {
			b.at(fmt.Sprintf("%s[%d]", path, i), "%q is no host name or address; write it without scheme, port and path, and in full: * stands for nothing here", h)
		}
	}
}

// oneAddress checks that all targets are on one address of an arm.
func (b *builder) oneAddress(targets []checks.LoadTarget, path string) {
	if b.faulty(path) {
		return
	}
	first := ""
	for i, t := range targets {
		text, ok := b.template(path, t.URL)
		if !ok {
			return
		}
		u, err := url.Parse(strings.TrimSpace(text))
		switch {
		case err != nil: // said of the target
		case first == "":
			first = u.Scheme + "://" + u.Host
		case first != u.Scheme+"://"+u.Host:
			b.at(fmt.Sprintf("%s[%d]", path, i), "is on another host, port or scheme than the target before; one load asks one address of an arm: make it a check of its own")
		}
	}
}

// listed checks that whom the plan itself names is among the hosts.
func (b *builder) listed(l checks.Load, path string) {
	if b.faulty(path+".hosts") || b.faulty(path+".targets") {
		return
	}
	for i, t := range l.Targets {
		rest := t.URL[strings.Index(t.URL, "://")+1:]
		host, _, _ := strings.Cut(strings.TrimPrefix(rest, "//"), "/")
		if u, err := url.Parse(t.URL); err == nil && !strings.Contains(host, "{{") {
			b.allowed(l.Hosts, u, fmt.Sprintf("%s.targets[%d]", path, i))
		}
	}
	if !slices.ContainsFunc(l.Targets, func(t checks.LoadTarget) bool { return strings.Contains(t.URL, ".Arm.URL") }) {
		return
	}
	for name, a := range map[string]Arm{"canary": b.p.Arms.Canary, "baseline": b.p.Arms.Baseline} {
		if u, err := url.Parse(a.URL); err == nil && a.URL != "" {
			b.allowed(l.Hosts, u, "arms."+name+".url")
		}
	}
}

func (b *builder) allowed(hosts []string, u *url.URL, path string) {
	bare := func(h string) string { return strings.ToLower(strings.TrimSuffix(h, ".")) }
	if !slices.ContainsFunc(hosts, func(h string) bool { return bare(h) == bare(u.Hostname()) }) {
		b.at(path, "host %q is not among the hosts of the load, so that nothing would be sent; add it there", u.Hostname())
	}
}

// loadSize holds the numbers of a load against the caps, and against what is needed.
func (b *builder) loadSize(f loadFile, l checks.Load, path string) {
	ranged := func(t *durationText, field string, most time.Duration) {
		if d := t.or(0); t != nil && !b.faulty(path+"."+field) && (d == 0 || d > most) {
			b.at(path+"."+field, "%s is out of range; write a duration above 0 and up to %s", d, short(most))
		}
	}
	ranged(f.Duration, "duration", checks.MaxLoadDuration)
	ranged(f.Timeout, "timeout", checks.MaxLoadTimeout)
	for field, missing := range map[string]bool{"rate": f.Rate == nil, "duration": f.Duration == nil} {
		if missing && !b.faulty(path+"."+field) {
			b.at(path+"."+field, "is missing; write for example rate: 20 and duration: 60s")
		}
	}
	if b.faulty(path+".rate") || b.faulty(path+".duration") || b.faulty(path+".warmup") {
		return
	}
	compared, sent := l.Rate*l.Duration.Seconds(), l.Rate*l.Length().Seconds()
	switch {
	case l.Length() > checks.MaxLoadDuration:
		b.at(path+".duration", "%s with a warm-up of %s is longer than %s; write less", l.Duration, l.Warmup, short(checks.MaxLoadDuration))
	case sent > checks.MaxLoadRequests:
		b.at(path+".duration", "at %s requests a second these are %.0f requests to each arm; at most %d are sent: write less of either", decimal(l.Rate), sent, checks.MaxLoadRequests)
	case compared < checks.MinLoadCompared:
		b.at(path+".duration", "at %s requests a second %.0f requests to each arm would be compared, and below %d nothing is concluded; write more of either", decimal(l.Rate), compared, checks.MinLoadCompared)
	}
}

// loadLimits reads what is tolerated of one measure, and what must be excluded.
func (b *builder) loadLimits(f *loadLimitsFile, k Kind, path string) checks.LoadLimits {
	m := Metric{Kind: k, Worse: Higher}
	m.Tolerance, m.Margin = defaultMargins(k, value(b.f.Profile, "") == "strict")
	if k == Errors {
		// A load of some hundred requests cannot exclude less.
		m.Margin.Absolute *= 2
	}
	if f == nil {
		f = &loadLimitsFile{}
	}
	for field, part := range map[string]struct {
		text *marginText
		to   *Margin
	}{"tolerance": {f.Tolerance, &m.Tolerance}, "margin": {f.Margin, &m.Margin}} {
		if part.text == nil || b.faulty(path+"."+field) {
			continue
		}
		v, err := part.text.of(k, "")
		if err == nil {
			err = possible(v, m)
		}
		if err != nil {
			b.at(path+"."+field, "%v", err)
		}
		*part.to = v
	}
	if !b.faulty(path) && !wider(m.Margin, m.Tolerance) {
		field := "margin"
		if f.Margin == nil {
			field = "tolerance"
		}
		b.at(path+"."+field, "the margin %s is not above the tolerance %s, so that promotion could not be proven; write a larger margin", m.words(m.Margin), m.words(m.Tolerance))
	}
	worsening := func(m Margin) checks.Worsening { return checks.Worsening{Relative: m.Relative, Absolute: m.Absolute} }
	return checks.LoadLimits{Tolerance: worsening(m.Tolerance), Margin: worsening(m.Margin)}
}

// loads checks what else the plan says of its loads.
func (b *builder) loads() {
	for i, c := range b.f.Checks {
		if c.Load == nil {
			continue
		}
		path := fmt.Sprintf("checks[%d]", i)
		for field, fault := range map[string]string{
			"retries":  "a load is not retried; load.rounds says how many are sent: delete this line",
			"repeat":   "a load is not repeated until all pass; load.rounds says how many are sent: delete this line",
			"total":    "a load lasts as long as its duration says; delete this line",
			"critical": "a load that proves the canary worse rolls back by itself; delete this line",
		} {
			given := map[string]bool{"retries": c.Retries != nil, "repeat": c.Repeat != nil, "total": c.Total != nil, "critical": value(c.Critical, false)}
			if given[field] && !b.faulty(path+"."+field) {
				b.at(path+"."+field, "%s", fault)
			}
		}
		if a := value(c.Arms, string(checks.OnBoth)); a != string(checks.OnBoth) && !b.faulty(path+".arms") {
			b.at(path+".arms", "a load always asks both arms; delete this line")
		}
		if n := value(c.Load.Rounds, 0); n > mostEstimatedRounds && n <= checks.MaxLoadRounds && b.p.Sequential.Dispersion != Exact && !b.faulty(path+".load.rounds") {
			b.at(path+".load.rounds", "%d are too many where dispersion is estimated, since each is one more chance to have estimated too little; write at most %d, with a higher rate or a longer duration, or sequential.dispersion: exact where requests are independent of each other", n, mostEstimatedRounds)
		}
		b.p.Checks[i].Retries, b.p.Checks[i].Arms = 0, ""
		if b.p.Sequential.Mode == Horizon && !b.faulty("sequential.mode") {
			b.at("sequential.mode", "horizon lowers the threshold for a number of looks at blocks, and the load %s is none; write anytime, or delete one of the two", b.p.Checks[i].Name)
		}
	}
}
