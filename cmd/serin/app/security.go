package app

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/webhooks"
)

// Token is a caller's credential in the configuration, and what it is good for. The
// secret itself is never here: Hash is what serin token new prints, File and Env
// say where a token or its hash is. Exactly one of Hash, File, Env and Certificate
// is set.
type Token struct {
	Name        string           `yaml:"name"`
	Hash        string           `yaml:"hash"`
	File        string           `yaml:"file"`
	Env         string           `yaml:"env"`
	Certificate string           `yaml:"certificate"` // a client certificate's alternative name, or CN=…
	Signing     bool             `yaml:"signing"`     // the secret signs requests and is not sent
	Namespaces  []string         `yaml:"namespaces"`
	Callers     []string         `yaml:"callers"`
	Allow       []webhooks.Right `yaml:"allow"`
	// NotBefore and Expires bound when it is good: 2026-05-01, or 2026-05-01T12:00:00Z.
	NotBefore string `yaml:"notBefore"`
	Expires   string `yaml:"expires"`
}

// Callers bounds what callers may ask for; zero fields mean the defaults of
// webhooks.Limits.
type Callers struct {
	Rate           float64 `yaml:"rate"`
	Burst          int     `yaml:"burst"`
	Strangers      float64 `yaml:"strangers"`
	StrangersBurst int     `yaml:"strangersBurst"`
	Connections    int     `yaml:"connections"`
}

// envName is what a variable of the environment is called.
var envName = regexp.MustCompile(`^[A-Za-z_][0-9A-Za-z_]*$`)

func (c Config) checkSecurity(fault func(path, format string, args ...any)) {
	for i, t := range c.Tokens {
		at := fmt.Sprintf("tokens[%d]", i)
		t.checkSecret(at, fault)
		t.checkTimes(at, fault)
		if t.Certificate != "" && c.WebConfig == "" {
			fault(at+".certificate", "certificates of clients need TLS; name a webConfig file with client_ca_file")
		}
		// Everything but the secret, which is read later: any will do here.
		probe := t.scope()
		if len(t.badTimes()) > 0 {
			probe.NotBefore, probe.Expires = time.Time{}, time.Time{}
		}
		probe.Hash = webhooks.HashToken("")
		if t.Signing {
			probe.Hash, probe.Signing = webhooks.Hash{}, make([]byte, 32)
		}
		if err := probe.Check(); err != nil {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				fault(at, "%s", line)
			}
		}
	}
	if c := c.Callers; c.Rate < 0 || c.Burst < 0 || c.Strangers < 0 || c.StrangersBurst < 0 || c.Connections < 0 {
		fault("callers", "a limit cannot be negative; leave it out for the default")
	}
	c.Outgoing.check(fault)
}

// badTimes names the fields that hold no time.
func (t Token) badTimes() []string {
	var out []string
	if _, err := moment(t.NotBefore); err != nil {
		out = append(out, "notBefore")
	}
	if _, err := moment(t.Expires); err != nil {
		out = append(out, "expires")
	}
	return out
}

func (t Token) checkTimes(at string, fault func(path, format string, args ...any)) {
	for _, field := range t.badTimes() {
		fault(at+"."+field, "this is no time; write for example 2026-05-01 or 2026-05-01T12:00:00Z")
	}
}

// checkSecret checks where a token's secret is. What may be a secret is never
// repeated.
func (t Token) checkSecret(at string, fault func(path, format string, args ...any)) {
	n := 0
	for _, text := range [...]string{t.Hash, t.File, t.Env, t.Certificate} {
		if text != "" {
			n++
		}
	}
	if n != 1 {
		fault(at, "a token needs exactly one of hash, file, env and certificate; serin token new prints an entry")
	}
	if t.Hash != "" {
		if _, err := webhooks.ParseHash(t.Hash); err != nil {
			fault(at+".hash", "this is not a hash; a token itself does not belong here: put it into a file, or have one made by serin token new")
		}
	}
	if t.Env != "" && !envName.MatchString(t.Env) {
		fault(at+".env", "this is not the name of a variable of the environment, such as SERIN_TOKEN; the secret itself does not belong here")
	}
	if t.Signing && t.File == "" && t.Env == "" {
		fault(at+".signing", "a signing key cannot be hashed; name the file or the variable that holds it")
	}
}

// scope returns the token without its secret. A time that cannot be read, which
// check has refused, is one at which the token is not good.
func (t Token) scope() webhooks.Token {
	begins, err := moment(t.NotBefore)
	if err != nil {
		begins = time.Unix(1<<40, 0)
	}
	ends, err := moment(t.Expires)
	if err != nil {
		ends = time.Unix(1, 0)
	}
	return webhooks.Token{
		Name: t.Name, Namespaces: t.Namespaces, Callers: t.Callers, Allow: t.Allow, NotBefore: begins, Expires: ends,
	}
}

// moment reads a time or a day; empty is the zero time.
func moment(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, nil
	}
	return time.Parse(time.RFC3339, text)
}

// read returns the token with its secret.
func (t Token) read() (webhooks.Token, error) {
	out := t.scope()
	switch {
	case t.Certificate != "":
		out.Certificate = t.Certificate
		return out, nil
	case t.Hash != "":
		var err error
		out.Hash, err = webhooks.ParseHash(t.Hash)
		return out, err
	}
	text, from, err := t.secret()
	if err != nil {
		return out, err
	}
	switch {
	case t.Signing:
		out.Signing, err = webhooks.ParseSigningKey(text)
	case webhooks.LooksHashed(text):
		out.Hash, err = webhooks.ParseHash(text)
	default:
		err = checkToken(text, from)
		out.Hash = webhooks.HashToken(text)
	}
	if err != nil {
		return out, fmt.Errorf("token %s: %s: %w", t.Name, from, err)
	}
	return out, nil
}

// secret reads the file or the variable, and says which in words.
func (t Token) secret() (text, from string, err error) {
	if t.Env != "" {
		from = "the variable " + t.Env
		text = strings.TrimSpace(os.Getenv(t.Env))
		if text == "" {
			return "", from, fmt.Errorf("token %s: %s is empty; set it, or name a file", t.Name, from)
		}
		return text, from, nil
	}
	text, err = readSecret(t.File)
	return text, t.File, err
}

// checkToken refuses a token that is short enough to be guessed.
func checkToken(text, from string) error {
	if len(text) < 16 || strings.ContainsAny(text, " \t\r\n") {
		return fmt.Errorf("%s must hold one token of at least 16 characters on one line; make one with: serin token new", from)
	}
	return nil
}

// readSecret reads a file with one secret. A file that is not there is not named
// where its name may be the secret itself.
func readSecret(file string) (string, error) {
	b, err := os.ReadFile(file)
	switch {
	case err != nil && secretive(file):
		return "", errors.New("a file is named that is not there, and its name looks like a secret: the configuration says in which file a secret is, never what it is")
	case err != nil:
		return "", fmt.Errorf("cannot read the token file: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// secretLike is what a token looks like, and a path does not.
var secretLike = regexp.MustCompile(`^(serin_|whsec_|sha256\$|glsa_|ey[A-Za-z0-9])|^[0-9A-Za-z+=_-]{20,}$`)

func secretive(text string) bool { return secretLike.MatchString(text) }

// readTokens reads files of tokens that are good for everything.
func readTokens(files []string) ([]webhooks.Token, error) {
	var out []webhooks.Token
	var errs []error
	for i, f := range files {
		text, err := readSecret(f)
		if err == nil {
			err = checkToken(text, f)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, webhooks.FullToken(nameOfFile(f, i), text))
	}
	return out, errors.Join(errs...)
}

// readTokens reads everything that callers may present.
func (c Config) readTokens() ([]webhooks.Token, error) {
	out, err := readTokens(c.TokenFiles)
	errs := []error{err}
	for _, t := range c.Tokens {
		read, err := t.read()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, read)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return out, nil
}

// nameOfFile returns what the token of a file is called in logs.
func nameOfFile(file string, i int) string {
	name := filepath.Base(file)
	probe := webhooks.FullToken(name, "")
	if probe.Check() != nil {
		return fmt.Sprintf("token-file-%d", i+1)
	}
	return name
}

// closed reports whether callers must present something.
func (c Config) closed() bool { return len(c.TokenFiles)+len(c.Tokens) > 0 }

// limits returns the callers' limits as the server takes them.
func (c Callers) limits() webhooks.Limits {
	return webhooks.Limits{
		Rate: c.Rate, Burst: c.Burst, Strangers: c.Strangers, StrangersBurst: c.StrangersBurst, Connections: c.Connections,
	}
}

// inlineCredential reports whether a header's value is a credential that could be
// in a file instead.
func inlineCredential(header string) bool {
	return slices.Contains([]string{"Authorization", "Proxy-Authorization"}, http.CanonicalHeaderKey(header))
}

// secured is what the server is told of its callers.
type secured struct {
	tokens []webhooks.Token
	tls    *tls.Config
	limits webhooks.Limits
}

// secure reads the files that say who may call.
func (a *App) secure(c Config) (secured, error) {
	out := secured{limits: c.Callers.limits()}
	var errs [2]error
	out.tokens, errs[0] = c.readTokens()
	out.tls, errs[1] = openTLS(c.WebConfig, a.log)
	return out, errors.Join(errs[:]...)
}
