package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/serin-canary/serin/alerts"
)

// Prometheus publishes rule files into a folder that a Prometheus, a Thanos Ruler or a
// vmalert reads (rule_files: [DIR/*.yml]), and makes it read them again.
type Prometheus struct {
	dir  string
	http *client // nil where nobody is told: something else reloads it
}

// NewPrometheus returns a publisher. Without a server's URL only files are written.
func NewPrometheus(dir string, s Server) (*Prometheus, error) {
	if dir == "" {
		return nil, errors.New("publish: there is no folder for rule files")
	}
	p := &Prometheus{dir: dir}
	if s.URL == "" {
		return p, nil
	}
	var err error
	p.http, err = newClient("prometheus", s)
	return p, err
}

func (p *Prometheus) file(name string) string { return filepath.Join(p.dir, name+".yml") }

// Publish implements [Publisher]. One bad file keeps a Prometheus from reading all of
// them, so that the rules are checked first; where it does not accept them all the same,
// the file is put back as it was.
func (p *Prometheus) Publish(ctx context.Context, s alerts.Set) error {
	text, err := s.YAML()
	if err == nil {
		err = alerts.Check(text)
	}
	if err != nil {
		return &Error{Err: err, Permanent: true}
	}
	file := p.file(s.Name())
	before, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		before = nil
	case err != nil:
		return &Error{Err: fmt.Errorf("alerts: %w", err)}
	case !ours(before):
		return &Error{Permanent: true, Err: fmt.Errorf("alerts: %s was not written by Serin, so it is left alone", file)}
	}
	if err := replace(file, text); err != nil {
		return &Error{Err: fmt.Errorf("alerts: %w", err)}
	}
	err = p.reload(ctx)
	if err == nil {
		err = p.loaded(ctx, s)
	}
	if err == nil || !refusedRules(err) {
		return err
	}
	// Others' rules must not suffer.
	if back := p.putBack(ctx, file, before); back != nil {
		return errors.Join(err, back)
	}
	return err
}

// refusedRules reports whether a Prometheus read the files and did not accept them.
func refusedRules(err error) bool {
	return isStatus(err, http.StatusInternalServerError) || isStatus(err, http.StatusBadRequest)
}

func (p *Prometheus) putBack(ctx context.Context, file string, before []byte) error {
	err := os.Remove(file)
	if before != nil {
		err = replace(file, before)
	}
	if err != nil {
		return &Error{Err: fmt.Errorf("alerts: the rules that were refused are still there: %w", err)}
	}
	return p.reload(ctx)
}

// reload makes the server read its files.
func (p *Prometheus) reload(ctx context.Context) error {
	if p.http == nil {
		return nil
	}
	_, err := p.http.ask(ctx, question{method: http.MethodPost, path: []string{"-", "reload"}})
	if isStatus(err, http.StatusForbidden) || isStatus(err, http.StatusNotFound) || isStatus(err, http.StatusMethodNotAllowed) {
		return &Error{Permanent: true, Err: fmt.Errorf("%w; start it with --web.enable-lifecycle, or have it reload its files by itself and leave the URL out", err)}
	}
	return err
}

// loaded checks that the server has the group: a file that no glob of rule_files
// matches is read by nobody, without any error.
func (p *Prometheus) loaded(ctx context.Context, s alerts.Set) error {
	if p.http == nil {
		return nil
	}
	text, err := p.http.ask(ctx, question{method: http.MethodGet, path: []string{"api", "v1", "rules"}})
	if err != nil {
		return err
	}
	var answer struct {
		Data struct {
			Groups []struct {
				Name string `json:"name"`
			} `json:"groups"`
		} `json:"data"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return &Error{Err: fmt.Errorf("prometheus: its rules cannot be read: %w", err)}
	}
	for _, g := range answer.Data.Groups {
		if g.Name == s.Name() {
			return nil
		}
	}
	return &Error{Permanent: true, Err: fmt.Errorf("prometheus has read its files and does not have the group %s: add %s to rule_files", s.Name(), filepath.Join(p.dir, "*.yml"))}
}

// Firing implements [Watcher]. Without a server nobody knows; then nothing is waited for.
func (p *Prometheus) Firing(ctx context.Context, s alerts.Set) (bool, error) {
	if p.http == nil {
		return false, nil
	}
	return p.http.firing(ctx, nil, s)
}

// Remove implements [Publisher].
func (p *Prometheus) Remove(ctx context.Context, name string) error {
	file := p.file(name)
	text, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return &Error{Err: fmt.Errorf("alerts: %w", err)}
	case !ours(text):
		return &Error{Permanent: true, Err: fmt.Errorf("alerts: %s was not written by Serin, so it is left alone", file)}
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &Error{Err: fmt.Errorf("alerts: %w", err)}
	}
	return p.reload(ctx)
}

// Owned implements [Publisher].
func (p *Prometheus) Owned(context.Context) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(p.dir, "serin-*.yml"))
	if err != nil {
		return nil, &Error{Err: fmt.Errorf("alerts: the folder's name cannot be searched: %w", err), Permanent: true}
	}
	var out []string
	for _, file := range found {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, &Error{Err: fmt.Errorf("alerts: %w", err)}
		}
		if ours(text) {
			out = append(out, strings.TrimSuffix(filepath.Base(file), ".yml"))
		}
	}
	slices.Sort(out)
	return out, nil
}

// ours reports whether Serin wrote a file.
func ours(text []byte) bool { return strings.HasPrefix(string(text), "# Written by Serin ") }

// replace writes a file beside and renames it. The name that it has meanwhile matches
// no glob of rule files.
func replace(file string, text []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // Prometheus runs as somebody else
		return err
	}
	t, err := os.CreateTemp(filepath.Dir(file), ".serin-*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(t.Name()))
		}
	}()
	_, err = t.Write(text)
	for _, step := range []func() error{func() error { return t.Chmod(0o644) }, t.Sync, t.Close} {
		if e := step(); err == nil {
			err = e
		}
	}
	if err != nil {
		return err
	}
	return os.Rename(t.Name(), file)
}
