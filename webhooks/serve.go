package webhooks

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/time/rate"
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
	go func() { ended <- s.accept(srv, l) }()
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

// accept serves HTTP or, where it is configured, HTTPS. The library that reads the
// TLS file could serve too; it is not asked to, because it would put its own users
// before every address, those for probes included, and read three files at each
// handshake.
func (s *Server) accept(srv *http.Server, l net.Listener) error {
	l = crowdListener{Listener: l, crowd: s.crowd}
	if s.cfg.TLS == nil {
		return srv.Serve(l)
	}
	return srv.ServeTLS(l, "", "")
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
		ErrorLog:       log.New(&fewLines{log: s.cfg.Log, limit: rate.NewLimiter(1, 10)}, "", 0),
		TLSConfig:      s.cfg.TLS.Clone(),
		ConnContext:    withConn,
		ConnState:      onState,
	}
}

// fewLines logs what net/http says of connections, which strangers can make it say
// as often as they like.
type fewLines struct {
	log   *slog.Logger
	limit *rate.Limiter
}

// Write implements io.Writer.
func (f *fewLines) Write(line []byte) (int, error) {
	if f.limit.Allow() {
		f.log.Warn("connection", "error", oneLine(redact(string(line)), 500))
	}
	return len(line), nil
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
