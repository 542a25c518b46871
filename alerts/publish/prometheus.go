package publish

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/alerts"
)

// Prometheus publishes rule files into a folder that a Prometheus, a Thanos Ruler or a
// vmalert reads (rule_files: [DIR/*.yml]), and makes it read them again.
type Prometheus struct {
	dir  string
	http *client // nil where nobody is told: something else reloads it
	// every is how long is waited before the server is asked again.
	every  time.Duration
	unread unread
}

// NewPrometheus returns a publisher. Without a server's URL only files are written.
func NewPrometheus(dir string, s Server) (*Prometheus, error) {
	if dir == "" {
		return nil, errors.New("publish: there is no folder for rule files")
	}
	p := &Prometheus{dir: dir, every: tryEvery}
	if s.URL == "" {
		return p, nil
	}
	var err error
	p.http, err = newClient("prometheus", s)
	return p, err
}

func (p *Prometheus) file(name string) (string, error) {
	return filepath.Join(p.dir, name+".yml"), owned(name)
}

// Publish implements [Publisher]. One bad file keeps a Prometheus from reading all of
// them, so that the rules are checked first. A file stays only where the server has
// confirmed that it evaluates it; otherwise it is put back as it was.
func (p *Prometheus) Publish(ctx context.Context, s alerts.Set) error {
	text, err := s.YAML()
	if err == nil {
		err = alerts.Check(text)
	}
	if err != nil {
		return &Error{Err: err, Permanent: true}
	}
	file, err := p.file(s.Name())
	if err != nil {
		return err
	}
	before, err := read(file)
	if err != nil {
		return err
	}
	if p.http != nil && bytes.Equal(before, text) {
		// A reload is no small thing: for seconds after one an old Prometheus knows no
		// Alertmanager, and what it has to tell is lost.
		if n, err := p.has(ctx, s.Name()); err != nil || n == len(s.Group.Rules) {
			return err
		}
	}
	if p.http != nil {
		if err := p.still(ctx); err != nil {
			return err
		}
	}
	if err := replace(file, text); err != nil {
		return &Error{Err: fmt.Errorf("alerts: %w", err)}
	}
	if p.http == nil {
		return nil
	}
	if err = p.reload(ctx); err == nil {
		err = p.settled(ctx, s.Name(), len(s.Group.Rules))
	}
	if err == nil {
		p.unread.forget()
		return nil
	}
	if back := restore(file, before); back != nil {
		return &Error{Err: fmt.Errorf("%w; and the file cannot be put back, so take %s away: %w", err, file, back)}
	}
	// The time that was left may be over, and others' rules must not suffer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastReload)
	defer cancel()
	err = p.blame(ctx, err)
	p.remember(ctx, err)
	return err
}

// blame reloads without what was not accepted, and says whose fault it was.
func (p *Prometheus) blame(ctx context.Context, err error) error {
	again := p.reload(ctx)
	switch {
	case !refusedRules(err):
		return err
	case again == nil:
		return &Error{Permanent: true, Err: fmt.Errorf("%w; it reads its files without Serin's, so this file is at fault, and was put back: the server's log says why; it may be too old for something in it", err)}
	}
	return p.foreign(err)
}

// foreign says that a server cannot read its files for a reason that is not Serin's.
func (p *Prometheus) foreign(err error) error {
	if which := broken(p.dir); which != "" {
		return &Error{Err: fmt.Errorf("%w; it does not read its files without Serin's either: mend %s", err, which)}
	}
	return &Error{Err: fmt.Errorf("%w; it does not read its files without Serin's either: its log says which one is at fault", err)}
}

// refusedRules reports whether a Prometheus read the files and did not accept them.
func refusedRules(err error) bool {
	return isStatus(err, http.StatusInternalServerError) || isStatus(err, http.StatusBadRequest)
}

// reload makes the server read its files.
func (p *Prometheus) reload(ctx context.Context) error {
	_, err := p.http.ask(ctx, question{method: http.MethodPost, path: []string{"-", "reload"}})
	if isStatus(err, http.StatusForbidden) || isStatus(err, http.StatusNotFound) || isStatus(err, http.StatusMethodNotAllowed) {
		return &Error{Permanent: true, Err: fmt.Errorf("%w; start it with --web.enable-lifecycle, or have it reload its files by itself and leave the URL out", err)}
	}
	return err
}

// How long a server may take to show what it was told to read. Prometheus and Thanos
// answer when they have read it, vmalert before.
const (
	mostTries  = 20
	tryEvery   = 250 * time.Millisecond
	lastReload = 10 * time.Second
)

// settled waits until the server has a group of so many rules, or of none: a file that
// no glob of rule_files matches is read by nobody, without any error.
func (p *Prometheus) settled(ctx context.Context, name string, want int) error {
	for range mostTries {
		n, err := p.has(ctx, name)
		if err != nil || n == want {
			return err
		}
		select {
		case <-ctx.Done():
			return &Error{Err: fmt.Errorf("prometheus has not shown its rules in time: %w", ctx.Err())}
		case <-time.After(p.every):
		}
	}
	if want == 0 {
		return &Error{Permanent: true, Err: fmt.Errorf("prometheus still has the group %s, and its file is gone from %s: another file has it", name, p.dir)}
	}
	return &Error{Permanent: true, Err: &unreadError{p.dir}}
}

// has returns how many rules of a group the server has.
func (p *Prometheus) has(ctx context.Context, name string) (int, error) {
	// Newer servers answer with this group alone; older ones with the rules of all rollouts.
	text, err := p.http.ask(ctx, question{method: http.MethodGet, path: []string{"api", "v1", "rules"}, query: url.Values{"rule_group[]": {name}}})
	if err != nil {
		return 0, err
	}
	var answer struct {
		Data *struct {
			Groups []struct {
				Name  string            `json:"name"`
				Rules []json.RawMessage `json:"rules"`
			} `json:"groups"`
		} `json:"data"`
	}
	if err := json.Unmarshal(text, &answer); err != nil || answer.Data == nil {
		return 0, &Error{Err: errors.New("prometheus: its rules cannot be read; check that the URL leads to Prometheus itself")}
	}
	for _, g := range answer.Data.Groups {
		if g.Name == name {
			return len(g.Rules), nil
		}
	}
	return 0, nil
}

// Firing implements [Watcher]. Without a server nobody knows; then nothing is waited for.
//
// A tombstone counts as firing for a while after it was written. A
// Prometheus of 2.42 forgets at each reload where its Alertmanagers are, until it has
// discovered them anew, every five seconds; what was resolved meanwhile is told at the
// next repetition, after a minute. Rules that are gone by then tell nobody.
func (p *Prometheus) Firing(ctx context.Context, s alerts.Set) (bool, error) {
	if p.http == nil {
		return false, nil
	}
	firing, err := p.http.firing(ctx, nil, s)
	if err != nil || firing {
		return firing, err
	}
	dead, err := s.Tombstone().YAML()
	if err != nil {
		return false, &Error{Err: err, Permanent: true}
	}
	file, err := p.file(s.Name())
	if err != nil {
		return false, err
	}
	now, err := read(file)
	if err != nil || !bytes.Equal(now, dead) {
		return false, err
	}
	written, err := os.Stat(file)
	if err != nil {
		return false, &Error{Err: fmt.Errorf("alerts: %w", err)}
	}
	// Resolved at the first evaluation, told at the first one that is more than a
	// repetition later.
	return time.Since(written.ModTime()) < repetition+3*time.Duration(s.Group.Interval), nil
}

// repetition is Prometheus' --rules.alert.resend-delay where nobody has changed it.
const repetition = time.Minute

// Remove implements [Publisher]. A file that is gone already may still be evaluated: an
// earlier attempt may have ended between the two.
func (p *Prometheus) Remove(ctx context.Context, name string) error {
	file, err := p.file(name)
	if err != nil {
		return err
	}
	text, err := read(file)
	if err != nil {
		return err
	}
	if text != nil {
		if err := restore(file, nil); err != nil {
			return &Error{Err: fmt.Errorf("alerts: %w", err)}
		}
	}
	if p.http == nil {
		return nil
	}
	if n, err := p.has(ctx, name); err != nil || n == 0 {
		return err
	}
	switch err := p.reload(ctx); {
	case refusedRules(err):
		return p.foreign(err)
	case err != nil:
		return err
	}
	return p.settled(ctx, name, 0)
}

// Owned implements [Publisher].
func (p *Prometheus) Owned(context.Context) ([]string, error) {
	names, err := list(p.dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, file := range names {
		name, ok := strings.CutSuffix(file, ".yml")
		if !ok || owned(name) != nil {
			continue
		}
		text, err := read(filepath.Join(p.dir, file))
		var other *Error
		switch {
		case errors.As(err, &other) && other.Permanent: // somebody else's
		case err != nil:
			return nil, err
		case text != nil:
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, nil
}
