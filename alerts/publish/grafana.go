package publish

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/rulefmt"

	"github.com/serin-canary/serin/alerts"
)

// Grafana publishes rules that Grafana itself evaluates, over its provisioning API. It
// keeps no recordings, so that alerts are written out.
type Grafana struct {
	http *client
	// folder is the UID of the folder that the groups are in; source the UID of the
	// data source that is asked.
	folder, source string
}

// NewGrafana returns a publisher. The folder must exist: rules are removed with it, so
// Serin makes none for them.
func NewGrafana(s Server, folder, source string) (*Grafana, error) {
	if folder == "" || source == "" {
		return nil, fmt.Errorf("publish: rules of Grafana's need the UID of a folder and of a data source")
	}
	// Rules without provenance may be looked at and silenced by people, and only who
	// sends the same header again may change them.
	headers := map[string]string{"X-Disable-Provenance": "true"}
	maps.Copy(headers, s.Headers)
	s.Headers = headers
	c, err := newClient("grafana", s)
	return &Grafana{http: c, folder: folder, source: source}, err
}

// The forms of the provisioning API.
type (
	grafanaGroup struct {
		Title    string        `json:"title"`
		Folder   string        `json:"folderUid"`
		Interval int           `json:"interval"` // seconds
		Rules    []grafanaRule `json:"rules"`
	}
	grafanaRule struct {
		UID         string            `json:"uid"`
		Title       string            `json:"title"`
		Group       string            `json:"ruleGroup"`
		Folder      string            `json:"folderUID"`
		Condition   string            `json:"condition"`
		For         string            `json:"for"`
		Keep        string            `json:"keep_firing_for,omitempty"`
		NoData      string            `json:"noDataState"`
		Error       string            `json:"execErrState"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
		Data        []grafanaQuery    `json:"data"`
	}
	grafanaQuery struct {
		RefID  string         `json:"refId"`
		Source string         `json:"datasourceUid"`
		Range  map[string]int `json:"relativeTimeRange"`
		Model  map[string]any `json:"model"`
	}
)

// expressions is the UID of Grafana's own arithmetic.
const expressions = "__expr__"

// group translates a set. What a rule's expression selects is what fires: the threshold
// is only whether there is anything.
func (g *Grafana) group(s alerts.Set) (grafanaGroup, error) {
	plain, err := s.Inlined()
	if err != nil {
		return grafanaGroup{}, err
	}
	every := time.Duration(s.Group.Interval)
	// Grafana evaluates every ten seconds at most often.
	every = max(every.Round(10*time.Second), 10*time.Second)
	out := grafanaGroup{Title: s.Name(), Folder: g.folder, Interval: int(every.Seconds())}
	for i, r := range plain.Group.Rules {
		out.Rules = append(out.Rules, g.rule(s, i, r))
	}
	return out, nil
}

func (g *Grafana) rule(s alerts.Set, n int, r rulefmt.Rule) grafanaRule {
	window := map[string]int{"from": 600, "to": 0}
	title := strings.Join(slices.DeleteFunc([]string{r.Alert, r.Labels["metric"], r.Labels["limit"]}, func(t string) bool { return t == "" }), " ")
	out := grafanaRule{
		UID: fmt.Sprintf("%s-%d", s.Name(), n), Title: title + " " + s.ID, Group: s.Name(), Folder: g.folder, Condition: "C",
		For: r.For.String(), NoData: "OK", Error: "OK", Labels: r.Labels, Annotations: map[string]string{},
	}
	if r.KeepFiringFor > 0 {
		out.Keep = r.KeepFiringFor.String()
	}
	for name, text := range r.Annotations {
		out.Annotations[name] = values(text)
	}
	out.Data = []grafanaQuery{
		{"A", g.source, window, map[string]any{"refId": "A", "expr": r.Expr, "instant": true, "intervalMs": 1000, "maxDataPoints": 43200}},
		{"B", expressions, window, map[string]any{"refId": "B", "type": "reduce", "expression": "A", "reducer": "last"}},
		// A value that fires may be 0 or below: whether there is one is what counts.
		{"C", expressions, window, map[string]any{"refId": "C", "type": "math", "expression": "is_number($B)"}},
	}
	return out
}

// values turns the value of Prometheus' templates into that of Grafana's, which is by
// query.
func values(text string) string { return strings.ReplaceAll(text, "$value", "$values.B.Value") }

func (g *Grafana) path(name string) []string {
	return []string{"api", "v1", "provisioning", "folder", g.folder, "rule-groups", name}
}

// Publish implements [Publisher].
func (g *Grafana) Publish(ctx context.Context, s alerts.Set) error {
	group, err := g.group(s)
	var body []byte
	if err == nil {
		body, err = json.Marshal(group)
	}
	if err != nil {
		return &Error{Err: err, Permanent: true}
	}
	if err := g.free(ctx, s.Name()); err != nil {
		return err
	}
	text, err := g.http.ask(ctx, question{method: http.MethodPut, path: g.path(s.Name()), body: body, kind: "application/json"})
	switch {
	case isStatus(err, http.StatusNotFound):
		return &Error{Permanent: true, Err: fmt.Errorf("%w; make the folder %s, or name another one", err, g.folder)}
	case err != nil:
		return provenance(err)
	}
	var has grafanaGroup
	if err := json.Unmarshal(text, &has); err != nil || has.Title != group.Title || len(has.Rules) != len(group.Rules) {
		return &Error{Err: fmt.Errorf("grafana did not answer with the group %s of %d rules that it was sent; check that the URL leads to Grafana itself", group.Title, len(group.Rules))}
	}
	return nil
}

// provenance says what a conflict may mean.
func provenance(err error) error {
	if !isStatus(err, http.StatusConflict) {
		return err
	}
	return &Error{Err: fmt.Errorf("%w; either somebody wrote at the same moment, or the rules were provisioned in another way, by a file or without X-Disable-Provenance: then remove them there", err)}
}

// free refuses a group in which there are rules of others: writing it would delete
// them.
func (g *Grafana) free(ctx context.Context, name string) error {
	if err := owned(name); err != nil {
		return err
	}
	all, err := g.all(ctx)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.Folder == g.folder && r.Group == name && !r.ours() {
			return &Error{Permanent: true, Err: fmt.Errorf("grafana: the group %s has the rule %q, which was not written by Serin, so it is left alone", name, r.Title)}
		}
	}
	return nil
}

// Firing implements [Watcher], by the API that Grafana has in common with Prometheus.
func (g *Grafana) Firing(ctx context.Context, s alerts.Set) (bool, error) {
	return g.http.firing(ctx, []string{"api", "prometheus", "grafana"}, s)
}

func (r grafanaRule) ours() bool { return r.Labels["managed_by"] == "serin" }

// all lists all rules.
func (g *Grafana) all(ctx context.Context) ([]grafanaRule, error) {
	text, err := g.http.ask(ctx, question{method: http.MethodGet, path: []string{"api", "v1", "provisioning", "alert-rules"}})
	if err != nil {
		return nil, err
	}
	var all []grafanaRule
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, &Error{Err: fmt.Errorf("grafana: its rules cannot be read: %w", err)}
	}
	return all, nil
}

// rules lists Serin's rules of the folder.
func (g *Grafana) rules(ctx context.Context) ([]grafanaRule, error) {
	all, err := g.all(ctx)
	return slices.DeleteFunc(all, func(r grafanaRule) bool { return !r.ours() || r.Folder != g.folder }), err
}

// Remove implements [Publisher]: rule by rule, since not every version can remove a
// group.
func (g *Grafana) Remove(ctx context.Context, name string) error {
	if err := owned(name); err != nil {
		return err
	}
	all, err := g.rules(ctx)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.Group != name {
			continue
		}
		_, err := g.http.ask(ctx, question{method: http.MethodDelete, path: []string{"api", "v1", "provisioning", "alert-rules", r.UID}})
		if err != nil && !isStatus(err, http.StatusNotFound) {
			return provenance(err)
		}
	}
	return nil
}

// Owned implements [Publisher].
func (g *Grafana) Owned(ctx context.Context) ([]string, error) {
	all, err := g.rules(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, r := range all {
		if owned(r.Group) == nil {
			out = append(out, r.Group)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
