package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

func pairs(env map[string]string) []string {
	var out []string
	for name, value := range env {
		out = append(out, name+"="+value)
	}
	return out
}

func noFile(name string) ([]byte, error) { return nil, errors.New("open " + name + ": no such file") }

func TestSettings(t *testing.T) {
	for _, caller := range []string{callerCodeDeploy, callerECS} {
		s, err := readSettings(pairs(environmentOf(caller, "https://serin.example.org/", "")), noFile)
		if err != nil {
			t.Fatal(err)
		}
		if s.url != "https://serin.example.org" || s.token != secret || s.fallback != failed || s.tries != 3 || s.ecsTries != 10 ||
			s.ecsDelay != 30*time.Second || s.timeout != time.Second || s.region != "eu-central-1" {
			t.Errorf("%s: got %+v, want what was set and the defaults", caller, s)
		}
	}
}

func TestATokenFromAFile(t *testing.T) {
	env := environmentOf(callerECS, "https://serin.example.org", "")
	delete(env, "SERIN_TOKEN")
	env["SERIN_TOKEN_FILE"] = "/opt/token"
	s, err := readSettings(pairs(env), func(name string) ([]byte, error) { return []byte(name + "-is-read\n"), nil })
	if err != nil || s.token != "/opt/token-is-read" {
		t.Errorf("got %q, %v, want what the file holds, without its end of line", s.token, err)
	}
}

// TestEveryFaultIsSaidAtOnce, and none says a secret.
func TestEveryFaultIsSaidAtOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		caller string
		set    map[string]string // "-" removes
		want   []string
	}{
		"nothing": {"", map[string]string{"SERIN_URL": "-", "SERIN_TOKEN": "-", "AWS_REGION": "-"},
			[]string{`SERIN_CALLER: "" is none of codedeploy, ecs`, "SERIN_URL: is missing", "SERIN_TOKEN: is missing", "AWS_REGION: is missing"}},
		"codedeploy": {callerCodeDeploy, map[string]string{
			"SERIN_HOOK": "AfterInstall", "SERIN_APPLICATION": "-", "SERIN_DEPLOYMENT_GROUP": "-", "SERIN_FALLBACK": "succeeded", "SERIN_ECS_TRIES": "3"},
			[]string{`SERIN_HOOK: "AfterInstall" is no hook of platform lambda`, "SERIN_APPLICATION: is missing", "SERIN_DEPLOYMENT_GROUP: is missing",
				`SERIN_FALLBACK: "succeeded" is none of Succeeded, Failed`, "SERIN_ECS_TRIES: means nothing with SERIN_CALLER=codedeploy"}},
		"platform": {callerCodeDeploy, map[string]string{"SERIN_PLATFORM": "server"}, []string{`SERIN_PLATFORM: "server" is none of lambda, ecs`}},
		"ecs": {callerECS, map[string]string{"SERIN_ECS_TRIES": "0", "SERIN_ECS_DELAY": "soon", "SERIN_TIMEOUT": "2", "SERIN_TRIES": "11", "SERIN_PLAN": "x", "SERIN_TOKN": "x"},
			[]string{"SERIN_ECS_TRIES:", "SERIN_ECS_DELAY:", "SERIN_TIMEOUT:", "SERIN_TRIES:", "SERIN_PLAN: means nothing", "SERIN_TOKN: is unknown"}},
		"addresses":    {callerECS, map[string]string{"SERIN_URL": "serin.example.org"}, []string{"SERIN_URL: is not an http or https URL"}},
		"credentials":  {callerECS, map[string]string{"SERIN_URL": "https://u:" + secret + "@serin"}, []string{"SERIN_URL: must have no user"}},
		"two tokens":   {callerECS, map[string]string{"SERIN_TOKEN_FILE": "/t"}, []string{"SERIN_TOKEN: and SERIN_TOKEN_FILE are both set"}},
		"no file":      {callerECS, map[string]string{"SERIN_TOKEN": "-", "SERIN_TOKEN_FILE": "/t"}, []string{"SERIN_TOKEN_FILE: cannot be read: open /t"}},
		"broken token": {callerECS, map[string]string{"SERIN_TOKEN": secret + "\nX-Evil: 1"}, []string{"SERIN_TOKEN: has a character"}},
	} {
		t.Run(name, func(t *testing.T) {
			env := environmentOf(callerCodeDeploy, "https://serin.example.org", "")
			if tt.caller != callerCodeDeploy {
				env = environmentOf(callerECS, "https://serin.example.org", "")
				env["SERIN_CALLER"] = tt.caller
			}
			for k, v := range tt.set {
				if env[k] = v; v == "-" {
					delete(env, k)
				}
			}
			_, err := readSettings(pairs(env), noFile)
			if err == nil {
				t.Fatal("got no fault")
			}
			if got := lines(err); len(got) != len(tt.want) {
				t.Errorf("got %d faults, want %d:\n%s", len(got), len(tt.want), err)
			}
			for _, w := range tt.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("got no fault %q in\n%s", w, err)
				}
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("a fault shows a secret:\n%s", err)
			}
		})
	}
}

// nobody reports nowhere and remembers what it was told.
type nobody struct{ told []string }

func (n *nobody) report(_ context.Context, _ deployEvent, status string) error {
	n.told = append(n.told, status)
	return nil
}

// FuzzEvents ensures that without Serin no event whatsoever is let through, but that
// of a rollback.
func FuzzEvents(f *testing.F) {
	for _, e := range []string{
		deployed, `{}`, `[]`, `{"executionId":1}`, shift("PRODUCTION_TRAFFIC_SHIFT", 10, 90, `{"serinTries":9}`), shift("TEST_TRAFFIC_SHIFT", 0, 100, `null`),
		`{"DeploymentId":"d","LifecycleEventHookExecutionId":"e","lifecycleStage":"x"}`, shift("", 0, 1, `{"serinTries":1e99}`),
	} {
		f.Add([]byte(e))
	}
	for _, caller := range []string{callerCodeDeploy, callerECS} {
		if _, err := readSettings(pairs(environmentOf(caller, "http://127.0.0.1:1", "")), noFile); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, event []byte) {
		if !json.Valid(event) {
			return // the runtime hands out none
		}
		for _, caller := range []string{callerCodeDeploy, callerECS} {
			s, err := readSettings(pairs(environmentOf(caller, "http://127.0.0.1:1", "")), noFile)
			if err != nil {
				t.Fatal(err)
			}
			r := &nobody{}
			fw := newForwarder(s, r, slog.New(slog.DiscardHandler))
			fw.serin.pause = func(context.Context, time.Duration) error { return nil }
			answer, err := fw.handle(t.Context(), event)
			var e shape
			_ = json.Unmarshal(event, &e)
			if a, ok := answer.(hookAnswer); ok && err == nil && a.HookStatus == hookSucceeded && !goesBack(e) {
				t.Errorf("%s: got SUCCEEDED without Serin", event)
			}
			for _, status := range r.told {
				if status != failed {
					t.Errorf("%s: got %s reported without Serin", event, status)
				}
			}
		}
	})
}

// BenchmarkStart is the time from the start of the process until it asks Lambda for
// its first event.
func BenchmarkStart(b *testing.B) {
	env := pairs(environmentOf(callerCodeDeploy, "https://serin.example.org", ""))
	for b.Loop() {
		api := newRuntimeAPI(b)
		cmd := exec.Command(bootstrap)
		cmd.Env = append(slices.Clone(env), "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(api.URL, "http://"))
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		<-api.ready
		b.StopTimer()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		api.Close()
		b.StartTimer()
	}
}
