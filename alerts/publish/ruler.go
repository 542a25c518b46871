package publish

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/serin-canary/serin/alerts"
)

// Ruler publishes over the API of Mimir's ruler, which Cortex and Grafana Cloud speak
// too. Each rollout has a namespace of its own with one group in it.
type Ruler struct {
	http   *client
	prefix []string
}

// NewRuler returns a publisher. The prefix is what the server has before config/v1/rules
// and api/v1/alerts, mostly prometheus; the tenant is one of the server's headers.
func NewRuler(s Server, prefix string) (*Ruler, error) {
	c, err := newClient("ruler", s)
	if err != nil {
		return nil, err
	}
	r := &Ruler{http: c}
	for _, part := range strings.Split(prefix, "/") {
		if part != "" {
			r.prefix = append(r.prefix, part)
		}
	}
	return r, nil
}

func (r *Ruler) path(more ...string) []string {
	return append(append(slices.Clone(r.prefix), "config", "v1", "rules"), more...)
}

// Publish implements [Publisher]. The API takes one group at a time, and answers before
// the ruler has read it.
func (r *Ruler) Publish(ctx context.Context, s alerts.Set) error {
	whole, err := s.YAML()
	if err == nil {
		err = alerts.Check(whole)
	}
	var text []byte
	if err == nil {
		text, err = s.GroupYAML()
	}
	if err != nil {
		return &Error{Err: err, Permanent: true}
	}
	if _, err := r.mine(ctx, s.Name()); err != nil {
		return err
	}
	_, err = r.http.ask(ctx, question{method: http.MethodPost, path: r.path(s.Name()), body: text, kind: "application/yaml"})
	return err
}

// Firing implements [Watcher].
func (r *Ruler) Firing(ctx context.Context, s alerts.Set) (bool, error) {
	return r.http.firing(ctx, r.prefix, s)
}

// group is what is read of a group.
type group struct {
	Name  string
	Rules []struct{ Labels map[string]string }
}

// ours reports whether Serin wrote a group: every rule of it says so.
func (g group) ours() bool {
	for _, r := range g.Rules {
		if r.Labels["managed_by"] != "serin" {
			return false
		}
	}
	return len(g.Rules) > 0
}

// mine reports whether the ruler has Serin's group of a name. Somebody else's of that
// name is an error.
func (r *Ruler) mine(ctx context.Context, name string) (bool, error) {
	if err := owned(name); err != nil {
		return false, err
	}
	text, err := r.http.ask(ctx, question{method: http.MethodGet, path: r.path(name, name)})
	if isStatus(err, http.StatusNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var g group
	if err := yaml.Unmarshal(text, &g); err != nil {
		return false, &Error{Err: errors.New("ruler: the group is not the YAML that was expected")}
	}
	if !g.ours() {
		return false, &Error{Permanent: true, Err: fmt.Errorf("ruler: the group %s was not written by Serin, so it is left alone", name)}
	}
	return true, nil
}

// Remove implements [Publisher]. A namespace without groups is gone by itself; what
// somebody else put into it stays.
func (r *Ruler) Remove(ctx context.Context, name string) error {
	found, err := r.mine(ctx, name)
	if err != nil || !found {
		return err
	}
	_, err = r.http.ask(ctx, question{method: http.MethodDelete, path: r.path(name, name)})
	if isStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}

// Owned implements [Publisher]. A tenant without rules is answered with 404.
func (r *Ruler) Owned(ctx context.Context) ([]string, error) {
	text, err := r.http.ask(ctx, question{method: http.MethodGet, path: r.path()})
	if isStatus(err, http.StatusNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var namespaces map[string][]group
	if err := yaml.Unmarshal(text, &namespaces); err != nil {
		return nil, &Error{Err: errors.New("ruler: its rules are not the YAML that was expected")}
	}
	var out []string
	for name, groups := range namespaces {
		for _, g := range groups {
			if g.Name == name && g.ours() && owned(name) == nil {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
