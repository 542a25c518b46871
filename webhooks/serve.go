package webhooks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Serve answers requests on l until ctx ends, and then finishes those in flight
// within [Config.Drain]. It returns nil if they all finished. It closes l.
//
// Without a configured token it refuses a listener that is not on loopback.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	if err := s.mayListen(l.Addr()); err != nil {
		return errors.Join(err, l.Close())
	}
	srv := s.server()
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("webhooks: serve on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	// Those that only wait (POST /v1/judge?wait) answer what they have.
	s.stop.Do(func() { close(s.stopping) })
	bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Drain)
	defer cancel()
	if err := srv.Shutdown(bound); err != nil {
		return errors.Join(fmt.Errorf("webhooks: requests still in flight %s after the stop were cut off: %w", s.cfg.Drain, err), srv.Close())
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("webhooks: serve on %s: %w", l.Addr(), err)
	}
	return nil
}

// server returns the HTTP server with every timeout set: the library's are all
// zero, which is for ever.
func (s *Server) server() *http.Server {
	return &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      s.cfg.Timeout + writeSlack,
		// Flagger opens a connection for each call and leaves it idle.
		IdleTimeout:    15 * time.Second,
		MaxHeaderBytes: 64 << 10,
		ErrorLog:       slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelWarn),
	}
}

// writeSlack is what is left for writing an answer after the work on it has used
// up its own time.
const writeSlack = 30 * time.Second

// draining reports whether the server has begun to stop.
func (s *Server) draining() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}
