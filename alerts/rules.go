package alerts

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// Set is the rules of one rollout.
type Set struct {
	// ID is the rollout's.
	ID string
	// Group has the recordings first, then the alerts.
	Group rulefmt.RuleGroup
	// LeftOut says what no rule could be written for, and why.
	LeftOut []string

	alerts []alert
	times  times
	// standing says that the rules belong to no rollout, and have no deadline.
	standing bool
}

// alert is an alert before it is gated.
type alert struct {
	name, severity       string
	metric, limit        string // what it is about; either may be empty
	expr                 parser.Expr
	hold, keep           time.Duration
	after                time.Duration // how long the world must be as it is before it counts
	summary, description string
	fires, quiet         scene // for the unit test; empty where none can be invented
}

// builder collects the rules of a set.
type builder struct {
	s      Subject
	t      times
	rules  []rulefmt.Rule
	alerts []alert
	left   []string
}

// leave notes what no rule is written for.
func (b *builder) leave(format string, args ...any) {
	b.left = append(b.left, fmt.Sprintf(format, args...))
}

func (b *builder) alert(a alert) { b.alerts = append(b.alerts, a) }

// Write writes a rollout's rules.
func Write(s Subject) (Set, error) {
	if err := s.check(); err != nil {
		return Set{}, err
	}
	b := &builder{s: s, t: s.times()}
	ws := b.watch()
	for _, w := range ws {
		if err := b.record(w); err != nil {
			return Set{}, err
		}
	}
	for _, w := range ws {
		b.compare(w)
		b.burn(w)
	}
	b.limits(ws)
	b.shared(ws)
	b.silence(ws)
	b.self()
	b.stuck()
	for _, a := range b.alerts {
		b.rules = append(b.rules, b.rule(a))
	}
	set := Set{ID: s.Rollout.ID, LeftOut: b.left, alerts: b.alerts, times: b.t, Group: rulefmt.RuleGroup{
		Name: NameOf(s.Rollout.ID), Interval: model.Duration(b.t.every), Rules: b.rules,
	}}
	return set, set.check()
}

// NameOf is the name of a rollout's group, of its file without the ending, and of its
// namespace in a ruler.
func NameOf(id string) string { return "serin-" + id }

// Name is the group's name, which is also that of the file and of the namespace.
func (s Set) Name() string { return NameOf(s.ID) }

// rule gates an alert by the deadline and gives it its labels and links.
func (b *builder) rule(a alert) rulefmt.Rule {
	labels := map[string]string{}
	for name, value := range b.s.Labels {
		labels[name] = plain(value)
	}
	r := b.s.Rollout
	severity := a.severity
	if b.s.Plan.Mode == "shadow" && severity == Page {
		severity = Ticket // a judge on trial wakes nobody
	}
	for name, value := range map[string]string{
		"rollout": r.ID, "service": r.Service, "namespace": r.Namespace, "metric": a.metric, "limit": a.limit, "severity": severity, "managed_by": managedBy,
	} {
		if value != "" {
			labels[name] = plain(value)
		}
	}
	notes := map[string]string{
		"summary":     plain(r.Service) + ": " + a.summary,
		"description": strings.TrimSpace(a.description),
		"runbook_url": plain(b.s.Links.Runbook), "dashboard_url": plain(b.s.Links.Dashboard), "report_url": plain(b.s.Links.Report),
	}
	if b.s.Links.DashboardUID != "" {
		notes["__dashboardUid__"] = plain(b.s.Links.DashboardUID)
		if id, ok := b.s.Links.Panels[a.metric]; ok {
			notes["__panelId__"] = fmt.Sprint(id)
		}
	}
	maps.DeleteFunc(notes, func(_, text string) bool { return text == "" })
	return rulefmt.Rule{
		Alert: a.name, Expr: b.gated(a.expr).String(), For: model.Duration(a.hold), KeepFiringFor: model.Duration(a.keep),
		Labels: labels, Annotations: notes,
	}
}

// gated silences an expression from the deadline on.
func (b *builder) gated(e parser.Expr) parser.Expr {
	return both(e, binary(parser.LSS, now(), moment(b.t.until)))
}

// plain is text that no template changes.
func plain(text string) string { return strings.ReplaceAll(text, "{{", `{{ "{{" }}`) }

// check holds a set to what the store demands: every expression parses, every name is
// legal, and no alert is written twice with the same labels.
func (s Set) check() error {
	text, err := s.YAML()
	if err != nil {
		return err
	}
	if err := Check(text); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, r := range s.Group.Rules {
		key := r.Record + r.Alert + "\x00" + strings.Join(sorted(r.Labels), "\x00")
		if seen[key] {
			return fmt.Errorf("alerts: %s is there twice with the same labels", r.Record+r.Alert)
		}
		seen[key] = true
	}
	return nil
}

// sorted writes labels in order.
func sorted(labels map[string]string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		out = append(out, name+"="+labels[name])
	}
	return out
}

// Tombstone returns the set with alerts that cannot fire. They have the same names and
// labels, so that what fires now is resolved at the next evaluation, where rules that
// are simply deleted leave it firing for minutes. The recordings are gone.
func (s Set) Tombstone() Set {
	dead := s
	dead.Group.Rules = nil
	for _, r := range s.Group.Rules {
		if r.Alert == "" {
			continue
		}
		r.Expr = never(r.Expr)
		r.For, r.KeepFiringFor = 0, 0
		dead.Group.Rules = append(dead.Group.Rules, r)
	}
	return dead
}

// never is an expression that is never true.
func never(text string) string {
	e, err := parse(text)
	if err != nil {
		return "vector(0) == 1"
	}
	return both(e, binary(parser.EQLC, call("vector", number(0)), number(1))).String()
}
