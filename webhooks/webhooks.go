// Package webhooks is HTTP in: one file for each controller's dialect, the REST
// API, health and metrics.
package webhooks

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

// Decider is what the handlers need of the judge.
type Decider interface {
	Decide(ctx context.Context, r rollout.Rollout, now time.Time) (judge.Verdict, error)
}

// Pinger is something whose reachability /readyz reports.
type Pinger interface {
	Ping(ctx context.Context) error
}

// Config is what a [Server] is made of.
type Config struct {
	Judge   Decider
	Journal *journal.Journal
	Plans   *plan.Set
	Ready   map[string]Pinger // by name: "journal", "source prometheus"
	Tokens  []string          // accepted bearer tokens; none: the listener must be loopback
	BaseURL string            // how people reach this server, for links; may be empty
	Version string
	Now     func() time.Time // default time.Now
	Log     *slog.Logger     // default: discard
}

// Server answers callers.
type Server struct{}

// New returns a server.
func New(c Config) (*Server, error) { panic("skeleton") }

// Handler returns the HTTP handler.
func (s *Server) Handler() http.Handler { panic("skeleton") }
