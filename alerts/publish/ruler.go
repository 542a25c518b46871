package publish

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/serin-canary/serin/alerts"
)

// Ruler publishes over the API of Mimir's ruler, which Cortex and Grafana Cloud speak
// too. Each rollout has a namespace of its own. Tenants have limits on groups, and on the
// rules of a group (20 where nobody has raised it), so that alerts are written out
// without recordings: they mostly fit into one group.
type Ruler struct {
	http   *client
	prefix []string
}

// most is how many rules a group has.
const most = 20

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
	groups, err := split(s)
	if err != nil {
		return &Error{Err: err, Permanent: true}
	}
	there, err := r.mine(ctx, s.Name())
	if err != nil {
		return err
	}
	for _, g := range groups {
		text, err := g.GroupYAML()
		if err != nil {
			return &Error{Err: err, Permanent: true}
		}
		if _, err := r.http.ask(ctx, question{method: http.MethodPost, path: r.path(s.Name()), body: text, kind: "application/yaml"}); err != nil {
			return err
		}
		there = slices.DeleteFunc(there, func(name string) bool { return name == g.Group.Name })
	}
	return r.drop(ctx, s.Name(), there) // of a set that was larger
}

// split writes a set without recordings, as groups that are small enough.
func split(s alerts.Set) ([]alerts.Set, error) {
	plain, err := s.Inlined()
	if err != nil {
		return nil, err
	}
	whole, err := plain.YAML()
	if err == nil {
		err = alerts.Check(whole)
	}
	if err != nil {
		return nil, err
	}
	var out []alerts.Set
	for rules := range slices.Chunk(plain.Group.Rules, most) {
		g := plain
		g.Group.Rules = rules
		if n := len(out); n > 0 {
			g.Group.Name += "-" + strconv.Itoa(n+1)
		}
		out = append(out, g)
	}
	return out, nil
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

// part reports whether a group's name is one that a set of a name has.
func part(group, set string) bool {
	rest, ok := strings.CutPrefix(group, set)
	if !ok || rest == "" {
		return ok
	}
	n, err := strconv.Atoi(strings.TrimPrefix(rest, "-"))
	return err == nil && n >= 2 && rest == "-"+strconv.Itoa(n)
}

// mine lists the groups of a set that the ruler has, sorted. Somebody else's of such a
// name is an error.
func (r *Ruler) mine(ctx context.Context, name string) ([]string, error) {
	if err := owned(name); err != nil {
		return nil, err
	}
	text, err := r.http.ask(ctx, question{method: http.MethodGet, path: r.path(name)})
	if isStatus(err, http.StatusNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var namespaces map[string][]group
	if err := yaml.Unmarshal(text, &namespaces); err != nil {
		return nil, &Error{Err: errors.New("ruler: the groups are not the YAML that was expected")}
	}
	var out []string
	for _, g := range namespaces[name] {
		switch {
		case !part(g.Name, name):
		case !g.ours():
			return nil, &Error{Permanent: true, Err: fmt.Errorf("ruler: the group %s was not written by Serin, so it is left alone", g.Name)}
		default:
			out = append(out, g.Name)
		}
	}
	slices.Sort(out)
	return out, nil
}

// drop removes groups of a namespace. What is gone already is gone.
func (r *Ruler) drop(ctx context.Context, namespace string, groups []string) error {
	for _, g := range groups {
		_, err := r.http.ask(ctx, question{method: http.MethodDelete, path: r.path(namespace, g)})
		if err != nil && !isStatus(err, http.StatusNotFound) {
			return err
		}
	}
	return nil
}

// Remove implements [Publisher]. A namespace without groups is gone by itself; what
// somebody else put into it stays.
func (r *Ruler) Remove(ctx context.Context, name string) error {
	there, err := r.mine(ctx, name)
	if err != nil {
		return err
	}
	return r.drop(ctx, name, there)
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
			if part(g.Name, name) && g.ours() && owned(name) == nil {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
