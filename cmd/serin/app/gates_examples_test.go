package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// example reads a file of examples/.
func example(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "examples", path))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// variables are what a run of a pipeline puts in the place of $(…).
func variables(text string) string {
	return strings.NewReplacer(
		"$(system.CollectionUri)", "https://dev.azure.com/contoso/", "$(system.TeamProjectId)", "a1a1a1a1-0000-4000-8000-000000000001",
		"$(system.HostType)", "build", "$(system.PlanId)", "b2b2b2b2-0000-4000-8000-000000000002", "$(system.JobId)", "c3c3c3c3-0000-4000-8000-000000000003",
		"$(system.TimelineId)", "d4d4d4d4-0000-4000-8000-000000000004", "$(system.TaskInstanceId)", "e5e5e5e5-0000-4000-8000-000000000005",
		"$(system.AccessToken)", runToken, "$(Build.SourceVersion)", strings.Repeat("ab", 20), "$(Build.BuildId)", "1207", "$(System.StageAttempt)", "1",
	).Replace(text)
}

// invoke is what the task and the check have in common.
type invoke struct {
	Method   string `json:"method" yaml:"method"`
	Suffix   string `json:"urlSuffix" yaml:"urlSuffix"`
	Callback string `json:"waitForCompletion" yaml:"waitForCompletion"`
	Headers  string `json:"headers" yaml:"headers"`
	Body     string `json:"body" yaml:"body"`
}

// send sends it as Azure does, and returns the answer.
func (i invoke) send(t *testing.T, server string) map[string]any {
	t.Helper()
	const most = 2000 // characters of either field
	if i.Method != http.MethodPost || i.Callback != "true" || len(i.Headers) > most || len(i.Body) > most {
		t.Fatalf("got %+v, want POST and callback, within the fields' bounds", i)
	}
	var headers map[string]string
	if err := json.Unmarshal([]byte(variables(i.Headers)), &headers); err != nil {
		t.Fatal(err)
	}
	code, body := post(t, server+i.Suffix, variables(i.Body), headers)
	var answer map[string]any
	if err := json.Unmarshal([]byte(body), &answer); err != nil || code != http.StatusOK || strings.Contains(body, "$(") {
		t.Fatalf("got %d %s, want it taken", code, body)
	}
	return answer
}

// serving starts a server with the plan of an example.
func serving(t *testing.T, c Config, plan string) string {
	t.Helper()
	c.Listen, c.BaseURL, c.WebConfig, c.TokenFiles = "127.0.0.1:0", "https://serin.example.org", "", nil
	c.Plans, c.Journal = t.TempDir(), filepath.Join(t.TempDir(), "serin.db")
	if err := os.WriteFile(filepath.Join(c.Plans, "plan.yaml"), example(t, plan), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), Options{Config: c})
	if err != nil {
		t.Fatal(err)
	}
	a.Start()
	t.Cleanup(func() {
		if err := a.Stop(); err != nil {
			t.Error(err)
		}
	})
	return a.URL()
}

func TestTheExampleOfAzure(t *testing.T) {
	sources, err := Parse("sources.yaml", []byte(`sources: [{ name: prometheus, prometheus: { url: "http://127.0.0.1:9" } }]`))
	if err != nil {
		t.Fatal(err)
	}
	sources.Azure = Azure{Hosts: []string{"dev.azure.com"}, Keys: []AzureKey{{ID: "a", File: newGateFiles(t).seal}}}
	server := serving(t, sources, "azure-devops/plan.yaml")

	var pipeline struct {
		Stages []struct {
			Jobs []struct {
				Pool  any `yaml:"pool"`
				Steps []struct {
					Task   string `yaml:"task"`
					Inputs invoke `yaml:"inputs"`
				} `yaml:"steps"`
			} `yaml:"jobs"`
		} `yaml:"stages"`
	}
	if err := yaml.Unmarshal(example(t, "azure-devops/azure-pipelines.yml"), &pipeline); err != nil {
		t.Fatal(err)
	}
	var step, check map[string]any
	for _, stage := range pipeline.Stages {
		for _, job := range stage.Jobs {
			for _, s := range job.Steps {
				if s.Task == "InvokeRESTAPI@1" && job.Pool == "server" {
					step = s.Inputs.send(t, server)
				}
			}
		}
	}
	if step["gate"] != "step" || step["report"] != "https://serin.example.org/v1/rollouts/"+fmt.Sprint(step["rollout"]) {
		t.Errorf("the task: got %v, want a question at the gate step", step)
	}
	var configuration struct {
		Settings struct {
			Inputs        invoke `json:"inputs"`
			RetryInterval *int   `json:"retryInterval"`
		} `json:"settings"`
		Timeout int `json:"timeout"` // minutes
	}
	if err := json.Unmarshal(example(t, "azure-devops/check.json"), &configuration); err != nil {
		t.Fatal(err)
	}
	inputs := configuration.Settings.Inputs
	inputs.Headers = strings.Replace(inputs.Headers, "$(system.TaskInstanceId)", "e5e5e5e5-0000-4000-8000-000000000006", 1)
	check = inputs.send(t, server)
	if check["gate"] != "promotion" || check["rollout"] != step["rollout"] {
		t.Errorf("the check: got %v, want a question at the gate promotion of the same rollout as %v", check, step)
	}
	if r := configuration.Settings.RetryInterval; r == nil || *r != 0 {
		t.Error("a check in callback mode must not be asked again, and this one has no interval of 0")
	}
	var body struct {
		Within string `json:"within"`
	}
	if err := json.Unmarshal([]byte(inputs.Body), &body); err != nil || body.Within != "11h" || configuration.Timeout != 12*60 {
		t.Errorf("got within %s and a timeout of %d min, want the answer before the timeout", body.Within, configuration.Timeout)
	}
}

func TestTheExampleOfGitHub(t *testing.T) {
	c, err := Parse("examples/github/serin.yaml", example(t, "github/serin.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	files := newGateFiles(t)
	c.GitHub.KeyFile, c.GitHub.SecretFiles = files.key, []string{files.secret}
	server := serving(t, c, "github/plan.yaml")

	var workflow struct {
		Jobs map[string]struct {
			Environment string `yaml:"environment"`
		} `yaml:"jobs"`
	}
	if err := yaml.Unmarshal(example(t, "github/workflow.yml"), &workflow); err != nil {
		t.Fatal(err)
	}
	var gated, ruled []string
	for _, job := range workflow.Jobs {
		if job.Environment != "prod-canary" {
			gated = append(gated, job.Environment)
		}
	}
	rollouts := map[any]bool{}
	for i, r := range c.GitHub.Rules {
		ruled = append(ruled, r.Environment)
		event := githubEvent("https://api.github.com", r.Repository, r.Environment, 100+i)
		code, body := post(t, server+"/github/events", event, signedEvent(event))
		var answer map[string]any
		if err := json.Unmarshal([]byte(body), &answer); err != nil || code != http.StatusAccepted || answer["gate"] != r.Gate {
			t.Errorf("%s: got %d %s, want it taken", r.Environment, code, body)
		}
		rollouts[answer["rollout"]] = true
	}
	slices.Sort(gated)
	slices.Sort(ruled)
	if !slices.Equal(gated, ruled) || len(rollouts) != 1 {
		t.Errorf("got jobs at %v, rules for %v, %d rollouts; want the same, and one", gated, ruled, len(rollouts))
	}

	var manifest struct {
		Hook struct {
			URL string `json:"url"`
		} `json:"hook_attributes"`
		Permissions map[string]string `json:"default_permissions"`
		Events      []string          `json:"default_events"`
	}
	if err := json.Unmarshal(example(t, "github/app-manifest.json"), &manifest); err != nil {
		t.Fatal(err)
	}
	if u, err := url.Parse(manifest.Hook.URL); err != nil || u.Path != "/github/events" || !slices.Equal(manifest.Events, []string{"deployment_protection_rule"}) ||
		fmt.Sprint(manifest.Permissions) != "map[actions:read deployments:write]" {
		t.Errorf("got %+v", manifest)
	}
}
