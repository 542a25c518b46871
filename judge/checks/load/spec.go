package load

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/serin-canary/serin/judge/checks"
)

// The caps. A load above one of them is refused, not trimmed.
const (
	MaxRate        = checks.MaxLoadRate        // requests a second and arm
	MaxDuration    = checks.MaxLoadDuration    // of the schedule
	MaxRequests    = checks.MaxLoadRequests    // for each arm
	MaxTargets     = checks.MaxLoadTargets     // different requests
	MaxConnections = checks.MaxLoadConnections // to each arm
	MaxBody        = checks.MaxLoadBody        // bytes that a request sends
	MaxAnswer      = 1 << 20                   // bytes of a body that are read; more is a failure
	MaxTimeout     = checks.MaxLoadTimeout     // of a request, from when it leaves
	maxHeader      = 64 << 10                  // bytes of an answer's headers
	minRate        = checks.MinLoadRate
)

// Load is what is sent.
type Load struct {
	// Canary and Baseline are the arms' addresses, http or https, with a path that the
	// requests' paths are appended to. They may be the same.
	Canary, Baseline string
	// Requests are sent in turn, the same to both arms; GET / where there is none.
	Requests []Request
	// OfBaseline are sent to the baseline in place of Requests, as many and in the same
	// order, where what is asked tells the arms apart: a header, mostly. Nil: Requests.
	OfBaseline []Request
	// Rate is requests a second to each arm, and Duration how long it is kept.
	Rate     float64
	Duration time.Duration
	// Connections is how many requests to one arm may be under way (default 64).
	Connections int
	// Timeout bounds a request from when it leaves (default 10 s).
	Timeout time.Duration
	// Seed decides which arm goes first in each pair.
	Seed uint64
}

// Request is one request.
type Request struct {
	Method string // default GET
	Path   string // with query, beginning with /; default /
	Header http.Header
	Body   string
}

// Config says whom a load may be sent to. There is no default: an empty list allows
// nobody, and without a guard nothing is dialled.
type Config struct {
	// Hosts are the names or addresses, without ports, that may be asked.
	Hosts []string
	// Guard is asked before each connection with the address that was resolved; its
	// error forbids it. It may be called from many goroutines.
	Guard func(netip.AddrPort) error
}

func (l Load) withDefaults() Load {
	if len(l.Requests) == 0 {
		l.Requests = []Request{{}}
	}
	if l.OfBaseline == nil {
		l.OfBaseline = l.Requests
	}
	l.Requests, l.OfBaseline = complete(l.Requests), complete(l.OfBaseline)
	if l.Connections == 0 {
		l.Connections = 64
	}
	if l.Timeout == 0 {
		l.Timeout = 10 * time.Second
	}
	return l
}

// complete returns requests with what they leave out.
func complete(requests []Request) []Request {
	requests = slices.Clone(requests)
	for i := range requests {
		r := &requests[i]
		if r.Method == "" {
			r.Method = http.MethodGet
		}
		if r.Path == "" {
			r.Path = "/"
		}
	}
	return requests
}

// Check returns everything that is wrong with a load under this configuration, or nil.
// Its sentences hold neither bodies, headers nor the user of an address.
func (c Config) Check(l Load) error {
	l = l.withDefaults()
	var faults []error
	bad := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if c.Guard == nil {
		bad("no guard of addresses is set: a load is sent to no address that nobody checked")
	}
	for _, arm := range [...]struct{ name, address string }{{"canary", l.Canary}, {"baseline", l.Baseline}} {
		if err := c.checkAddress(arm.address); err != nil {
			bad("%s: %w", arm.name, err)
		}
	}
	l.checkSize(bad)
	if len(l.Requests) > MaxTargets {
		bad("requests: %d are too many, at most %d", len(l.Requests), MaxTargets)
	}
	for i, r := range l.Requests[:min(len(l.Requests), MaxTargets)] {
		r.check(func(text string) { bad("requests[%d]: %s", i, text) })
	}
	if len(l.OfBaseline) != len(l.Requests) {
		bad("requests: the canary is sent %d different ones and the baseline %d; both get the same number", len(l.Requests), len(l.OfBaseline))
	}
	for i, r := range l.OfBaseline[:min(len(l.OfBaseline), MaxTargets)] {
		r.check(func(text string) { bad("requests[%d] to the baseline: %s", i, text) })
	}
	return errors.Join(faults...)
}

// checkSize holds the numbers against the caps.
func (l Load) checkSize(bad func(format string, args ...any)) {
	if !(l.Rate >= minRate && l.Rate <= MaxRate) {
		bad("rate: %g requests a second are not between %g and %d", l.Rate, minRate, MaxRate)
	}
	if l.Duration <= 0 || l.Duration > MaxDuration {
		bad("duration: %s is not between 0 and %s", l.Duration, MaxDuration)
	}
	if n := l.Rate * l.Duration.Seconds(); n > MaxRequests {
		bad("rate and duration: %.0f requests to each arm are too many, at most %d", n, MaxRequests)
	} else if l.Rate > 0 && l.Duration > 0 && n < 1 {
		bad("rate and duration: not a single request would be sent")
	}
	if l.Connections < 1 || l.Connections > MaxConnections {
		bad("connections: %d are not between 1 and %d", l.Connections, MaxConnections)
	}
	if l.Timeout <= 0 || l.Timeout > MaxTimeout {
		bad("timeout: %s is not between 0 and %s", l.Timeout, MaxTimeout)
	}
}

func (r Request) check(bad func(text string)) {
	if !token(r.Method) {
		bad("the method is no method of HTTP")
	}
	if !strings.HasPrefix(r.Path, "/") || strings.Contains(r.Path, "#") || !utf8.ValidString(r.Path) {
		bad("the path must begin with / and have no #")
	} else if _, err := url.ParseRequestURI(r.Path); err != nil {
		bad("the path cannot be read")
	}
	if len(r.Body) > MaxBody {
		bad(fmt.Sprintf("a body of %d bytes is too long, at most %d", len(r.Body), MaxBody))
	}
	size := 0
	for k, values := range r.Header {
		size += len(k)
		if strings.EqualFold(k, "Host") {
			bad("the header Host cannot be set: the address says whom to ask")
		}
		if !token(k) {
			bad("a header's name is no name of HTTP")
		}
		for _, v := range values {
			size += len(v)
			if strings.ContainsAny(v, "\r\n\x00") {
				bad(fmt.Sprintf("the value of header %s has a line break", k))
			}
		}
	}
	if size > maxHeader {
		bad(fmt.Sprintf("headers of %d bytes are too long, at most %d", size, maxHeader))
	}
}

// token reports whether s may be a method or the name of a header.
func token(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// checkAddress refuses what is no address of a service, or not listed.
func (c Config) checkAddress(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return errors.New("its address cannot be read") // the cause would quote it
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("its address must begin with http:// or https://")
	case u.User != nil:
		return errors.New("its address has a user or password in it: send them in a header")
	case u.Hostname() == "":
		return errors.New("its address names no host")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return errors.New("its address has a query or a fragment: they belong to the requests' paths")
	case !c.allows(u.Hostname()):
		return fmt.Errorf("host %q is not among the hosts that a load may be sent to: add it to the list, or correct the address", u.Hostname())
	}
	return nil
}

func (c Config) allows(host string) bool {
	return slices.ContainsFunc(c.Hosts, func(h string) bool {
		return h != "" && strings.EqualFold(strings.TrimSuffix(h, "."), strings.TrimSuffix(host, "."))
	})
}

// count is how many requests each arm gets.
func (l Load) count() int { return int(math.Floor(l.Rate*l.Duration.Seconds() + 1e-9)) }
