package app

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/serin-canary/serin/webhooks"
	"github.com/serin-canary/serin/webhooks/github"
	"github.com/serin-canary/serin/webhooks/reply"
)

// GitHub configures a GitHub App whose deployment protection rules Serin answers.
type GitHub struct {
	// App is the App's client ID, or its number.
	App string `yaml:"app"`
	// KeyFile holds the App's private key, in PEM. It is read whenever it is needed.
	KeyFile string `yaml:"keyFile"`
	// SecretFiles hold what events are signed with, one secret each: the new one and,
	// while it is exchanged, the old one. They are read for every event.
	SecretFiles []string `yaml:"secretFiles"`
	// API is where the API is (default https://api.github.com).
	API   string       `yaml:"api"`
	Rules []GitHubRule `yaml:"rules"`
}

// GitHubRule says what a deployment to an environment stands for.
type GitHubRule struct {
	Repository  string `yaml:"repository"` // OWNER/NAME
	Environment string `yaml:"environment"`
	Service     string `yaml:"service"`
	Namespace   string `yaml:"namespace"`
	Plan        string `yaml:"plan"` // default: the service's
	Gate        string `yaml:"gate"` // promotion (default), step or start
	// Within is how long a deployment waits at most (default 12h).
	Within time.Duration `yaml:"within"`
	// Undecided is reject (default) or approve: what is told where nothing was decided
	// in that time.
	Undecided string `yaml:"undecided"`
}

const (
	githubWithin = 12 * time.Hour
	// githubLongest is for how long GitHub lets a deployment wait.
	githubLongest = 30 * 24 * time.Hour
	// githubSecret is how short a secret may be, in bytes.
	githubSecret = 16
)

func (g GitHub) on() bool {
	return g.App != "" || g.KeyFile != "" || g.API != "" || len(g.SecretFiles)+len(g.Rules) > 0
}

func (g GitHub) check(fault func(path, format string, args ...any)) {
	if !g.on() {
		return
	}
	if err := github.CheckApp(g.App); err != nil {
		fault("github.app", "%s", err)
	}
	if g.KeyFile == "" {
		fault("github.keyFile", "an App proves itself by its private key; name the file that it is in")
	}
	if len(g.SecretFiles) == 0 {
		fault("github.secretFiles", "events are known by their signature; name the file with the webhook's secret")
	}
	if g.API != "" {
		if err := github.CheckAPI(g.API); err != nil {
			fault("github.api", "%s", err)
		}
	}
	if len(g.Rules) == 0 {
		fault("github.rules", "nothing says what a deployment stands for; add {repository: OWNER/NAME, environment: …, service: …}")
	}
	seen := map[string]bool{}
	for i, r := range g.Rules {
		at := fmt.Sprintf("github.rules[%d]", i)
		r.check(at, fault)
		key := strings.ToLower(r.Repository + "\n" + r.Environment)
		if seen[key] {
			fault(at+".environment", "there is a rule for %s of %s already", r.Environment, r.Repository)
		}
		seen[key] = true
	}
}

func (r GitHubRule) check(at string, fault func(path, format string, args ...any)) {
	if err := github.CheckRepository(r.Repository); err != nil {
		fault(at+".repository", "%s", err)
	}
	if r.Environment == "" {
		fault(at+".environment", "name the environment that waits")
	}
	if r.Service == "" {
		fault(at+".service", "name the service that is on trial")
	}
	switch reply.Gate(r.Gate) {
	case "", reply.GateStart, reply.GateStep, reply.GatePromotion:
	default:
		fault(at+".gate", "%q is no gate; write promotion (default), step or start", r.Gate)
	}
	switch r.Undecided {
	case "", "reject", "approve":
	default:
		fault(at+".undecided", "%q is neither; write reject (default) or approve", r.Undecided)
	}
	if r.Within != 0 && (r.Within < time.Minute || r.Within > githubLongest) {
		fault(at+".within", "%s is not from 1m to %s, for which GitHub lets a deployment wait", r.Within, githubLongest)
	}
}

// rule returns a rule as the front takes it.
func (r GitHubRule) rule() webhooks.GitHubRule {
	out := webhooks.GitHubRule{
		Repository: r.Repository, Environment: r.Environment, Service: r.Service, Namespace: r.Namespace, Plan: r.Plan,
		Gate: reply.Gate(r.Gate), Within: r.Within, Approve: r.Undecided == "approve",
	}
	if out.Gate == "" {
		out.Gate = reply.GatePromotion
	}
	if out.Within == 0 {
		out.Within = githubWithin
	}
	return out
}

// secrets reads what events are signed with.
func (g GitHub) secrets() ([][]byte, error) {
	var out [][]byte
	var errs []error
	for i, f := range g.SecretFiles {
		text, err := readSecret(f)
		if err == nil && len(text) < githubSecret {
			err = fmt.Errorf("github.secretFiles[%d] has %d characters, and a secret needs %d; make one with: head -c 32 /dev/urandom | base64", i, len(text), githubSecret)
		}
		errs = append(errs, err)
		out = append(out, []byte(text))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return out, nil
}

// key reads the App's private key. A file that is not there is not named where its
// name may be the key itself.
func (g GitHub) key() ([]byte, error) {
	b, err := os.ReadFile(g.KeyFile)
	if err != nil && (secretive(g.KeyFile) || strings.Contains(g.KeyFile, "-----")) {
		return nil, errors.New("github.keyFile names a file that is not there, and its name looks like a key: it says in which file the key is, never what it is")
	}
	return b, err
}

// githubSender opens what answers deployment protection rules; nil where it is not
// configured.
func githubSender(c Config, _ *slog.Logger) (reply.Sender, error) {
	g := c.GitHub
	if !g.on() {
		return nil, nil
	}
	_, errSecrets := g.secrets()
	s, err := github.New(github.Config{
		API: g.API, App: g.App, BaseURL: c.BaseURL, Client: c.Outgoing.ForCallbacks().client(),
		Key: g.key,
	})
	if err := errors.Join(errSecrets, err); err != nil {
		return nil, err
	}
	return s, nil
}

// github tries the secrets, for serin doctor.
func (x *examination) github() {
	if !x.c.GitHub.on() {
		return
	}
	if _, err := githubSender(x.c, nil); err != nil {
		x.add(Diagnosis{"github", Ill, oneLine(err), "mend github in the configuration, or the file that it names"})
		return
	}
	x.add(Diagnosis{Part: "github", Health: Well, Text: fmt.Sprintf("App %s has a key and a secret, and %d rules", x.c.GitHub.App, len(x.c.GitHub.Rules))})
}

// github is what the front needs for deployment protection rules; nil where there are
// none.
func (l *later) github(g GitHub) *webhooks.GitHub {
	s, ok := l.senders[github.Name].(*github.Sender)
	if !ok {
		return nil
	}
	out := &webhooks.GitHub{Secrets: g.secrets, Callback: s}
	for _, r := range g.Rules {
		out.Rules = append(out.Rules, r.rule())
	}
	return out
}
