package webhooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/webhooks/reply"
)

const githubSecretText = "a-webhook-secret-of-thirty-two-bytes"

// githubAddress takes answers for one host only, as the real one does.
type githubAddress struct{}

func (githubAddress) To(installation int64, repository, callback, environment string) (json.RawMessage, error) {
	if !strings.HasPrefix(callback, "https://api.github.com/repos/"+repository+"/actions/runs/") {
		return nil, errors.New("deployment_callback_url is at another host")
	}
	return json.Marshal([]any{installation, callback, environment})
}

// withGitHub lets an App ask, of a desk that is returned.
func withGitHub(secrets ...string) (*noted, func(*Config)) {
	if len(secrets) == 0 {
		secrets = []string{githubSecretText}
	}
	desk := newNoted()
	return desk, func(c *Config) {
		c.Asker = desk
		c.GitHub = &GitHub{
			Secrets: func() ([][]byte, error) {
				var out [][]byte
				for _, s := range secrets {
					out = append(out, []byte(s))
				}
				return out, nil
			},
			Callback: githubAddress{},
			Rules: []GitHubRule{
				{Repository: "shop/checkout", Environment: "prod", Service: "arms", Namespace: "shop", Gate: reply.GatePromotion, Within: 2 * time.Hour},
				{Repository: "shop/checkout", Environment: "prod-half", Service: "arms", Namespace: "shop", Gate: reply.GateStep, Within: time.Hour, Approve: true},
				{Repository: "shop/unknown", Environment: "prod", Service: "nobody", Gate: reply.GatePromotion, Within: time.Hour},
			},
		}
	}
}

// githubBodyOf is an event of GitHub, with fields of which nothing is read.
func githubBodyOf(change func(map[string]any)) string {
	m := map[string]any{
		"action": "requested", "environment": "prod", "event": "push",
		"deployment_callback_url": "https://api.github.com/repos/shop/checkout/actions/runs/7/deployment_protection_rule",
		"deployment":              map[string]any{"id": 99, "sha": strings.Repeat("ab", 20), "ref": "main", "task": "deploy", "created_at": "2026-03-01T12:00:00Z", "creator": nil},
		"pull_requests":           []any{map[string]any{"number": 3}},
		"repository":              map[string]any{"id": 1, "full_name": "shop/checkout", "private": true},
		"organization":            map[string]any{"login": "shop"},
		"sender":                  map[string]any{"login": "somebody"},
		"installation":            map[string]any{"id": 42},
	}
	if change != nil {
		change(m)
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func githubSign(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// deliver sends an event as GitHub does.
func (w *world) deliver(event, body, signature string) answer {
	w.t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/github/events", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "GitHub-Hookshot/044aadd")
	r.Header.Set("X-GitHub-Event", event)
	r.Header.Set("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
	r.Header.Set("X-GitHub-Hook-Installation-Target-Type", "integration")
	if signature != "" {
		r.Header.Set("X-Hub-Signature-256", signature)
	}
	return w.send(r)
}

const protection = "deployment_protection_rule"

func TestGitHubAsks(t *testing.T) {
	desk, with := withGitHub()
	w := newWorld(t, with, func(c *Config) { c.Tokens = []Token{FullToken("people", "people-token")} })
	body := githubBodyOf(nil)
	a := w.want(w.deliver(protection, body, githubSign(githubSecretText, body)), 202).object(t)
	q, r := desk.only(t), w.only().Rollout
	if q.ID != "github/shop/checkout/runs/7/deployments/99" || q.Sender != "github" || q.Gate != reply.GatePromotion || q.Fallback || q.Rollout != r.ID ||
		!q.Deadline.Equal(start().Add(2*time.Hour)) || string(q.To) != `[42,"https://api.github.com/repos/shop/checkout/actions/runs/7/deployment_protection_rule","prod"]` {
		t.Errorf("got %+v", q)
	}
	if r.Controller != "github" || r.Service != "arms" || r.Namespace != "shop" || r.Revision != strings.Repeat("ab", 20) || r.Ref != "shop/checkout/actions/runs/7" || r.Plan != "arms" {
		t.Errorf("got %+v", r)
	}
	if a["question"] != q.ID || a["rollout"] != r.ID {
		t.Errorf("got %v", a)
	}

	// A replay is the same question, whatever its delivery is called.
	w.clock.add(time.Minute)
	w.want(w.deliver(protection, body, githubSign(githubSecretText, body)), 202)
	if desk.only(t).Rollout != r.ID {
		t.Errorf("got %+v", desk.asked)
	}
	// Replayed once its rollout is over, it opens nothing.
	desk.given[q.ID] = reply.Answer{Yes: true}
	if err := w.journal.End(t.Context(), r.ID, w.clock.Now(), reply.WhyGranted); err != nil {
		t.Fatal(err)
	}
	if a := w.want(w.deliver(protection, body, githubSign(githubSecretText, body)), 202).object(t); a["answered"] != true || len(w.rollouts()) != 1 {
		t.Errorf("got %v and %d rollouts", a, len(w.rollouts()))
	}
	entries, err := w.journal.AuditLog(t.Context(), auditOf(r.ID))
	if err != nil || len(entries) == 0 || entries[0].Who != "github" {
		t.Errorf("got %+v, %v, want the trail to say that GitHub asked", entries, err)
	}
}

func TestGatesOfOneRunAreOneRollout(t *testing.T) {
	desk, with := withGitHub()
	w := newWorld(t, with)
	for i, environment := range []string{"PROD-half", "prod"} {
		body := githubBodyOf(func(m map[string]any) {
			m["environment"], m["deployment"].(map[string]any)["id"] = environment, 100+i
			m["repository"].(map[string]any)["full_name"] = "Shop/Checkout"
			m["deployment_callback_url"] = "https://api.github.com/repos/Shop/Checkout/actions/runs/7/deployment_protection_rule"
		})
		w.want(w.deliver(protection, body, githubSign(githubSecretText, body)), 202)
	}
	half, full := desk.asked["github/shop/checkout/runs/7/deployments/100"], desk.asked["github/shop/checkout/runs/7/deployments/101"]
	if half.Rollout != full.Rollout || half.Gate != reply.GateStep || full.Gate != reply.GatePromotion || !half.Fallback || full.Fallback {
		t.Errorf("got %+v and %+v, want one rollout and two gates", half, full)
	}
}

func TestARunThatWasRejectedIsNotJudgedAnew(t *testing.T) {
	desk, with := withGitHub()
	w := newWorld(t, with)
	ask := func(run string, deployment int) reply.Question {
		body := githubBodyOf(func(m map[string]any) {
			m["deployment"].(map[string]any)["id"] = deployment
			m["deployment_callback_url"] = "https://api.github.com/repos/shop/checkout/actions/runs/" + run + "/deployment_protection_rule"
		})
		w.want(w.deliver(protection, body, githubSign(githubSecretText, body)), 202)
		return desk.asked[fmt.Sprintf("github/shop/checkout/runs/%s/deployments/%d", run, deployment)]
	}
	first := ask("7", 1)
	w.judge.say(func(v *judge.Verdict) { v.Outcome, v.RollBack.Yes = judge.Rollback, true })
	if _, err := w.judge.Decide(t.Context(), w.only().Rollout, w.clock.Now()); err != nil {
		t.Fatal(err)
	}
	if again := ask("7", 2); again.Rollout != first.Rollout {
		t.Errorf("got rollout %s for the same run, want %s", again.Rollout, first.Rollout)
	}
	w.clock.add(time.Second)
	if other := ask("8", 3); other.Rollout == first.Rollout {
		t.Errorf("got rollout %s for another run, want another attempt", other.Rollout)
	}
}

func TestARunWhoseRevisionWasSupersededAsksAgain(t *testing.T) {
	desk, with := withGitHub()
	w := newWorld(t, with)
	ask := func(sha, run string, deployment int) reply.Question {
		w.clock.add(time.Second)
		body := githubBodyOf(func(m map[string]any) {
			m["deployment"].(map[string]any)["id"], m["deployment"].(map[string]any)["sha"] = deployment, strings.Repeat(sha, 20)
			m["deployment_callback_url"] = "https://api.github.com/repos/shop/checkout/actions/runs/" + run + "/deployment_protection_rule"
		})
		w.want(w.deliver(protection, body, githubSign(githubSecretText, body)), 202)
		return desk.asked[fmt.Sprintf("github/shop/checkout/runs/%s/deployments/%d", run, deployment)]
	}
	old, newer := ask("ab", "7", 1), ask("cd", "8", 2)
	if again := ask("ab", "7", 3); again.Rollout != old.Rollout {
		t.Errorf("got rollout %s, want it told of %s, which is over", again.Rollout, old.Rollout)
	}
	if got := w.rollouts()[0]; got.Rollout.ID != newer.Rollout || !live(got) {
		t.Errorf("got %+v, want the newer one left alone", got)
	}
}

func TestEventsThatAreNotSigned(t *testing.T) {
	body := githubBodyOf(nil)
	good := githubSign(githubSecretText, body)
	for name, signature := range map[string]string{
		"none": "", "empty": "sha256=", "short": good[:len(good)-2], "long": good + "00", "another scheme": "sha1=" + good[7:], "not hexadecimal": "sha256=" + strings.Repeat("z", 64),
		"another secret": githubSign("another-secret", body), "another body": githubSign(githubSecretText, body+" "), "an empty secret": githubSign("", body), "zeros": "sha256=" + strings.Repeat("0", 64),
	} {
		desk, with := withGitHub(githubSecretText, "")
		w := newWorld(t, with)
		if a := w.deliver(protection, body, signature); a.code != 401 || len(desk.asked) != 0 || len(w.rollouts()) != 0 {
			t.Errorf("%s: got %d %s, want 401 and nothing done", name, a.code, a.body)
		}
		// A ping that is not signed is not answered either.
		if a := w.deliver("ping", body, signature); a.code != 401 {
			t.Errorf("%s: ping: got %d, want 401", name, a.code)
		}
		if strings.Contains(w.logs.String(), githubSecretText) {
			t.Error("the secret is in the log")
		}
	}
	// Neither does a token of ours stand in for the signature.
	_, with := withGitHub()
	w := newWorld(t, with, func(c *Config) { c.Tokens = []Token{FullToken("people", "people-token")} })
	r := httptest.NewRequest(http.MethodPost, "/github/events", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer people-token")
	r.Header.Set("X-GitHub-Event", protection)
	w.want(w.send(r), 401)
}

func TestStrangersThatKeepSigningWronglyWait(t *testing.T) {
	_, with := withGitHub()
	w := newWorld(t, with, func(c *Config) { c.Limits = Limits{Strangers: 1, StrangersBurst: 2} })
	body := githubBodyOf(nil)
	for _, want := range []int{401, 401, 429} {
		w.want(w.deliver(protection, body, githubSign("guess", body)), want)
	}
	// GitHub itself, from the same address, is not kept out by that.
	w.want(w.deliver(protection, body, githubSign(githubSecretText, body)), 202)
}

func TestASecretIsExchanged(t *testing.T) {
	_, with := withGitHub("the-new-secret-of-the-app", githubSecretText)
	w := newWorld(t, with)
	body := githubBodyOf(nil)
	for _, secret := range []string{githubSecretText, "the-new-secret-of-the-app"} {
		w.want(w.deliver(protection, body, githubSign(secret, body)), 202)
	}
	unreadable := newWorld(t, with, func(c *Config) {
		c.GitHub.Secrets = func() ([][]byte, error) { return nil, errBroken }
	})
	if a := unreadable.deliver(protection, body, githubSign(githubSecretText, body)); a.code != 503 || strings.Contains(a.body, "hunter2") {
		t.Errorf("got %d %s, want 503", a.code, a.body)
	}
}

func TestEventsThatMeanNothing(t *testing.T) {
	for event, body := range map[string]string{
		"ping": `{"zen":"Design for failure.","hook_id":1}`, "push": `{"ref":"refs/heads/main"}`, "": "{}", "installation": `{"action":"created"}`,
		protection: githubBodyOf(func(m map[string]any) { m["action"] = "completed" }),
	} {
		desk, with := withGitHub()
		w := newWorld(t, with)
		w.want(w.deliver(event, body, githubSign(githubSecretText, body)), 200)
		if len(desk.asked) != 0 || len(w.rollouts()) != 0 {
			t.Errorf("%s: got something done, want nothing", event)
		}
	}
}

func TestEventsThatAreRefused(t *testing.T) {
	inside := func(object, field string, value any) func(map[string]any) {
		return func(m map[string]any) { m[object].(map[string]any)[field] = value }
	}
	outside := func(field string, value any) func(map[string]any) {
		return func(m map[string]any) { m[field] = value }
	}
	for name, tt := range map[string]struct {
		change func(map[string]any)
		code   int
		say    string
	}{
		"a foreign host":         {outside("deployment_callback_url", "https://evil.example/repos/shop/checkout/actions/runs/7/deployment_protection_rule"), 400, "another host"},
		"an environment unknown": {outside("environment", "staging"), 422, "github.rules"},
		"a repository unknown":   {inside("repository", "full_name", "shop/other"), 422, "shop/other"},
		"no plan": {func(m map[string]any) {
			inside("repository", "full_name", "shop/unknown")(m)
			m["deployment_callback_url"] = "https://api.github.com/repos/shop/unknown/actions/runs/7/deployment_protection_rule"
		}, 404, "plan"},
		"no environment":  {outside("environment", ""), 400, "environment"},
		"no sha":          {inside("deployment", "sha", "main"), 400, "sha"},
		"no deployment":   {inside("deployment", "id", 0), 400, "deployment"},
		"no installation": {outside("installation", map[string]any{}), 400, "installation"},
		"a wrong type":    {outside("deployment", "x"), 400, "deployment"},
	} {
		t.Run(name, func(t *testing.T) {
			desk, with := withGitHub()
			w := newWorld(t, with)
			body := githubBodyOf(tt.change)
			a := w.want(w.deliver(protection, body, githubSign(githubSecretText, body)), tt.code)
			if !strings.Contains(a.body, tt.say) || len(desk.asked) != 0 || len(w.rollouts()) != 0 {
				t.Errorf("got %s and %d questions, want %q and none", a.body, len(desk.asked), tt.say)
			}
		})
	}
}

func TestLargeEvents(t *testing.T) {
	_, with := withGitHub()
	w := newWorld(t, with)
	for size, want := range map[int]int{252 << 10: 202, 256<<10 + 1: 413} {
		body := githubBodyOf(func(m map[string]any) { m["padding"] = "" })
		body = strings.Replace(body, `"padding":""`, `"padding":"`+strings.Repeat("a", size-len(body))+`"`, 1)
		w.want(w.deliver(protection, body, githubSign(githubSecretText, body)), want)
	}
}

func TestGitHubThatIsNotConfigured(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Tokens = []Token{FullToken("people", "people-token")} })
	body := githubBodyOf(nil)
	w.want(w.deliver(protection, body, githubSign(githubSecretText, body)), 401)
	w.want(w.as("people-token", "POST", "/github/events", body), 404)
}

// FuzzGitHubEvent holds that an event that is taken has all that an answer needs.
func FuzzGitHubEvent(f *testing.F) {
	f.Add(githubBodyOf(nil))
	f.Add(`{"action":"requested"}`)
	f.Add(`{"action":{}}`)
	f.Fuzz(func(t *testing.T, body string) {
		var e githubEvent
		if e.read([]byte(body)) != nil || e.Action != "requested" {
			return
		}
		if e.Environment == "" || e.Repository.FullName == "" || e.Deployment.ID <= 0 || !commitSHA.MatchString(e.Deployment.SHA) || e.Installation.ID <= 0 {
			t.Errorf("got %+v of %q", e, body)
		}
	})
}

func auditOf(rollout string) journal.AuditFilter {
	return journal.AuditFilter{Rollout: rollout, Limit: 10}
}
