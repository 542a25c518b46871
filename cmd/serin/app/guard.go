package app

import (
	"errors"
	"fmt"
	"net/netip"

	"code.dny.dev/ssrf"
)

// Outgoing says which addresses Serin may be made to call, by plans and by callers.
// Whatever is written here, the addresses at which clouds hand out credentials stay
// forbidden.
type Outgoing struct {
	// Checks are the networks that checks may go to, like 10.0.0.0/8. Empty means
	// every network, since canaries live at private addresses.
	Checks []string `yaml:"checks"`
	// Callbacks are the private networks that callbacks may go to, beside the public
	// internet. Empty means none.
	Callbacks []string `yaml:"callbacks"`
}

func (o Outgoing) check(fault func(path, format string, args ...any)) {
	for _, l := range []struct {
		path string
		nets []string
	}{{"outgoing.checks", o.Checks}, {"outgoing.callbacks", o.Callbacks}} {
		for i, n := range l.nets {
			if _, err := netip.ParsePrefix(n); err != nil {
				fault(fmt.Sprintf("%s[%d]", l.path, i), "%q is no network; write for example 10.0.0.0/8 or fd00:7::/32", n)
			}
		}
	}
}

// Reach decides which resolved addresses may be dialled on somebody's behalf. It is
// asked at the dial, after the name was resolved, so that a name that resolves to
// something else at the second time gains nothing. The zero Reach reaches nothing.
type Reach struct {
	what   string         // who goes there, for the refusal
	only   []netip.Prefix // where not empty: nowhere else
	public *ssrf.Guardian // where set: what it allows, and only
	every  bool           // where neither: every address of one host
}

// ForChecks returns where checks may go.
func (o Outgoing) ForChecks() Reach {
	return Reach{what: "checks", only: prefixes(o.Checks), every: true}
}

// ForCallbacks returns where callbacks may go: the public internet, any port, and
// the private networks that are listed.
func (o Outgoing) ForCallbacks() Reach {
	var v4, v6 []netip.Prefix
	for _, p := range prefixes(o.Callbacks) {
		if p.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	return Reach{what: "callbacks", public: ssrf.New(ssrf.WithAnyPort(), ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...))}
}

// prefixes reads networks. One that cannot be read allows nothing; Check has
// refused it before.
func prefixes(texts []string) []netip.Prefix {
	var out []netip.Prefix
	for _, t := range texts {
		p, err := netip.ParsePrefix(t)
		if err != nil {
			p = netip.PrefixFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), 32)
		}
		out = append(out, p.Masked())
	}
	return out
}

// Guard refuses an address that may not be dialled, in words for whoever named it.
func (r Reach) Guard(to netip.AddrPort) error {
	if err := forbidden(to); err != nil {
		return err
	}
	ip := to.Addr().Unmap().WithZone("")
	switch {
	case r.public != nil:
		if r.public.SafeAddrPort(netip.AddrPortFrom(ip, to.Port())) != nil {
			return fmt.Errorf("%s is not a public address, and %s may not go there; list its network under outgoing.%s in the configuration if they must", ip, r.what, r.what)
		}
		return nil
	case len(r.only) > 0:
		for _, p := range r.only {
			if p.Contains(ip) {
				return nil
			}
		}
		return fmt.Errorf("%s is in none of the networks that %s may go to (outgoing.%s in the configuration)", ip, r.what, r.what)
	case r.every:
		return nil
	}
	return errors.New("nothing may be dialled here")
}

// Guard is where checks may go by default: everywhere but where credentials are.
func Guard(to netip.AddrPort) error { return Outgoing{}.ForChecks().Guard(to) }

// forbidden refuses the addresses that nobody has any business with, whoever named
// them: a cloud's metadata service and its neighbours hand out credentials, and the
// others are no host's. An IPv6 address that stands for an IPv4 one is held against the
// same rules as that.
func forbidden(to netip.AddrPort) error {
	ip := to.Addr().Unmap().WithZone("")
	if ip.IsMulticast() || ip.IsUnspecified() || !ip.IsValid() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return fmt.Errorf("%s is not the address of one host", ip)
	}
	for _, meant := range append(meantBy(ip), ip) {
		if meant.IsLinkLocalUnicast() || metadata(meant) {
			return fmt.Errorf("%s is where clouds keep credentials, so nothing may go there", ip)
		}
	}
	return nil
}

// metadata reports whether a cloud answers metadata or hands out credentials at an
// address that is not link-local: AWS over IPv6, Google over IPv6, Scaleway over IPv6,
// Alibaba, Oracle's classic one, and Azure's WireServer.
func metadata(ip netip.Addr) bool {
	for _, text := range [...]string{"fd00:ec2::/32", "fd20:ce::254/128", "fd00:42::42/128", "100.100.100.200/32", "192.0.0.192/32", "168.63.129.16/32"} {
		if netip.MustParsePrefix(text).Contains(ip) {
			return true
		}
	}
	return false
}

// meantBy returns the IPv4 addresses that one of IPv6 may stand for: NAT64 (RFC 6052, whose
// prefixes of 48 bits leave byte 8 out, and RFC 8215), 6to4 (RFC 3056), and the
// IPv4-compatible (RFC 4291) and IPv4-translated (RFC 2765) forms.
func meantBy(ip netip.Addr) []netip.Addr {
	if !ip.Is6() {
		return nil
	}
	var out []netip.Addr
	all := ip.As16()
	for _, form := range []struct {
		network string
		bytes   [4]int
	}{
		{"64:ff9b::/96", [4]int{12, 13, 14, 15}},
		{"64:ff9b:1::/48", [4]int{12, 13, 14, 15}},
		{"64:ff9b:1::/48", [4]int{6, 7, 9, 10}},
		{"2002::/16", [4]int{2, 3, 4, 5}},
		{"::/96", [4]int{12, 13, 14, 15}},
		{"::ffff:0:0:0/96", [4]int{12, 13, 14, 15}},
	} {
		if netip.MustParsePrefix(form.network).Contains(ip) {
			var four [4]byte
			for i, at := range form.bytes {
				four[i] = all[at]
			}
			out = append(out, netip.AddrFrom4(four))
		}
	}
	return out
}

// guard returns where a judge's checks may go.
func (o JudgeOptions) guard() func(netip.AddrPort) error {
	if o.Guard == nil {
		return Guard
	}
	return o.Guard
}
