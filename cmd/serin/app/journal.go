package app

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/journal"
)

// A journal is named by the path of a SQLite file, by the URL of a PostgreSQL
// database without a password, or by where such a URL is: file:PATH or env:NAME.
const (
	fileReference = "file:"
	envReference  = "env:"
)

// minRetention is how long a rollout is kept at least: until then it counts as an
// earlier attempt of its revision.
const minRetention = 48 * time.Hour

// pruneEvery is how often a server removes what is older than its retention, and
// compresses what is over.
const pruneEvery = time.Hour

// ParseRetention reads how long closed rollouts are kept: days (90d) or a duration
// (2160h). Empty is for ever, which is zero.
func ParseRetention(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		d = time.Duration(n) * 24 * time.Hour
		if n > 36500 {
			err = errors.New("more than a century")
		}
	}
	if err != nil {
		return 0, fmt.Errorf("%q is no time to keep rollouts; write for example 90d", text)
	}
	if d < minRetention {
		return 0, fmt.Errorf("%s is too short to keep rollouts: earlier attempts count for a day; write at least 2d", text)
	}
	return d, nil
}

func (c Config) checkJournal(fault func(path, format string, args ...any)) {
	if err := checkTarget(c.Journal); err != nil {
		fault("journal", "%s", err)
	}
	keep, err := ParseRetention(c.Retention)
	if err != nil {
		fault("retention", "%s", err)
	}
	inputs, errInputs := ParseRetention(c.Inputs)
	switch {
	case errInputs != nil:
		fault("inputs", "%s", errInputs)
	case err == nil && keep > 0 && inputs >= keep:
		fault("inputs", "inputs are kept for %s, and the rollouts themselves for %s only; write less, or leave it out", c.Inputs, c.Retention)
	}
}

// checkTarget refuses a password where everybody can read it.
func checkTarget(named string) error {
	if name, ok := strings.CutPrefix(named, envReference); ok && !envName.MatchString(name) {
		return fmt.Errorf("%q does not name an environment variable; write for example env:SERIN_JOURNAL_URL", named)
	}
	if !IsDatabaseURL(named) {
		return nil
	}
	u, err := url.Parse(named)
	if err != nil {
		return errors.New("the URL of the journal's database cannot be read; write for example postgres://serin@db.example.com/serin")
	}
	if _, has := u.User.Password(); has || u.Query().Has("password") {
		return errors.New("the URL of the journal's database holds a password; write the URL into a file that only the server can read, " +
			"and name it with file:PATH, or into an environment variable, and name that with env:NAME")
	}
	return nil
}

// IsJournalFile reports whether a journal is a file that must be there, and no database.
func IsJournalFile(named string) bool {
	return !IsDatabaseURL(named) && !strings.HasPrefix(named, fileReference) && !strings.HasPrefix(named, envReference)
}

// JournalName names a journal for people, without credentials.
func JournalName(named string) string {
	if !IsDatabaseURL(named) {
		return named
	}
	u, err := url.Parse(named)
	if err != nil {
		return "a PostgreSQL database"
	}
	return "postgres://" + u.Host + u.Path
}

// journalTarget resolves a reference.
func journalTarget(named string) (string, error) {
	if err := checkTarget(named); err != nil {
		return "", err
	}
	target := named
	if path, ok := strings.CutPrefix(named, fileReference); ok {
		b, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("cannot read the file with the URL of the journal's database: %w", err)
		}
		target = strings.TrimSpace(string(b))
	} else if name, ok := strings.CutPrefix(named, envReference); ok {
		if target = strings.TrimSpace(os.Getenv(name)); target == "" {
			return "", fmt.Errorf("the environment variable %s, which holds the URL of the journal's database, is not set", name)
		}
	} else {
		return target, nil
	}
	if !IsDatabaseURL(target) {
		return "", fmt.Errorf("%s does not hold the URL of a PostgreSQL database, which begins with postgres://", named)
	}
	return target, nil
}

// OpenJournal opens the journal that a configuration or a flag names.
func OpenJournal(ctx context.Context, named string, o journal.Options) (*journal.Journal, error) {
	target, err := journalTarget(named)
	if err != nil {
		return nil, err
	}
	j, err := journal.Open(ctx, target, o)
	if err != nil {
		return nil, fmt.Errorf("cannot open the journal %s: %w", JournalName(named), err)
	}
	return j, nil
}

// upkeep removes rollouts that are older than the retention, compresses the looks at
// those that are over, and removes inputs by policy, now and every hour, until ctx
// ends. Every replica may do so at once. What fails is logged and tried again.
func (a *App) upkeep(ctx context.Context) {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		a.tidy(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tidy does so once. The periods were checked with the configuration.
func (a *App) tidy(ctx context.Context) {
	failed := func(what string, err error) {
		if err != nil && ctx.Err() == nil {
			a.log.Error(what+"; it is tried again in an hour", "error", err)
		}
	}
	if keep, err := ParseRetention(a.config.Retention); err == nil && keep > 0 {
		done, err := a.journal.Prune(ctx, time.Now().Add(-keep))
		if done != (journal.Counted{}) {
			a.log.Info("removed what is older than the retention", "retention", a.config.Retention, "removed", done.String())
		}
		failed("old rollouts could not be removed", err)
	}
	done, err := a.journal.Compact(ctx)
	if done != (journal.Compacted{}) {
		a.log.Info("compressed looks at rollouts that are over", "done", done.String())
	}
	failed("looks could not be compressed", err)
	if keep, err := ParseRetention(a.config.Inputs); err == nil && keep > 0 {
		done, err := a.journal.RemoveInputs(ctx, time.Now().Add(-keep))
		if done != (journal.Compacted{}) {
			a.log.Info("removed the inputs of looks by policy", "inputs", a.config.Inputs, "looks", done.Looks, "rollouts", done.Rollouts)
		}
		failed("inputs could not be removed", err)
	}
}
