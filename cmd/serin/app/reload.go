package app

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
)

// Reloaded says what a reload changed.
type Reloaded struct {
	// Changed is what holds from now on, in words.
	Changed []string
	// Restart names keys of the configuration that differ and need a restart.
	Restart []string
}

// Reload takes over what may change while the server runs: the plans, the tokens and
// the log's level. Rollouts under way keep the plan that was pinned at their start. Where
// anything is wrong nothing changes at all, and the error says what.
func (a *App) Reload(c Config) (Reloaded, error) {
	c = c.WithDefaults()
	if fs := c.Check(); len(fs) > 0 {
		return Reloaded{}, faultsOfFlags(fs)
	}
	a.reloading.Lock()
	defer a.reloading.Unlock()
	if !a.ownPlans {
		return Reloaded{}, errors.New("the plans of this server did not come from a folder, so there is nothing to read again")
	}
	set, err := LoadPlans(c.Plans)
	if err != nil {
		return Reloaded{}, err
	}
	if err := a.checkSources(set); err != nil {
		return Reloaded{}, err
	}
	level, err := c.Log.level()
	if err != nil {
		return Reloaded{}, err
	}
	tokens, err := c.readTokens()
	if err != nil {
		return Reloaded{}, err
	}
	if err := a.front.Accept(tokens); err != nil {
		return Reloaded{}, err
	}
	out := Reloaded{Restart: restartKeys(a.config, c)}
	added, removed, changed := a.plans.difference(set)
	for _, p := range []struct {
		what  string
		names []string
	}{{"new", added}, {"gone", removed}, {"changed, for rollouts from now on", changed}} {
		if len(p.names) > 0 {
			out.Changed = append(out.Changed, fmt.Sprintf("plans %s: %s", p.what, strings.Join(p.names, ", ")))
		}
	}
	a.plans.set.Store(set)
	if a.level != nil && a.level.Level() != level {
		a.level.Set(level)
		out.Changed = append(out.Changed, "log level "+level.String())
	}
	if !reflect.DeepEqual(a.tokens, tokens) {
		a.tokens = tokens
		out.Changed = append(out.Changed, fmt.Sprintf("tokens: %d", len(tokens)))
	}
	a.config.Plans, a.config.Log.Level = c.Plans, c.Log.Level
	return out, nil
}

// liveKeys are the keys of the configuration that a reload takes over.
func liveKeys() []string { return []string{"plans", "log", "tokenFiles", "tokens"} }

// restartKeys returns the top-level keys that differ and are not taken over.
func restartKeys(was, is Config) []string {
	var out []string
	a, b := reflect.ValueOf(was), reflect.ValueOf(is)
	for i := range a.NumField() {
		key, _, _ := strings.Cut(a.Type().Field(i).Tag.Get("yaml"), ",")
		if key == "" || slices.Contains(liveKeys(), key) || reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			continue
		}
		out = append(out, key)
	}
	if was.Log.Format != is.Log.Format {
		out = append(out, "log.format")
	}
	return out
}

// LogReload writes the outcome of a reload to a log.
func LogReload(log *slog.Logger, r Reloaded, err error) {
	if err != nil {
		log.Error("the configuration was not taken over; the one before stays in force", "error", err.Error())
		return
	}
	what := "nothing that can change at run time differs"
	if len(r.Changed) > 0 {
		what = strings.Join(r.Changed, "; ")
	}
	log.Info("configuration read again", "changed", what)
	if len(r.Restart) > 0 {
		log.Warn("part of the configuration differs and needs a restart", "keys", strings.Join(r.Restart, ", "))
	}
}

// CheckConfig reads what a configuration names without connecting to anything: the
// plans, their sources and the token files. It returns the plans' names.
func CheckConfig(c Config) ([]string, error) {
	c = c.WithDefaults()
	if fs := c.Check(); len(fs) > 0 {
		return nil, faultsOfFlags(fs)
	}
	set, planErr := LoadPlans(c.Plans)
	_, tokenErr := c.readTokens()
	sources, sourceErr := OpenSources(c.Sources, slog.New(slog.DiscardHandler))
	_, laterErr := newLater(c, slog.New(slog.DiscardHandler))
	if err := errors.Join(planErr, tokenErr, sourceErr, laterErr); err != nil {
		return nil, err
	}
	return set.Names(), (&App{sources: sources}).checkSources(set)
}
