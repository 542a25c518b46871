package checks

import (
	"crypto/tls"
	"strings"
	"time"
)

// SeenTLS is what an assertion may say of a connection at a time; nil for one
// without TLS.
func SeenTLS(s *tls.ConnectionState, now time.Time) *TLS {
	if s == nil || len(s.PeerCertificates) == 0 {
		return nil
	}
	first := s.PeerCertificates[0].NotAfter
	for _, c := range s.PeerCertificates {
		if c.NotAfter.Before(first) {
			first = c.NotAfter
		}
	}
	leaf := s.PeerCertificates[0]
	return &TLS{
		DaysLeft: first.Sub(now).Hours() / 24, Version: strings.TrimPrefix(tls.VersionName(s.Version), "TLS "),
		Names: leaf.DNSNames, Issuer: leaf.Issuer.CommonName,
	}
}
