package azure

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// hostPattern is a host, or every host below a domain, on one port.
type hostPattern struct{ host, port string }

// CheckHost says what is wrong with an entry of [Config.Hosts]. A pattern for every
// host is none: whoever may call a check would choose who gets its token.
func CheckHost(text string) error {
	_, err := readHost(text)
	return err
}

func readHost(text string) (hostPattern, error) {
	p := hostPattern{host: strings.ToLower(text), port: "443"}
	if host, port, err := net.SplitHostPort(p.host); err == nil {
		p = hostPattern{host, port}
	}
	p.host = strings.TrimSuffix(strings.Trim(p.host, "[]"), ".")
	name, wild := strings.CutPrefix(p.host, "*.")
	_, portless := strconv.ParseUint(p.port, 10, 16)
	if name == "" || portless != nil || strings.ContainsAny(name, "/@?#*% ") || (wild && !strings.Contains(name, ".")) {
		return p, fmt.Errorf("%q is no host; write dev.azure.com, *.visualstudio.com or tfs.example.com:8443", text)
	}
	return p, nil
}

// fits reports whether a URL's host and port are meant.
func (p hostPattern) fits(u *url.URL) bool {
	port := u.Port()
	if port == "" {
		port = "443"
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	below, wild := strings.CutPrefix(p.host, "*.")
	return port == p.port && (host == p.host || wild && strings.HasSuffix(host, "."+below))
}
