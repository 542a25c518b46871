package publish_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// place is what both fakes have: calls, active alerts, and answers in their stead.
type place struct {
	t      *testing.T
	mu     sync.Mutex
	calls  []string
	active []map[string]any
	// fail answers a change in the fake's stead.
	fail http.HandlerFunc
}

func (p *place) note(w http.ResponseWriter, r *http.Request) (answered bool) {
	p.calls = append(p.calls, r.Method+" "+r.URL.EscapedPath())
	if p.fail != nil && r.Method != http.MethodGet {
		p.fail(w, r)
		return true
	}
	return false
}

func (p *place) alerts(w http.ResponseWriter) {
	answer(w, 200, map[string]any{"status": "success", "data": map[string]any{"alerts": p.active}})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// ruler is Mimir's ruler, as its documentation tells of it: it takes one group a call,
// of 20 rules at most, answers 202, and 404 where a tenant has no rules. No real one can run here.
type ruler struct {
	place
	rules map[string]map[string]map[string]any // by namespace and group
}

func newRuler(t *testing.T) (*ruler, string) {
	r := &ruler{place: place{t: t}, rules: map[string]map[string]map[string]any{}}
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	return r, s.URL
}

func (f *ruler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.note(w, r) {
		return
	}
	if r.Header.Get("X-Scope-OrgID") != "shop" {
		http.Error(w, "no org id", http.StatusUnauthorized)
		return
	}
	if r.URL.Path == "/prometheus/api/v1/alerts" {
		f.alerts(w)
		return
	}
	rest, ok := strings.CutPrefix(r.URL.Path, "/prometheus/config/v1/rules")
	if !ok {
		http.NotFound(w, r)
		return
	}
	part := strings.FieldsFunc(rest, func(c rune) bool { return c == '/' })
	switch {
	case r.Method == http.MethodPost && len(part) == 1:
		f.post(w, r, part[0])
	case r.Method == http.MethodGet:
		f.get(w, part)
	case r.Method == http.MethodDelete && len(part) == 2:
		if _, ok := f.rules[part[0]][part[1]]; !ok {
			http.Error(w, "group does not exist", http.StatusNotFound)
			return
		}
		delete(f.rules[part[0]], part[1])
		if len(f.rules[part[0]]) == 0 {
			delete(f.rules, part[0])
		}
		answer(w, http.StatusAccepted, map[string]any{"status": "success"})
	default:
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	}
}

func (f *ruler) post(w http.ResponseWriter, r *http.Request, namespace string) {
	var group map[string]any
	err := yaml.NewDecoder(r.Body).Decode(&group)
	title, _ := group["name"].(string)
	if err != nil || title == "" || group["rules"] == nil || group["groups"] != nil {
		http.Error(w, "unable to decode rule group", http.StatusBadRequest)
		return
	}
	if rules, _ := group["rules"].([]any); len(rules) > 20 {
		http.Error(w, fmt.Sprintf("per-user rules per rule group limit (limit: 20 actual: %d) exceeded", len(rules)), http.StatusBadRequest)
		return
	}
	if got := r.Header.Get("Content-Type"); got != "application/yaml" {
		f.t.Errorf("got the content type %q", got)
	}
	if f.rules[namespace] == nil {
		f.rules[namespace] = map[string]map[string]any{}
	}
	f.rules[namespace][title] = group
	answer(w, http.StatusAccepted, map[string]any{"status": "success"})
}

func (f *ruler) get(w http.ResponseWriter, part []string) {
	var v any
	switch {
	case len(part) == 2 && f.rules[part[0]][part[1]] != nil:
		v = f.rules[part[0]][part[1]]
	case len(part) == 1 && len(f.rules[part[0]]) > 0:
		v = map[string]any{part[0]: slices.Collect(maps.Values(f.rules[part[0]]))}
	case len(part) == 0 && len(f.rules) > 0:
		all := map[string][]map[string]any{}
		for namespace, groups := range f.rules {
			for _, g := range groups {
				all[namespace] = append(all[namespace], g)
			}
		}
		v = all
	default:
		http.Error(w, "no rule groups found", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/yaml")
	_ = yaml.NewEncoder(w).Encode(v)
}

// grafana is Grafana's provisioning API of alert rules. No real one can run here.
type grafana struct {
	place
	folders []string
	rules   []gRule
}

type gRule struct {
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
	Provenance  string            `json:"provenance,omitempty"`
	Data        []struct {
		RefID  string         `json:"refId"`
		Source string         `json:"datasourceUid"`
		Range  map[string]int `json:"relativeTimeRange"`
		Model  map[string]any `json:"model"`
	} `json:"data"`
}

func newGrafana(t *testing.T) (*grafana, string) {
	g := &grafana{place: place{t: t}, folders: []string{"canaries"}}
	s := httptest.NewServer(http.StripPrefix("/grafana", g))
	t.Cleanup(s.Close)
	return g, s.URL + "/grafana"
}

func (f *grafana) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.note(w, r) {
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+secret {
		answer(w, 401, map[string]any{"message": "Invalid API key"})
		return
	}
	path := r.URL.Path
	uid, one := strings.CutPrefix(path, "/api/v1/provisioning/alert-rules/")
	group, many := strings.CutPrefix(path, "/api/v1/provisioning/folder/")
	switch {
	case path == "/api/prometheus/grafana/api/v1/alerts":
		f.alerts(w)
	case path == "/api/v1/provisioning/alert-rules" && r.Method == http.MethodGet:
		answer(w, 200, f.rules)
	case one && r.Method == http.MethodDelete:
		f.remove(w, r, uid)
	case many && r.Method == http.MethodPut:
		folder, title, _ := strings.Cut(group, "/rule-groups/")
		f.put(w, r, folder, title)
	default:
		answer(w, 404, map[string]any{"message": "Not found"})
	}
}

// provenance is what a request gives to rules, and must give again to change them.
func provenance(r *http.Request) string {
	if r.Header.Get("X-Disable-Provenance") != "" {
		return ""
	}
	return "api"
}

func (f *grafana) remove(w http.ResponseWriter, r *http.Request, uid string) {
	i := slices.IndexFunc(f.rules, func(x gRule) bool { return x.UID == uid })
	switch {
	case i < 0:
		answer(w, 404, map[string]any{"message": "rule not found"})
	case f.rules[i].Provenance != provenance(r):
		answer(w, 409, map[string]any{"message": "cannot delete with provided provenance"})
	default:
		f.rules = slices.Delete(f.rules, i, i+1)
		w.WriteHeader(http.StatusNoContent)
	}
}

func (f *grafana) put(w http.ResponseWriter, r *http.Request, folder, title string) {
	var body struct {
		Title    string  `json:"title"`
		Folder   string  `json:"folderUid"`
		Interval int     `json:"interval"`
		Rules    []gRule `json:"rules"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		answer(w, 400, map[string]any{"message": err.Error()})
		return
	}
	if !slices.Contains(f.folders, folder) {
		answer(w, 404, map[string]any{"message": "folder does not exist"})
		return
	}
	if fault := f.fault(body.Rules, body.Interval); fault != "" || body.Title != title || body.Folder != folder {
		answer(w, 400, map[string]any{"message": "invalid alert rule: " + fault})
		return
	}
	mine := func(x gRule) bool { return x.Folder == folder && x.Group == title }
	for _, x := range f.rules {
		if mine(x) && x.Provenance != provenance(r) {
			answer(w, 409, map[string]any{"message": "cannot change provenance"})
			return
		}
	}
	f.rules = slices.DeleteFunc(f.rules, mine)
	for _, x := range body.Rules {
		x.Provenance = provenance(r)
		f.rules = append(f.rules, x)
	}
	answer(w, 200, body)
}

// fault says why Grafana would refuse rules.
func (f *grafana) fault(rules []gRule, interval int) string {
	if interval <= 0 || interval%10 != 0 {
		return "interval must be a multiple of 10 seconds"
	}
	seen := map[string]bool{}
	for _, r := range rules {
		refs := map[string]bool{}
		for _, d := range r.Data {
			refs[d.RefID] = d.Source != "" && d.Model["refId"] == d.RefID
		}
		_, err := time.ParseDuration(r.For)
		switch {
		case len(r.UID) > 40 || r.UID == "" || seen["uid "+r.UID]:
			return "uid " + r.UID
		case r.Title == "" || len(r.Title) > 190 || seen["title "+r.Title]:
			return "title " + r.Title
		case !refs[r.Condition]:
			return "condition " + r.Condition
		case err != nil:
			return "for " + r.For
		case !slices.Contains([]string{"OK", "NoData", "Alerting", "KeepLast"}, r.NoData), !slices.Contains([]string{"OK", "Error", "Alerting", "KeepLast"}, r.Error):
			return fmt.Sprintf("state %s, %s", r.NoData, r.Error)
		}
		seen["uid "+r.UID], seen["title "+r.Title] = true, true
	}
	return ""
}
