package webhooks

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks/reply"
)

const (
	controllerGitHub = "github"
	pathGitHub       = "/github/events"
	// githubBody bounds an event, in bytes: it is read before its signature can be
	// checked.
	githubBody = 256 << 10
	// githubAck is how soon an event is acknowledged; GitHub gives up after ten seconds.
	githubAck = 8 * time.Second
)

// The headers of GitHub's events.
const (
	headerGitHubEvent     = "X-GitHub-Event"
	headerGitHubSignature = "X-Hub-Signature-256"
)

// GitHub is what deployment protection rules need.
type GitHub struct {
	// Secrets returns what events are signed with: the secret, and during a rotation
	// the one before. It is asked for every event.
	Secrets func() ([][]byte, error)
	// Callback says where an answer goes.
	Callback GitHubCallback
	// Rules say what a repository's environments stand for.
	Rules []GitHubRule
}

// GitHubCallback checks the address that an event names for its answer, and writes
// down what answering takes. It asks nothing of the network. Its errors are told to
// the caller.
type GitHubCallback interface {
	To(installation int64, repository, callback, environment string) (json.RawMessage, error)
}

// GitHubRule says what a deployment to one environment of a repository stands for.
type GitHubRule struct {
	Repository  string // OWNER/NAME
	Environment string
	Service     string
	Namespace   string
	Plan        string // empty for the service's own
	Gate        reply.Gate
	Within      time.Duration // for how long the deployment waits at most
	Approve     bool          // approve where nothing was decided in that time
}

// githubEvent is what is read of a deployment_protection_rule event.
type githubEvent struct {
	Action      string `json:"action"`
	Environment string `json:"environment"`
	Callback    string `json:"deployment_callback_url"`
	Deployment  struct {
		ID  int64  `json:"id"`
		SHA string `json:"sha"`
	} `json:"deployment"`
	Repository struct {
		FullName string `json:"full_name"`
	} `json:"repository"`
	Installation struct {
		ID int64 `json:"id"`
	} `json:"installation"`
}

var (
	commitSHA = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)
	// githubRun finds the run in the address of an answer, which has been checked.
	githubRun = regexp.MustCompile(`/runs/([0-9]+)/`)
)

// read reads an event. It is strict with what it needs, and lets everything else
// pass: GitHub adds fields.
func (e *githubEvent) read(body []byte) error {
	if err := decode(body, e, tolerant); err != nil {
		return err
	}
	if e.Action != "requested" {
		return nil
	}
	const next = "this is not how GitHub writes the event; send it as it came"
	switch {
	case e.Environment == "" || e.Repository.FullName == "":
		return bad(next, "the event names no repository or no environment")
	case e.Deployment.ID <= 0 || !commitSHA.MatchString(e.Deployment.SHA):
		return bad(next, "deployment: it has no id, or no sha of a commit")
	case e.Installation.ID <= 0:
		return bad("let the GitHub App send it", "installation: missing, so nobody could be answered")
	}
	return nil
}

// github is POST /github/events: the webhook of a GitHub App. Its caller is known by
// the signature of the body, and by nothing else.
func (s *Server) github(c echo.Context) error {
	g := s.cfg.GitHub
	if g == nil || s.cfg.Asker == nil {
		return &HTTPError{Code: http.StatusNotFound, Public: "GitHub is not configured here", Next: "add github to the configuration"}
	}
	body, err := s.githubSigned(c, g)
	if err != nil {
		return err
	}
	switch kind := c.Request().Header.Get(headerGitHubEvent); kind {
	case "deployment_protection_rule":
	case "ping":
		return writeJSON(c, http.StatusOK, map[string]string{"answer": "pong"})
	default:
		return writeJSON(c, http.StatusOK, map[string]string{"ignored": "only deployment_protection_rule means something here, and this is " + oneLine(kind, 60)})
	}
	var e githubEvent
	if err := e.read(body); err != nil {
		return err
	}
	if e.Action != "requested" {
		return writeJSON(c, http.StatusOK, map[string]string{"ignored": "only the action requested means something here, and this is " + quoted(e.Action)})
	}
	ctx, cancel := context.WithTimeout(c.Request().Context(), githubAck)
	defer cancel()
	done, err := s.githubAsk(ctx, g, e)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusAccepted, done)
}

// githubSigned reads the body and holds it against its signature. The caller is the
// App from then on.
func (s *Server) githubSigned(c echo.Context, g *GitHub) ([]byte, error) {
	secrets, err := g.Secrets()
	if err != nil {
		return nil, &HTTPError{
			Code: http.StatusServiceUnavailable, Public: "the secret that events are signed with cannot be read", Next: "deliver it again once the operator has mended github.secretFiles",
			Err: err, RetryAfter: time.Minute,
		}
	}
	given, err := hex.DecodeString(strings.TrimPrefix(c.Request().Header.Get(headerGitHubSignature), "sha256="))
	if err != nil || len(given) != sha256.Size {
		return nil, s.stranger(c, unsigned())
	}
	body, err := readUpTo(c, githubBody)
	if err != nil {
		return nil, err
	}
	fits := false
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write(body)
		if hmac.Equal(mac.Sum(nil), given) && len(secret) > 0 {
			fits = true
		}
	}
	if !fits {
		return nil, s.stranger(c, unsigned())
	}
	w := caller{token: &Token{Name: controllerGitHub, Namespaces: []string{anything}, Callers: []string{controllerGitHub}, Allow: []Right{RightAnnounce, RightJudge}}}
	c.Set(callerKey, w)
	withAsked(c, w)
	vouch(c.Request())
	return body, nil
}

func unsigned() error {
	return &HTTPError{
		Code: http.StatusUnauthorized, Public: "the event is not signed with this server's secret",
		Next: "give the GitHub App's webhook the secret that github.secretFiles names",
	}
}

// githubAsk takes the question of an event. Its ID is made of what is signed, and
// not of the delivery's header, so that a replay cannot make it another question.
func (s *Server) githubAsk(ctx context.Context, g *GitHub, e githubEvent) (taken, error) {
	rule, ok := g.rule(e)
	if !ok {
		return taken{}, &HTTPError{
			Code: http.StatusUnprocessableEntity, Public: fmt.Sprintf("no rule says what environment %s of %s stands for", quoted(e.Environment), quoted(e.Repository.FullName)),
			Next: "add it to github.rules and deliver the event again, or take the rule off the environment",
		}
	}
	to, err := g.Callback.To(e.Installation.ID, e.Repository.FullName, e.Callback, e.Environment)
	if err != nil {
		return taken{}, bad("github.api names the only server that answers go to", "%s", err)
	}
	run := githubRun.FindStringSubmatch(e.Callback)
	if run == nil {
		return taken{}, errors.New("the address of the answer names no run, though it was checked")
	}
	repository := strings.ToLower(e.Repository.FullName)
	now := s.now()
	return s.askLater(ctx, trial{
		rollout: rollout.Rollout{
			Controller: controllerGitHub, Namespace: rule.Namespace, Service: rule.Service, Revision: e.Deployment.SHA, Ref: repository + "/actions/runs/" + run[1],
			Canary: rollout.Arm{Namespace: rule.Namespace}, Baseline: rollout.Arm{Namespace: rule.Namespace},
		},
		plan: rule.Plan,
	}, nil, reply.Question{
		ID:     fmt.Sprintf("github/%s/runs/%s/deployments/%d", repository, run[1], e.Deployment.ID),
		Sender: controllerGitHub, Gate: rule.Gate, Asked: now, Deadline: now.Add(rule.Within), Fallback: rule.Approve, To: to,
	})
}

// rule returns the rule of an event. GitHub's names have no case.
func (g *GitHub) rule(e githubEvent) (GitHubRule, bool) {
	for _, r := range g.Rules {
		if strings.EqualFold(r.Repository, e.Repository.FullName) && strings.EqualFold(r.Environment, e.Environment) {
			return r, true
		}
	}
	return GitHubRule{}, false
}
