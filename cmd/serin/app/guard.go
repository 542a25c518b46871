package app

import (
	"fmt"
	"net/netip"
)

// Guard forbids the addresses that a check has no business with, whoever named
// them: a cloud's metadata service and its neighbours hand out credentials, and
// the others are no host's. Private and loopback addresses are where canaries live.
func Guard(to netip.AddrPort) error {
	ip := to.Addr().Unmap()
	// AWS answers metadata under a unique local address, too.
	if ip.IsLinkLocalUnicast() || ip == netip.MustParseAddr("fd00:ec2::254") {
		return fmt.Errorf("%s is where clouds keep credentials, so checks may not go there", ip)
	}
	if ip.IsMulticast() || ip.IsUnspecified() || !ip.IsValid() {
		return fmt.Errorf("%s is not the address of one host", ip)
	}
	return nil
}
