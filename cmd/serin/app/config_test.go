package app

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries/prometheus"
	"github.com/serin-canary/serin/queries/scrape"
)

func TestParseReadsWhatTheHelpShows(t *testing.T) {
	got, err := Parse("serin.yaml", []byte(`
listen: 0.0.0.0:9000
baseURL: https://serin.example.com
plans: ./plans
journal: ./serin.db
tokenFiles: [/run/secrets/serin-token]
log: { level: debug, format: json }
sources:
  - name: prometheus
    prometheus:
      url: https://prometheus.example.com
      bearerFile: /run/secrets/prometheus-token
      timeout: 20s
      headers: { X-Scope-OrgID: shop }
  - name: pods
    scrape:
      interval: 15s
      targets:
        - { url: "http://10.0.0.7:8080/metrics", labels: { track: canary, pod: shop-7 } }
`))
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Listen: "0.0.0.0:9000", BaseURL: "https://serin.example.com", Plans: "./plans", Journal: "./serin.db",
		TokenFiles: []string{"/run/secrets/serin-token"}, Log: Log{Level: "debug", Format: "json"},
		Sources: []Source{
			{Name: "prometheus", Prometheus: &prometheus.Config{
				URL: "https://prometheus.example.com", BearerFile: "/run/secrets/prometheus-token",
				Timeout: 20 * time.Second, Headers: map[string]string{"X-Scope-OrgID": "shop"},
			}},
			{Name: "pods", Scrape: &Scrape{Interval: 15 * time.Second, Targets: []scrape.Target{
				{URL: "http://10.0.0.7:8080/metrics", Labels: map[string]string{"track": "canary", "pod": "shop-7"}},
			}}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestParseFillsInDefaults(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "{}\n"} {
		got, err := Parse("serin.yaml", []byte(text))
		want := Config{Listen: DefaultListen, Plans: DefaultPlans, Journal: DefaultJournal, Log: Log{Level: "info", Format: "text"}}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: got %v (-want +got):\n%s", text, err, diff)
		}
	}
}

func TestParseReportsEveryFaultAtOnce(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"many", `listen: 8080
baseURL: serin.example.com
log: { level: loud, format: xml }
sources:
  - prometheus: { url: "http://u:secret@:9090 x" }
  - name: a
    prometheus: { name: b, url: "http://p:9090" }
    scrape: { targets: [] }
  - name: a
  - name: c
    scrape:
      interval: 15
      targets: [ { url: "ftp://x" }, http://y ]
unknown: 1
`, `serin.yaml:1:9: listen: "8080" is not an address; write host:port, for example 127.0.0.1:8080
serin.yaml:2:10: baseURL: "serin.example.com" is not a URL; write for example https://serin.example.com
serin.yaml:3:15: log.level: "loud" is not a level; write debug, info, warn or error
serin.yaml:3:29: log.format: "xml" is not a format; write text or json
serin.yaml:5:5: sources[0].name: a source needs the name that plans use for it
serin.yaml:5:24: sources[0].prometheus.url: "…" is not a URL; write for example http://prometheus:9090
serin.yaml:6:5: sources[1]: a source is of one kind, and this one is prometheus and scrape; write as many sources
serin.yaml:9:5: sources[2]: a source needs a kind; add prometheus: {url: …} or scrape: {targets: […]}, or cloudwatch, datadog, http-json
serin.yaml:9:11: sources[2].name: another source is called "a" already
serin.yaml:12:17: sources[3].scrape.interval: a duration such as 15s is needed here, not "15"
serin.yaml:13:25: sources[3].scrape.targets[0].url: "ftp://x" is not a URL; write for example http://10.0.0.7:8080/metrics
serin.yaml:13:38: sources[3].scrape.targets[1]: a block of keys is needed here, not "http://y"
serin.yaml:14:1: unknown: unknown key "unknown"; see serin serve --help for what there is`},
		{"not YAML", "listen: [", "serin.yaml:1:1: this is not YAML: did not find expected node content"},
		{"a list", "- listen", "serin.yaml:1:1: a block of keys is needed here, not a list"},
		{"twice", "listen: 127.0.0.1:1\nlisten: 127.0.0.1:2\n", `serin.yaml:2:1: mapping key "listen" already defined at line 1`},
		{"two documents", "listen: 127.0.0.1:1\n---\nlisten: 127.0.0.1:2\n",
			"serin.yaml:1:1: there is more than one document in the file; remove the --- line and what follows"},
		{"no token", "listen: 0.0.0.0:1\n", "serin.yaml:1:9: listen: 0.0.0.0:1 can be reached from other machines, " +
			"and there is no token to ask them for; name a token file (tokenFiles, --token-file), or listen on 127.0.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("serin.yaml", []byte(c.text))
			if err == nil {
				t.Fatal("got no error")
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOverridesAreHeededBeforeTheConfigurationIsJudged(t *testing.T) {
	c, err := Parse("serin.yaml", []byte("listen: 0.0.0.0:1\n"), func(c *Config) { c.TokenFiles = []string{"x"} })
	if err != nil || c.Listen != "0.0.0.0:1" {
		t.Errorf("got %v, %v, want no fault", c, err)
	}
}

func TestLoopback(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:80": true, "127.8.9.1:80": true, "[::1]:80": true, "localhost:80": true,
		":80": false, "0.0.0.0:80": false, "[::]:80": false, "10.0.0.1:80": false, "serin:80": false,
		"127.0.0.1.example.com:80": false, "127.0.0.1": false, "": false,
	} {
		if got := Loopback(addr); got != want {
			t.Errorf("Loopback(%q): got %v, want %v", addr, got, want)
		}
	}
}

func TestTokens(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		f := filepath.Join(dir, name)
		if err := os.WriteFile(f, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return f
	}
	got, err := readTokens([]string{write("a", "0123456789abcdef\n"), write("b", "another-long-token!")})
	if err != nil || len(got) != 2 || got[0].Name != "a" || got[1].Name != "b" || got[0].Check() != nil {
		t.Errorf("got %v, %v, want both tokens, called after their files", got, err)
	}
	for name, text := range map[string]string{"empty": "", "blank": " \n", "short": "secret", "two": "0123456789abcdef\n0123456789abcdef"} {
		_, err := readTokens([]string{write(name, text)})
		if err == nil || !strings.Contains(err.Error(), "must hold one token of at least 16 characters") {
			t.Errorf("%s: got %v, want a refusal", name, err)
		}
		if text != "" && err != nil && strings.Contains(err.Error(), strings.TrimSpace(text)) && strings.TrimSpace(text) != "" {
			t.Errorf("%s: the token is in the error: %v", name, err)
		}
	}
}

func TestGuardKeepsChecksFromCredentials(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:80": true, "10.0.0.7:80": true, "192.168.1.1:80": true, "93.184.216.34:443": true, "[fd00::7]:80": true, "[::1]:80": true,
		"169.254.169.254:80": false, "[::ffff:169.254.169.254]:80": false, "[fe80::1]:80": false, "[fd00:ec2::254]:80": false,
		"0.0.0.0:80": false, "[::]:80": false, "224.0.0.1:80": false,
	} {
		if err := Guard(netip.MustParseAddrPort(addr)); (err == nil) != want {
			t.Errorf("Guard(%s): got %v, want allowed: %v", addr, err, want)
		}
	}
	if Guard(netip.AddrPort{}) == nil {
		t.Error("the zero address was allowed")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("listen: 127.0.0.1:1\nsources: [{name: a, scrape: {targets: [{url: http://x}]}}]\n")
	f.Add("a: &a [*a]\n")
	f.Add("sources: [{scrape: {interval: 1e9}}]\n---\n")
	f.Add("log: null\nsources: null\n? [x]\n: y\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse("serin.yaml", []byte(text))
		if err == nil {
			if fs := c.Check(); len(fs) > 0 {
				t.Errorf("an accepted configuration has faults: %v", fs)
			}
			return
		}
		var fs plan.Faults
		if !errors.As(err, &fs) {
			t.Fatalf("got a %T, want faults: %v", err, err)
		}
		for _, f := range fs {
			if f.File != "serin.yaml" || f.Line < 1 || f.Column < 1 || f.Text == "" {
				t.Errorf("a fault is incomplete: %+v", f)
			}
		}
	})
}
