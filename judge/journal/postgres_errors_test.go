package journal

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/serin-canary/serin/judge"
)

func TestWhatTheServerSays(t *testing.T) {
	s := &postgres{name: "postgres://db/serin"}
	said := func(code string) *pgconn.PgError {
		return &pgconn.PgError{SeverityUnlocalized: "ERROR", Code: code, Message: "said"}
	}
	ended := said("57P01")
	ended.SeverityUnlocalized = "FATAL"
	twin, look, pruned := said("23505"), said("23505"), said("23503")
	twin.ConstraintName, look.ConstraintName, pruned.ConstraintName = "rollouts_live", "looks_pkey", "rollouts_plan_digest_fkey"
	for name, c := range map[string]struct {
		err              error
		passing, refused bool
		want             string
	}{
		"disk full":            {said("53100"), false, true, "disk is full, so make room"},
		"too many":             {said("53300"), true, true, "raise its max_connections"},
		"stops":                {ended, true, false, "is stopping or starting"},
		"starts":               {said("57P03"), true, true, "is stopping or starting"},
		"a standby":            {said("25006"), false, true, "name the primary"},
		"a wrong password":     {said("28P01"), false, true, "refused the user or password"},
		"no database":          {said("3D000"), false, true, "create it with createdb"},
		"no right":             {said("42501"), false, true, "make the user the owner"},
		"a timeout":            {said("57014"), false, true, "did not finish a statement in time"},
		"a deadlock":           {said("40P01"), true, true, "said"},
		"another live one":     {twin, true, true, "said"},
		"a pruned plan":        {pruned, true, true, "said"},
		"another's look":       {look, false, true, judge.ErrStale.Error()},
		"anything else":        {said("XX000"), false, true, "journal: postgres://db/serin: : said"},
		"a cut":                {io.ErrUnexpectedEOF, true, false, "cannot be reached"},
		"a refused commit":     {pgx.ErrTxCommitRollback, false, true, pgx.ErrTxCommitRollback.Error()},
		"an unknown outcome":   {fmt.Errorf("%w: %w", ErrUnknown, io.EOF), false, false, "it is not known"},
		"something of our own": {ErrClosed, false, false, ErrClosed.Error()},
	} {
		if got := passing(c.err); got != c.passing {
			t.Errorf("%s: got passing %v, want %v", name, got, c.passing)
		}
		if got := refused(c.err); got != c.refused {
			t.Errorf("%s: got refused %v, want %v", name, got, c.refused)
		}
		if got := s.explain(fmt.Errorf("%w", c.err)); !strings.Contains(got.Error(), c.want) || !errors.Is(got, c.err) && c.want != judge.ErrStale.Error() {
			t.Errorf("%s: got %v, want an error with %q that wraps it", name, got, c.want)
		}
	}
	if s.explain(nil) != nil {
		t.Error("no error is explained")
	}
}

func TestUnreadableURLsAreNotShown(t *testing.T) {
	for _, target := range []string{"postgres://u:hunter2@h:port/d", "postgres://u:hunter2@[/d", "postgres://u:hunter2@h/d?sslmode=hunter2"} {
		j, err := Open(t.Context(), target, Options{})
		if err == nil {
			j.Close()
			t.Fatalf("%s was opened", target)
		}
		if strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "percent-encoded") {
			t.Errorf("got %v, want what to write, and no password", err)
		}
	}
}
