package dashboards

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/serin-canary/serin/queries"
)

// Standing is what the boards that outlive every rollout are drawn of.
type Standing struct {
	// Self selects Serin's own metrics, for example job="serin".
	Self []queries.Matcher
	// Server is how people reach Serin; empty leaves links out.
	Server string
	// Instance tells the boards of one Serin from those of another on the same Grafana:
	// lower-case letters, digits and dashes. Empty is the only one.
	Instance string
}

// FleetUID identifies the board of all rollouts, where there is one Serin.
const FleetUID = "serin-fleet"

// FleetUID identifies the board of all rollouts of this Serin.
func (s Standing) FleetUID() string {
	if s.Instance == "" {
		return FleetUID
	}
	return FleetUID + "-" + s.Instance
}

// ServiceUID identifies the board of a service at this Serin.
func (s Standing) ServiceUID(namespace, service string) string {
	if s.Instance == "" {
		return ServiceUID(namespace, service)
	}
	return "serin-s-" + shortHash(strings.Join([]string{s.Instance, namespace, service}, "\x00"))
}

// called returns the title of a board.
func (s Standing) called(what string) string {
	if s.Instance == "" {
		return "Serin: " + what
	}
	return "Serin (" + s.Instance + "): " + what
}

// Fleet draws the board of all rollouts: which are live and how they stand, how the
// ones before ended, and how the judge itself does.
func Fleet(s Standing) (Board, error) {
	sh := newSheet()
	sh.row(10, "Rollouts", false)
	sh.fill(4, 4, []uint32{11, 12, 13, 14, 15, 16}, []panel{
		s.count("Live", "Rollouts that are not over.", s.metric("serin_rollouts_live", nil), steps(blue)),
		s.count("To be rolled back", "Live rollouts whose verdict is rollback.", s.live("sum("+s.metric("serin_rollout_outcome", []string{"rollout"}, "outcome", "rollback")+")"), steps(green, 1.0, red)),
		s.count("Ready to promote", "Live rollouts whose verdict is promote.", s.live("sum("+s.metric("serin_rollout_outcome", []string{"rollout"}, "outcome", "promote")+")"), steps(grey, 1.0, green)),
		s.count("Wait for a person", "Live rollouts whose judge asks for a person.", s.live("sum("+s.metric("serin_rollout_page", []string{"rollout"})+")"), steps(green, 1.0, yellow)),
		s.count("Without fresh evidence", "Live rollouts that had no evidence of both arms in the last three blocks or more.", s.live("count("+s.metric("serin_rollout_stale_blocks", []string{"rollout"})+" >= 3)"), steps(green, 1.0, yellow)),
		s.count("Longest unwatched", "The longest time since a live rollout was looked at; 0 where none is live.", s.live("time() - min("+s.metric("serin_rollout_last_look_timestamp_seconds", []string{"rollout"})+")"), steps(green, 300.0, yellow, 900.0, red)).inSeconds(),
	})
	sh.put(17, width, 9, panel{
		key: "how they stand", form: formStates, title: "How each stands", unit: "short", noValue: "no live rollout", mappings: outcomes(), steps: steps(grey),
		description: "The verdict of every live rollout, from look to look.",
		targets:     []target{{expr: s.outcomeOf([]string{"namespace", "service", "rollout"}, nil), legend: "{{namespace}}/{{service}} {{rollout}}"}},
	})
	sh.row(20, "Before", false)
	sh.put(22, width, 8, panel{
		key: "ends", title: "How rollouts ended, in the last day", unit: "short", noValue: "none ended",
		description: "Closed rollouts by their last verdict. A rising share of rollbacks is worth a look at what they have in common.",
		targets:     []target{{expr: "sum by (outcome) (increase(" + s.plain("serin_rollouts_closed_total") + "[1d]))", legend: "{{outcome}}"}},
		overrides: []override{
			{"promote", []dashboard.DynamicConfigValue{fixed(green)}}, {"rollback", []dashboard.DynamicConfigValue{fixed(red)}},
			{"inconclusive", []dashboard.DynamicConfigValue{fixed(yellow)}}, {"continue", []dashboard.DynamicConfigValue{fixed(blue)}},
		},
	})
	s.alarmsRow(sh)
	s.judgeRow(sh)
	return s.board(sh, frame{uid: s.FleetUID(), title: s.called("all rollouts"), description: "All live rollouts, and how the judge itself does.", tags: []string{Tag, tagFleet}})
}

// judgeRow shows how Serin itself does: the same signals as of any service.
func (s Standing) judgeRow(sh *sheet) {
	sh.row(30, "The judge itself", false)
	// Quantiles of nothing are no numbers: ">= 0" takes them out of the legend.
	rate := func(name, by string) string {
		return "sum by (" + by + ") (rate(" + s.plain(name) + "[" + rateInterval + "]))"
	}
	ps := []panel{
		{
			key: "answers", title: "Answers", unit: "reqps", description: "Requests answered, by status. 5xx are answers that no controller could use.",
			targets: []target{{expr: rate("serin_http_requests_total", "code"), legend: "{{code}}"}},
		},
		{
			key: "answer time", title: "Time to answer, p99", unit: "s", description: "The slowest of a hundred answers, by address. A look waits for the metrics store.",
			targets: []target{{expr: "histogram_quantile(0.99, sum by (le, route) (rate(" + s.plain("serin_http_request_duration_seconds_bucket") + "[" + rateInterval + "]))) >= 0", legend: "{{route}}"}},
		},
		{
			key: "looks", title: "Looks", unit: "reqps", description: "Looks taken, shared among callers, too late for their caller, or shed.",
			targets: []target{{expr: rate("serin_looks_total", "how"), legend: "{{how}}"}},
		},
		{
			key: "questions", title: "Time of a question to the store, p99", unit: "s", description: "How long metrics stores take, by kind and result.",
			targets: []target{{expr: "histogram_quantile(0.99, sum by (le, kind, result) (rate(" + s.plain("serin_source_question_seconds_bucket") + "[" + rateInterval + "]))) >= 0", legend: "{{kind}} {{result}}"}},
		},
		{
			key: "work", title: "Work that is due or dead", unit: "short", noValue: "none", description: "Callbacks, reports and publications that wait, or were given up. Dead ones need a person.",
			targets: []target{{expr: "max by (kind, state) (" + s.undone().plain("serin_work_jobs") + ")", legend: "{{kind}} {{state}}"}},
		},
		{
			key: "publishing", title: "Dashboards and rules that could not be published", unit: "short", noValue: "none failed", description: "Failed attempts, by where they went. They never change a verdict.",
			targets: []target{{expr: "sum by (kind, target) (increase(" + s.plain("serin_publish_failures_total") + "[1h]))", legend: "{{kind}} {{target}}"}},
		},
	}
	for i, p := range ps {
		if p.noValue == "" {
			p.noValue = "no data"
		}
		sh.put(uint32(31+i), 8, 8, p)
	}
}

// undone leaves out work that is done.
func (s Standing) undone() Standing {
	s.Self = append(slices.Clone(s.Self), queries.Matcher{Label: "state", Op: queries.NotEqual, Value: "done"})
	return s
}

// ServiceUID identifies the board of a service, where there is one Serin.
func ServiceUID(namespace, service string) string {
	between := "/"
	if strings.Contains(namespace+service, between) {
		between = "\x00" // a/b of c is not a of b/c
	}
	return "serin-s-" + shortHash(namespace+between+service)
}

// Service draws the standing board of one service: its live rollouts, and how the
// ones before ended.
func Service(s Standing, namespace, service string) (Board, error) {
	pairs := []string{"namespace", "$namespace", "service", "$service"}
	sh := newSheet()
	sh.row(10, "Live rollouts", false)
	sh.put(11, width, 7, panel{
		key: "how they stand", form: formStates, title: "Verdicts", unit: "short", noValue: "no live rollout", mappings: outcomes(), steps: steps(grey),
		description: "The verdict of each live rollout of this service, from look to look.",
		targets:     []target{{expr: s.outcomeOf([]string{"rollout"}, pairs), legend: "{{rollout}}"}},
	})
	sh.put(12, 12, 8, panel{
		key: "evidence", title: "Evidence of harm, by metric", unit: "short", noValue: "no live rollout",
		description: "Logarithm of the evidence (base 10) that a metric of a canary is worse than tolerated.",
		targets:     []target{{expr: s.metric("serin_finding_evidence_log10", []string{"rollout", "finding"}, append(pairs, "about", "metric", "side", "worse")...), legend: "{{finding}} {{rollout}}"}},
	})
	sh.put(13, 12, 8, panel{
		key: "effect", title: "Canary over baseline, by metric", unit: "short", noValue: "no live rollout", decimals: cog.ToPtr(2.0),
		description: "How large the differences are: 1 is equal.",
		targets:     []target{{expr: s.metric("serin_finding_effect_ratio", []string{"rollout", "finding"}, append(pairs, "about", "metric")...), legend: "{{finding}} {{rollout}}"}},
	})
	sh.row(20, "Before", false)
	sh.put(21, width, 7, panel{
		key: "ends", title: "How rollouts ended, in the last week", unit: "short", noValue: "none ended",
		description: "Closed rollouts of this service by their last verdict.",
		targets:     []target{{expr: "sum by (outcome) (increase(" + s.plain("serin_rollouts_closed_total", pairs...) + "[1w]))", legend: "{{outcome}}"}},
	})
	return s.board(sh, frame{
		uid: s.ServiceUID(namespace, service), title: s.called(heading(join(namespace, service))), description: "Rollouts of this service.",
		tags: []string{Tag, serviceTag(service)},
	}, constant("namespace", namespace), constant("service", service))
}

// count is a number of rollouts.
func (s Standing) count(title, description, expr string, ss []step) panel {
	return panel{
		key: title, form: formStat, title: title, description: description, unit: "short", noValue: notHere, steps: ss, decimals: cog.ToPtr(0.0),
		targets: []target{{expr: expr, instant: true}},
	}
}

func (p panel) inSeconds() panel {
	p.unit = "s"
	return p
}

// live is a number about live rollouts: 0 where Serin's metrics are there and no rollout
// is live, and nothing where they are not.
func (s Standing) live(expr string) string {
	return expr + " or 0 * " + s.metric("serin_rollouts_live", nil)
}

// metric selects one of Serin's metrics, whichever replica shows it.
func (s Standing) metric(name string, by []string, pairs ...string) string {
	return ownSeries(s.Self, name, by, pairs...)
}

// plain selects the series of every replica.
func (s Standing) plain(name string, pairs ...string) string {
	return selector(s.Self, name, pairs...).String()
}

// outcomeOf is the outcome of each rollout as a number that [outcomes] names.
func (s Standing) outcomeOf(by, pairs []string) string {
	one := func(word, times string) string {
		return times + s.metric("serin_rollout_outcome", by, append([]string{"outcome", word}, pairs...)...)
	}
	return one("promote", "") + " + " + one("inconclusive", "2 * ") + " + " + one("rollback", "3 * ")
}

// frame is what a standing board has beside its panels.
type frame struct {
	uid, title, description string
	tags                    []string
}

// board makes a standing board of a sheet.
func (s Standing) board(sh *sheet, f frame, more ...cog.Builder[dashboard.VariableModel]) (Board, error) {
	if sh.err != nil {
		return Board{}, sh.err
	}
	vs, err := variables(append([]cog.Builder[dashboard.VariableModel]{dataSource()}, more...)...)
	if err != nil {
		return Board{}, err
	}
	d := dashboard.NewDashboard()
	d.Uid, d.Title, d.Tags, d.Description = &f.uid, &f.title, f.tags, cog.ToPtr("Written by Serin. "+f.description+" Changes made here are overwritten.")
	d.Editable, d.GraphTooltip, d.Timezone = cog.ToPtr(false), cog.ToPtr(dashboard.DashboardCursorSyncCrosshair), cog.ToPtr("utc")
	d.Panels, d.Refresh = sh.panels(), cog.ToPtr("30s")
	d.Time = &dashboard.DashboardDashboardTime{From: "now-6h", To: "now"}
	d.Templating = dashboard.DashboardDashboardTemplating{List: vs}
	if s.Server != "" {
		d.Links = []dashboard.DashboardLink{{Title: "Serin", Type: dashboard.DashboardLinkTypeLink, Icon: "external link", Url: cog.ToPtr(s.Server), TargetBlank: true, Tags: []string{}}}
	}
	return Board{UID: f.uid, Title: f.title, LeftOut: sh.left, d: *d}, nil
}

// shortHash is eleven characters of a name's digest.
func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])[:11]
}
