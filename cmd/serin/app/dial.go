package app

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/judge/journal/outbox"
)

// client returns a client that dials only what may be reached, uses no proxy (which
// would dial in its stead), and follows no redirect. Where it may not dial, its error is
// outbox.ErrPermanent.
func (r Reach) client() *http.Client {
	t := &http.Transport{
		DialContext: (&net.Dialer{
			Timeout: 5 * time.Second,
			Control: func(_, address string, _ syscall.RawConn) error {
				to, err := netip.ParseAddrPort(address)
				if err != nil {
					return fmt.Errorf("%q is no address: %w", address, outbox.ErrPermanent)
				}
				if err := r.Guard(to); err != nil {
					return fmt.Errorf("%w: %w", err, outbox.ErrPermanent)
				}
				return nil
			},
		}).DialContext,
		TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: 10 * time.Second, IdleConnTimeout: 15 * time.Second,
		MaxResponseHeaderBytes: 32 << 10, MaxIdleConns: 16, ForceAttemptHTTP2: true,
	}
	return &http.Client{
		Transport:     checks.NoUpgrade(t),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
