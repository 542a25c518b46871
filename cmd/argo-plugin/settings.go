package main

import (
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
)

// settings are what the administrator of the cluster writes into args of
// argo-rollouts-config. Credentials are named here and not in templates: a path in a
// template would let its author send any file of the controller to any server.
type settings struct {
	// url is the server where a metric names none, and the only one that the
	// administrator's token is sent to.
	url *url.URL
	// tokenFile is read anew for each call, so that a rotated token is used at once.
	tokenFile, tokenEnv string
	roots               *x509.CertPool // nil: those of the system
	// account is the folder of the pod's service account, by which ended runs are
	// looked up.
	account string
}

// readSettings reads the arguments; all faults come at once.
func readSettings(args []string) (settings, error) {
	var s settings
	var address, caFile string
	flags := flag.NewFlagSet("serin-argo-plugin", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&address, "url", "", "")
	flags.StringVar(&s.tokenFile, "token-file", "", "")
	flags.StringVar(&s.tokenEnv, "token-env", "", "")
	flags.StringVar(&caFile, "ca-file", "", "")
	flags.StringVar(&s.account, "service-account", serviceAccount, "")
	var faults []error
	if err := flags.Parse(args); err != nil {
		return s, fmt.Errorf("args in argo-rollouts-config: %w; known are --url, --token-file, --token-env, --ca-file and --service-account", err)
	}
	if flags.NArg() > 0 {
		faults = append(faults, fmt.Errorf("%q is no argument; write --name=value", flags.Arg(0)))
	}
	if address != "" {
		u, err := readURL(address)
		if err != nil {
			faults = append(faults, fmt.Errorf("--url: %w", err))
		}
		s.url = u
	}
	if s.tokenFile != "" && s.tokenEnv != "" {
		faults = append(faults, errors.New("--token-file and --token-env: give one of them"))
	}
	if s.tokenFile+s.tokenEnv != "" && address == "" {
		faults = append(faults, errors.New("--url: missing; it is the server that the token is sent to, and no other is"))
	}
	if caFile != "" {
		text, err := os.ReadFile(caFile)
		if err == nil {
			s.roots, err = rootsWith(string(text))
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("--ca-file: %w", err))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return s, fmt.Errorf("args in argo-rollouts-config: %w", err)
	}
	return s, nil
}

// token returns the administrator's token; empty where none is configured.
func (s settings) token(environment func(string) (string, bool)) (string, error) {
	switch {
	case s.tokenFile != "":
		text, err := os.ReadFile(s.tokenFile)
		if err != nil {
			return "", fmt.Errorf("--token-file: %w", err)
		}
		return oneToken("--token-file", string(text))
	case s.tokenEnv != "":
		text, _ := environment(s.tokenEnv)
		return oneToken("--token-env", text)
	}
	return "", nil
}

// oneToken checks a token without ever showing it.
func oneToken(where, text string) (string, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return "", fmt.Errorf("%s: there is no token in it", where)
	}
	for _, r := range text {
		if r <= ' ' || r > '~' {
			return "", fmt.Errorf("%s: what it holds is no token: it has a character that no header may have", where)
		}
	}
	return text, nil
}

// rootsWith returns the system's certificate authorities and those of a PEM text.
func rootsWith(pem string) (*x509.CertPool, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM([]byte(pem)) {
		return nil, errors.New("there is no PEM certificate in it")
	}
	return roots, nil
}

// readURL reads a server's address.
func readURL(text string) (*url.URL, error) {
	const form = "write it like https://serin.serin:8080"
	u, err := url.Parse(text)
	switch {
	case err != nil, len(text) > 2048, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, errors.New("that is no http or https address; " + form) // a parse error would show it
	case u.User != nil:
		return nil, errors.New("an address may not carry credentials; see token")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("an address here has neither ? nor #; " + form)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = strings.TrimRight(u.RawPath, "/")
	return u, nil
}

// sameServer reports whether two addresses are one server's.
func sameServer(a, b *url.URL) bool {
	return a != nil && b != nil && a.Scheme == b.Scheme && strings.EqualFold(a.Host, b.Host)
}
