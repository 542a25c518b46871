package journal

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/serin-canary/serin/judge"
)

// errUndone says that the server has rolled a transaction back whose commit it
// did not answer.
var errUndone = errors.New("journal: the connection was lost, and nothing was written")

// refused reports whether the server itself has said that a commit failed. Where it
// ended the connection instead, that may have been just after the commit.
func refused(err error) bool {
	var e *pgconn.PgError
	return errors.Is(err, pgx.ErrTxCommitRollback) || errors.As(err, &e) && e.SeverityUnlocalized == "ERROR"
}

// passing reports whether nothing was written and the same again may succeed.
func passing(err error) bool {
	// A decoder speaks of an unexpected end as a lost connection does.
	if errors.Is(err, ErrUnknown) || errors.Is(err, ErrDamaged) {
		return false
	}
	var e *pgconn.PgError
	if errors.As(err, &e) {
		switch {
		case e.Code == "40001" || e.Code == "40P01", // given up for another transaction
			e.Code == "57P01" || e.Code == "57P02" || e.Code == "57P03", // stops, crashed, starts
			e.Code == "25P03",               // idle in a transaction for too long
			e.Code == "53300",               // too many connections
			strings.HasPrefix(e.Code, "08"): // connection
			return true
		case e.Code == "23505":
			// Somebody without our locks was faster: look again at what is there.
			return e.ConstraintName == "rollouts_live"
		case e.Code == "23503":
			return e.ConstraintName == "rollouts_plan_digest_fkey" // the plan was pruned meanwhile
		}
		return false
	}
	var n net.Error
	return errors.Is(err, errUndone) || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.As(err, &n) && !n.Timeout()
}

// explain adds to a database's error what it means and what to do. Other errors
// pass unchanged, and so does nil.
func (s *postgres) explain(err error) error {
	if err == nil || errors.Is(err, ErrUnknown) {
		return err
	}
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return s.explainAnswer(e, err)
	}
	var c *pgconn.ConnectError
	if errors.As(err, &c) || passing(err) {
		return unavailable{fmt.Errorf("journal: %s cannot be reached; check that it runs, its address, and the network between: %w", s.name, err)}
	}
	return err
}

// explainAnswer does so for what the server itself said.
func (s *postgres) explainAnswer(e *pgconn.PgError, err error) error {
	if e.Code == "23505" && e.ConstraintName == "looks_pkey" {
		return fmt.Errorf("journal: %s: %w", e.Detail, judge.ErrStale)
	}
	advice := ""
	switch e.Code {
	case "53100":
		advice = "cannot grow; the server's disk is full, so make room: nothing that was accepted is lost, and nothing was written now"
	case "53300":
		advice = "takes no more connections; raise its max_connections, or lower pool_max_conns in the URLs of the replicas"
	case "57P01", "57P02", "57P03":
		advice = "is stopping or starting; try again, and look at the server's log if it stays so"
	case "25006":
		advice = "takes no writes, for it is a standby or set read-only; name the primary in the URL (target_session_attrs=read-write finds it among several hosts)"
	case "28P01", "28000":
		advice = "refused the user or password; check the URL, and the server's pg_hba.conf"
	case "3D000":
		advice = "does not exist; create it with createdb, or name another database"
	case "42501":
		advice = "does not let this user do that; make the user the owner of the database or of its schema"
	case "57014":
		advice = "did not finish a statement in time; look at its load, and at what else holds locks"
	default:
		return fmt.Errorf("journal: %s: %w", s.name, err)
	}
	return unavailable{fmt.Errorf("journal: %s %s: %w", s.name, advice, err)}
}
