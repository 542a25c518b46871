package notify

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/queries/store"
)

func faultsOf(targets ...Target) []string {
	var out []string
	Check(targets, "notify", func(path, format string, args ...any) { out = append(out, path+": "+fmt.Sprintf(format, args...)) })
	return out
}

func TestTargetsThatAreRefused(t *testing.T) {
	const ref = store.Secret("env:X")
	no := false
	good := &Slack{Token: ref, Channel: "C0123456789"}
	for name, c := range map[string]struct {
		target Target
		want   []string // beginnings of the faults, each
	}{
		"nothing":       {Target{}, []string{"notify[0].name", "notify[0]: nothing says where"}},
		"name":          {Target{Name: "A b", Slack: good}, []string{"notify[0].name"}},
		"two kinds":     {Target{Name: "a", Slack: good, Teams: &Teams{URL: ref}}, []string{"notify[0]: a target is of one kind, and this one is slack and teams"}},
		"pattern":       {Target{Name: "a", Services: []string{"[", "*"}, Namespaces: []string{""}, Slack: good}, []string{"notify[0].services[0]", "notify[0].namespaces[0]"}},
		"outcome":       {Target{Name: "a", Outcomes: []string{"rollback", "bad"}, Slack: good}, []string{`notify[0].outcomes[1]: "bad" is no outcome`}},
		"continue":      {Target{Name: "a", Outcomes: []string{"continue"}, Teams: &Teams{URL: ref}}, []string{"notify[0].outcomes[0]: continue is told where"}},
		"template":      {Target{Name: "a", Template: "{{.Nobody}}", Slack: good}, []string{"notify[0].template: line 1:2: executing"}},
		"syntax":        {Target{Name: "a", Template: "{{if}}", Slack: good}, []string{"notify[0].template: line 1: missing value for if"}},
		"long":          {Target{Name: "a", Template: `{{printf "%9000d" 1}}`, Slack: good}, []string{"notify[0].template"}},
		"slack both":    {Target{Name: "a", Slack: &Slack{Token: ref, Hook: ref}}, []string{"notify[0].slack: Slack is told by"}},
		"slack inline":  {Target{Name: "a", Slack: &Slack{Token: "xoxb-secret", Channel: "#ops", API: "http://slack.com"}}, []string{"notify[0].slack.token", "notify[0].slack.channel", "notify[0].slack.api"}},
		"slack hook":    {Target{Name: "a", Slack: &Slack{Hook: "https://hooks.slack.com/services/T/B/secret", Channel: "C1"}}, []string{"notify[0].slack.hook", "notify[0].slack.hook"}},
		"teams inline":  {Target{Name: "a", Teams: &Teams{URL: "https://x/?sig=secret"}}, []string{"notify[0].teams.url"}},
		"webhook":       {Target{Name: "a", Webhook: &Webhook{URL: "https://u:secret@x/"}}, []string{"notify[0].webhook.url", "notify[0].webhook.secrets"}},
		"webhook query": {Target{Name: "a", Webhook: &Webhook{URL: "https://x/?token=secret", Secrets: []store.Secret{"secret"}}}, []string{"notify[0].webhook.url", "notify[0].webhook.secrets[0]"}},
		"webhook plain": {Target{Name: "a", Webhook: &Webhook{URL: "http://x/", Secrets: []store.Secret{ref}}}, []string{"notify[0].webhook.url"}},
		"email": {Target{Name: "a", Email: &Email{Host: "a b", Port: 70000, TLS: "ssl", Username: "u", From: "x", To: []string{"y"}}},
			[]string{"notify[0].email.host", "notify[0].email.port", "notify[0].email.tls", "notify[0].email.username", "notify[0].email.from", "notify[0].email.to[0]"}},
		"email plain": {Target{Name: "a", Email: &Email{Host: "smtp.example.org", TLS: "none", From: "a@b"}}, []string{"notify[0].email.tls", "notify[0].email.to"}},
		"pagerduty":   {Target{Name: "a", PagerDuty: &PagerDuty{RoutingKey: "k", API: "ftp://x", Severity: "bad"}}, []string{"notify[0].pagerduty.routingKey", "notify[0].pagerduty.api", "notify[0].pagerduty.severity"}},
		"github": {Target{Name: "a", GitHub: &GitHub{Commit: "{{.X}}", Status: &no, Comment: &no, API: "x"}},
			[]string{"notify[0].github.token", "notify[0].github.repository", "notify[0].github.commit", "notify[0].github: with neither", "notify[0].github.api"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := faultsOf(c.target)
			if len(got) != len(c.want) {
				t.Fatalf("got the faults %q, want %d", got, len(c.want))
			}
			for i, want := range c.want {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("got %q, want %q", got[i], want)
				}
				if strings.Contains(got[i], "secret-") || strings.Contains(got[i], "xoxb") || strings.Contains(got[i], "sig=") || strings.Contains(got[i], "services/T") || strings.Contains(got[i], "token=") || strings.Contains(got[i], "u:secret") {
					t.Errorf("the fault quotes a credential: %q", got[i])
				}
			}
		})
	}
	if got := faultsOf(Target{Name: "a", Slack: good}, Target{Name: "a", Slack: good}); len(got) != 1 || !strings.HasPrefix(got[0], "notify[1].name: another") {
		t.Errorf("two of one name: got %q", got)
	}
}

func TestWhoIsTold(t *testing.T) {
	for _, c := range []struct {
		services, namespaces []string
		want                 bool
	}{
		{nil, nil, true}, {[]string{"check*"}, nil, true}, {[]string{"cart", "checkout"}, []string{"shop"}, true},
		{[]string{"cart"}, nil, false}, {nil, []string{"prod-*"}, false}, {[]string{"*"}, []string{"*"}, true},
	} {
		if got := (Target{Services: c.services, Namespaces: c.namespaces}).fits(rollout.Rollout{Service: "checkout", Namespace: "shop"}); got != c.want {
			t.Errorf("%v in %v: got %v, want %v", c.services, c.namespaces, got, c.want)
		}
	}
}

// A template may use a service's markup, and names cannot.
func TestTemplatesAreGivenEscapedNames(t *testing.T) {
	text, err := readTemplate("*{{.Service}}* <!here> {{range .Findings}}{{.Name}} {{.Odds}}{{end}}\n{{.Report}}")
	if err != nil {
		t.Fatal(err)
	}
	m := hostileMessage("<!channel>")
	m.template = text
	const want = "*a &lt;!channel&gt; b* <!here> &lt;!channel&gt; 84:1\nhttps://serin.example.org/r/abcdefghijklmnop"
	if got := m.text(slackEscape); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if m.Service != "a <!channel> b" || m.Findings[0].Name != "<!channel>" {
		t.Error("escaping changed the notice itself")
	}
	blocks := slackBlocks(m, "")
	if i := slices.IndexFunc(blocks, func(b slackBlock) bool { return b.Text != nil && b.Text.Text == want }); i < 0 {
		t.Errorf("got %+v, want the template's text", blocks)
	}
}
