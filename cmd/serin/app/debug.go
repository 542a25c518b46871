package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"
)

// Debug configures the listener for profiles, which is off unless an address is
// given. Profiles show what the process does and holds, so that the address must be
// one of this machine.
type Debug struct {
	Listen string `yaml:"listen"`
}

func (d Debug) check(fault func(path, format string, args ...any)) {
	if d.Listen == "" {
		return
	}
	if _, _, err := net.SplitHostPort(d.Listen); err != nil {
		fault("debug.listen", "%q is not an address; write host:port, for example 127.0.0.1:6060", d.Listen)
	} else if !Loopback(d.Listen) {
		fault("debug.listen", "%s can be reached from other machines, and profiles show what the process holds; "+
			"listen on 127.0.0.1 and forward the port", d.Listen)
	}
}

// debugServer answers /debug/pprof on a listener of its own, so that neither its
// address nor its load is the server's.
type debugServer struct {
	listener net.Listener
	server   *http.Server
}

func openDebug(ctx context.Context, d Debug) (*debugServer, error) {
	if d.Listen == "" {
		return nil, nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", d.Listen)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s for profiles: %w; choose another address for debug.listen", d.Listen, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return &debugServer{listener: l, server: &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second,
		// A profile is written while it is taken, which the caller chooses the length of.
		WriteTimeout: 10 * time.Minute,
	}}, nil
}

// serve answers until close.
func (d *debugServer) serve() error {
	if err := d.server.Serve(d.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("profiles: %w", err)
	}
	return nil
}

// close ends profiles under way, too: nobody waits for them at a stop. A nil server
// has nothing to close.
func (d *debugServer) close() error {
	if d == nil {
		return nil
	}
	return errors.Join(d.server.Close(), ignoreClosed(d.listener.Close()))
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
