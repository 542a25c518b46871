package webhooks

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge/plan"
)

// as sends a request with a bearer token.
func (w *world) as(token, method, path, body string) answer {
	w.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	return w.send(r)
}

// scoped is a token of namespace shop that may do everything there.
func scoped(change ...func(*Token)) Token {
	tk := FullToken("shop", "shop-token")
	tk.Namespaces = []string{"shop"}
	for _, f := range change {
		f(&tk)
	}
	return tk
}

func scopedWorld(t *testing.T, change ...func(*Token)) *world {
	t.Helper()
	return newWorld(t, func(c *Config) {
		c.Tokens = []Token{FullToken("all", "full-token"), scoped(change...)}
		plans := testPlans(t)
		plans["theirs"] = plan.Plan{Name: "theirs", Service: "pay", Namespace: "bank", Mode: plan.Enforce}
		c.Plans = plans
	})
}

// in is announced1 in another namespace.
func in(namespace string) string {
	var m map[string]any
	if err := json.Unmarshal([]byte(announced1), &m); err != nil {
		panic(err)
	}
	m["namespace"] = namespace
	m["canary"].(map[string]any)["namespace"] = namespace
	m["baseline"].(map[string]any)["namespace"] = namespace
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func flaggerIn(namespace, more string) string {
	return `{"name":"checkout","namespace":"` + namespace + `","checksum":"1","phase":"Progressing","metadata":{"token":"shop-token"` + more + `}}`
}

func TestTokensStayInTheirNamespaces(t *testing.T) {
	w := scopedWorld(t)
	theirs := w.want(w.as("full-token", "POST", "/v1/rollouts", in("bank")), 201).header.Get("Location")
	ours := w.want(w.as("shop-token", "POST", "/v1/rollouts", in("shop")), 201).header.Get("Location")

	// What the caller names is refused by name.
	for path, body := range map[string]string{
		"/v1/rollouts": in("bank"), "/v1/judge": in("bank"), "/argo/analysis": argoArgs(map[string]any{"namespace": "bank"}),
		"/flagger/rollout": flaggerIn("bank", ""), "/flagger/post-rollout": flaggerIn("bank", ""),
	} {
		if a := w.want(w.as("shop-token", "POST", path, body), 403); !strings.Contains(a.body, "not meant for namespace") {
			t.Errorf("%s: got %s, want why", path, a.body)
		}
	}
	w.want(w.as("shop-token", "GET", "/v1/rollouts?namespace=bank", ""), 403)
	w.want(w.as("shop-token", "POST", "/v1/rollouts", in("")), 403)
	// And so it is in a hook whose token is in the body.
	w.want(w.do("POST", "/flagger/rollout", flaggerIn("bank", "")), 403)
	w.want(w.do("POST", "/flagger/rollout", flaggerIn("shop", "")), 200)

	// An ID says no more than one that does not exist.
	none := "/v1/rollouts/aaaaaaaaaaaaaaaa"
	for _, c := range []struct{ method, more, body string }{
		{"GET", "", ""}, {"GET", "/verdicts", ""}, {"GET", "/trace", ""}, {"DELETE", "", ""}, {"POST", "/judge", ""}, {"POST", "/weights", `{"percent": 5}`},
	} {
		got, want := w.as("shop-token", c.method, theirs+c.more, c.body), w.as("shop-token", c.method, none+c.more, c.body)
		if got.code != 404 || got.body != want.body {
			t.Errorf("%s %s: got %d %s, want what a missing one gets: %s", c.method, c.more, got.code, got.body, want.body)
		}
		if a := w.as("shop-token", c.method, ours+c.more, c.body); a.code >= 400 && c.method != "POST" {
			t.Errorf("%s of its own: got %d %s", c.method, a.code, a.body)
		}
	}
	// Lists have only what it may see, and what shows everything is closed.
	body := w.want(w.as("shop-token", "GET", "/v1/rollouts", ""), 200).body
	if strings.Contains(body, "bank") || !strings.Contains(body, "shop") {
		t.Errorf("got %s, want its own rollouts only", body)
	}
	if body := w.want(w.as("shop-token", "GET", "/v1/plans", ""), 200).body; strings.Contains(body, "theirs") || !strings.Contains(body, `"shop"`) {
		t.Errorf("got %s, want no plan of another namespace", body)
	}
	w.want(w.as("shop-token", "GET", "/metrics", ""), 403)
	w.want(w.as("full-token", "GET", "/metrics", ""), 200)
}

func TestScopedTokensReachNoOtherNumbers(t *testing.T) {
	w := scopedWorld(t)
	arm := func(text string) string { return strings.Replace(in("shop"), `"canary":{`, `"canary":{`+text+`,`, 1) }
	for name, body := range map[string]string{
		"arm":   strings.Replace(in("shop"), `"canary":{"namespace":"shop"`, `"canary":{"namespace":"bank"`, 1),
		"label": arm(`"labels":{"kubernetes_namespace":"bank"}`),
	} {
		if body == in("shop") {
			t.Fatalf("%s: the body did not change: %s", name, body)
		}
		w.want(w.as("shop-token", "POST", "/v1/rollouts", body), 403)
	}
	w.want(w.as("shop-token", "POST", "/argo/analysis", argoArgs(map[string]any{"namespace": "shop", "canary": map[string]any{"namespace": "bank"}})), 403)
	// A plan of another namespace is like one that does not exist.
	named := func(plan string) answer {
		return w.as("shop-token", "POST", "/v1/rollouts", strings.Replace(in("shop"), `{`, `{"plan":"`+plan+`",`, 1))
	}
	if got, want := named("theirs"), named("nothing"); got.code != 404 || got.body != want.body || strings.Contains(got.body, "strict") {
		t.Errorf("got %d %s and %s, want one refusal that lists nothing", got.code, got.body, want.body)
	}
	a, b := w.do("POST", "/flagger/rollout", flaggerIn("shop", `,"plan":"theirs"`)), w.do("POST", "/flagger/rollout", flaggerIn("shop", `,"plan":"nothing"`))
	if a.code != 404 || a.body != b.body {
		t.Errorf("got %d %q and %q, want one refusal", a.code, a.body, b.body)
	}
}

func TestRights(t *testing.T) {
	every := map[Right][]string{
		RightRead:     {"GET /v1/plans", "GET /v1/rollouts", "GET ROLLOUT", "GET ROLLOUT/verdicts", "GET ROLLOUT/trace"},
		RightAnnounce: {"POST /v1/rollouts", "POST ROLLOUT/weights", "DELETE ROLLOUT"},
		RightJudge:    {"POST ROLLOUT/judge"},
		"both":        {"POST /v1/judge", "POST /flagger/rollout", "POST /flagger/event", "POST /argo/analysis"},
	}
	for _, has := range Rights() {
		w := scopedWorld(t, func(tk *Token) { tk.Allow = []Right{has} })
		id := w.want(w.as("full-token", "POST", "/v1/rollouts", in("shop")), 201).header.Get("Location")
		for needs, routes := range every {
			for _, route := range routes {
				method, path, _ := strings.Cut(strings.Replace(route, "ROLLOUT", id, 1), " ")
				body := "{}"
				if path == "/v1/rollouts" || path == pathJudge {
					body = in("shop")
				}
				if a := w.as("shop-token", method, path, body); (a.code == 403) == (needs == has) && path != "/argo/analysis" && !strings.HasPrefix(path, "/flagger") {
					t.Errorf("%s with the right %s: got %d %s", route, has, a.code, a.body)
				}
			}
		}
		w.want(w.as("shop-token", "POST", "/flagger/rollout", flaggerIn("shop", "")), 403)
		w.want(w.as("shop-token", "POST", "/argo/analysis", argoArgs(nil)), 403)
	}
}

func TestCallersSpeakTheirOwnDialect(t *testing.T) {
	for caller, codes := range map[string][3]int{
		controllerFlagger: {200, 403, 403}, controllerArgo: {403, 200, 403}, controllerAPI: {403, 403, 201}, anything: {200, 200, 201},
	} {
		w := scopedWorld(t, func(tk *Token) { tk.Callers = []string{caller} })
		w.want(w.as("shop-token", "POST", "/flagger/rollout", flaggerIn("shop", "")), codes[0])
		w.want(w.as("shop-token", "POST", "/argo/analysis", argoArgs(map[string]any{"namespace": "shop"})), codes[1])
		w.want(w.as("shop-token", "POST", "/v1/rollouts", in("shop")), codes[2])
		if caller == controllerAPI {
			// It may not pass its rollouts off as Flagger's.
			w.want(w.as("shop-token", "POST", "/v1/rollouts", strings.Replace(in("shop"), `{`, `{"controller":"flagger",`, 1)), 403)
			w.want(w.as("shop-token", "POST", "/v1/rollouts", strings.Replace(in("shop"), `{`, `{"controller":"pipeline",`, 1)), 201)
		}
	}
}

func TestListsOfPatternsAreCut(t *testing.T) {
	w := scopedWorld(t, func(tk *Token) { tk.Namespaces = []string{"team-*"} })
	for _, n := range []string{"team-a", "bank", "team-b"} {
		w.want(w.as("full-token", "POST", "/v1/rollouts", in(n)), 201)
	}
	body := w.want(w.as("shop-token", "GET", "/v1/rollouts?limit=1", ""), 200).body
	if strings.Count(body, `"id"`) != 1 || strings.Contains(body, "bank") {
		t.Errorf("got %s, want one of its own", body)
	}
}
