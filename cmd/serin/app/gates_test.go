package app

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/webhooks"
	"github.com/serin-canary/serin/webhooks/reply"
)

const (
	gateSecret = "a-webhook-secret-of-thirty-two-bytes"
	sealKey    = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="
)

// gateFiles are the secrets that Azure and GitHub need.
type gateFiles struct{ key, seal, secret string }

func newGateFiles(t *testing.T) gateFiles {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, name)
	}
	k, err := rsa.GenerateKey(rand.Reader, 1024) // a short one, which is made quickly
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return gateFiles{
		key: write("app.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), seal: write("seal", []byte(sealKey+"\n")),
		secret: write("secret", []byte(gateSecret+"\n")),
	}
}

func TestFaultsOfGates(t *testing.T) {
	const github = `github: { app: "1", keyFile: k, secretFiles: [s], `
	for name, c := range map[string]struct {
		yaml string
		want []string // path, then a part of the text
	}{
		"azure without a key":       {`azure: { hosts: [dev.azure.com] }`, []string{"azure.keys", "head -c 32"}},
		"azure without a host":      {`azure: { keys: [{ id: a, file: f }] }`, []string{"azure.hosts", "dev.azure.com"}},
		"azure for every host":      {`azure: { hosts: [dev.azure.com, "*"], keys: [{ id: a, file: f }] }`, []string{"azure.hosts[1]", "is no host"}},
		"azure, a key twice":        {`azure: { hosts: [dev.azure.com], keys: [{ id: a, file: f }, { id: a, file: g }] }`, []string{"azure.keys[1].id", "already"}},
		"azure, a key without file": {`azure: { hosts: [dev.azure.com], keys: [{ id: a }] }`, []string{"azure.keys[0].file", "file"}},
		"azure, a version":          {`azure: { hosts: [dev.azure.com], keys: [{ id: a, file: f }], apiVersion: newest }`, []string{"azure.apiVersion", "7.1"}},
		"azure, only a version":     {`azure: { apiVersion: "7.1" }`, []string{"azure.apiVersion", "azure.hosts"}},
		"azure, an unknown key":     {`azure: { host: dev.azure.com }`, []string{"azure.host", "unknown key"}},
		"github without rules":      {github + `}`, []string{"github.rules", "OWNER/NAME"}},
		"github over plain http":    {github + `api: "http://github.example.com", rules: [{ repository: a/b, environment: e, service: s }] }`, []string{"github.api", "https://api.github.com"}},
		"github without an App":     {`github: { keyFile: k, secretFiles: [s], rules: [{ repository: a/b, environment: e, service: s }] }`, []string{"github.app", "client ID"}},
		"github, a repository":      {github + `rules: [{ repository: b, environment: e, service: s }] }`, []string{"github.rules[0].repository", "OWNER/NAME"}},
		"github, no environment":    {github + `rules: [{ repository: a/b, service: s }] }`, []string{"github.rules[0].environment", "name the environment"}},
		"github, no service":        {github + `rules: [{ repository: a/b, environment: e }] }`, []string{"github.rules[0].service", "on trial"}},
		"github, a gate":            {github + `rules: [{ repository: a/b, environment: e, service: s, gate: prod }] }`, []string{"github.rules[0].gate", "promotion"}},
		"github, undecided":         {github + `rules: [{ repository: a/b, environment: e, service: s, undecided: promote }] }`, []string{"github.rules[0].undecided", "reject"}},
		"github, too long":          {github + `rules: [{ repository: a/b, environment: e, service: s, within: 721h }] }`, []string{"github.rules[0].within", "720h"}},
		"github, a duration":        {github + `rules: [{ repository: a/b, environment: e, service: s, within: soon }] }`, []string{"github.rules[0].within", "a duration"}},
		"github, a rule twice":      {github + `rules: [{ repository: a/b, environment: e, service: s }, { repository: A/B, environment: E, service: t }] }`, []string{"github.rules[1].environment", "already"}},
	} {
		_, err := Parse("serin.yaml", []byte("\n"+c.yaml))
		var fs plan.Faults
		if !errors.As(err, &fs) || len(fs) != 1 || fs[0].Path != c.want[0] || !strings.Contains(fs[0].Text, c.want[1]) || fs[0].Line != 2 || fs[0].File != "serin.yaml" {
			t.Errorf("%s: got %v, want %v at line 2", name, err, c.want)
		}
	}
	// Everything at once.
	_, err := Parse("serin.yaml", []byte("github: { app: a b }"))
	var fs plan.Faults
	if !errors.As(err, &fs) || len(fs) != 4 {
		t.Errorf("got %v, want four faults", err)
	}
}

func TestSecretsOfGates(t *testing.T) {
	files := newGateFiles(t)
	good := func() Config {
		return Config{
			Azure: Azure{Hosts: []string{"dev.azure.com"}, Keys: []AzureKey{{ID: "2026-05", File: files.seal}}},
			GitHub: GitHub{App: "1", KeyFile: files.key, SecretFiles: []string{files.secret}, Rules: []GitHubRule{
				{Repository: "shop/checkout", Environment: "prod", Service: "checkout"},
			}},
		}
	}
	l, err := newLater(good(), nil)
	if err != nil || l.azure() == nil {
		t.Fatalf("got %v, want both", err)
	}
	g := l.github(good().GitHub)
	want := webhooks.GitHubRule{Repository: "shop/checkout", Environment: "prod", Service: "checkout", Gate: reply.GatePromotion, Within: 12 * time.Hour}
	if g == nil || len(g.Rules) != 1 || g.Rules[0] != want {
		t.Errorf("got %+v, want %+v", g, want)
	}
	if l, err := newLater(Config{}, nil); err != nil || l.azure() != nil || l.github(GitHub{}) != nil {
		t.Errorf("got %v, want neither where nothing is configured", err)
	}
	if os.WriteFile(files.secret, []byte("another-secret-of-thirty-two-bytes"), 0o600) != nil {
		t.Fatal("the secret could not be exchanged")
	}
	if s, err := g.Secrets(); err != nil || string(s[0]) != "another-secret-of-thirty-two-bytes" {
		t.Errorf("got %v, want the file as it is now", err)
	}
	short := filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(short, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"no seal":           func(c *Config) { c.Azure.Keys[0].File = "none" },
		"a seal that is no": func(c *Config) { c.Azure.Keys[0].File = short },
		"no key":            func(c *Config) { c.GitHub.KeyFile = "none" },
		"a key that is no":  func(c *Config) { c.GitHub.KeyFile = short },
		"the key itself":    func(c *Config) { c.GitHub.KeyFile = "-----BEGIN PRIVATE KEY-----hunter2" },
		"no secret":         func(c *Config) { c.GitHub.SecretFiles = []string{"none"} },
		"a short secret":    func(c *Config) { c.GitHub.SecretFiles = append(c.GitHub.SecretFiles, short) },
	} {
		c := good()
		change(&c)
		if _, err := newLater(c, nil); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want it refused, without what is in the file", name, err)
		}
		ill := 0
		for _, d := range Examine(t.Context(), c) {
			if (d.Part == "azure" || d.Part == "github") && d.Health == Ill {
				ill++
			}
		}
		if ill != 1 {
			t.Errorf("%s: got %d faults by serin doctor, want 1", name, ill)
		}
	}
}

func TestWhereAnswersMayGo(t *testing.T) {
	away := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer away.Close()
	here := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, away.URL, http.StatusFound) }))
	defer here.Close()
	get := func(o Outgoing) (*http.Response, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, here.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		c := o.ForCallbacks().client()
		defer c.CloseIdleConnections()
		return c.Do(r)
	}
	resp, err := get(Outgoing{})
	if err == nil {
		resp.Body.Close()
		t.Fatal("loopback was dialled")
	}
	if !errors.Is(err, outbox.ErrPermanent) || !strings.Contains(err.Error(), "outgoing.callbacks") {
		t.Errorf("got %v, want it given up, and what to do", err)
	}
	resp, err = get(Outgoing{Callbacks: []string{"127.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusFound {
		t.Errorf("got %d, want the redirect itself", resp.StatusCode)
	}
}
