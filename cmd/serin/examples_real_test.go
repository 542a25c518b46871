package main

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// stage is a real server, and a machine on which the pipelines of the examples run with
// the real command; the clouds' own commands are stubs that note what they are told.
type stage struct {
	*askWorld
	bin string
	log string
	env []string
}

// cloudStub notes its name and arguments, and names the two revisions where it is asked.
const cloudStub = `#!/bin/bash
echo "${0##*/} $*" >>"$STAGE_LOG"
case $* in
*status.traffic\[0\]*) echo stable ;;
*latestCreatedRevisionName*) echo canary ;;
*extract*) echo http://127.0.0.1:9 ;;
esac
`

func newStage(t *testing.T, more string) *stage {
	t.Helper()
	s := &stage{askWorld: newWorldOf(t, quickPlan, time.Second), bin: t.TempDir()}
	s.start(more)
	s.log = filepath.Join(s.dir, "calls")
	for _, name := range []string{"gcloud", "az", "curl", "systemctl", "go", "deploy.sh", "shift.sh", "promote.sh"} {
		if err := os.WriteFile(filepath.Join(s.bin, name), []byte(cloudStub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	environment := s.write("environment", "SERIN_URL=http://"+s.addr+"\nSERIN_TOKEN_FILE="+filepath.Join(s.dir, "token")+"\n")
	s.env = slices.Concat(os.Environ(), s.environment(), []string{
		"PATH=" + s.bin + ":" + os.Getenv("PATH"), "STAGE_LOG=" + s.log, "SERIN_ENVIRONMENT=" + environment,
		"REGION=europe-west1", "IMAGE=checkout:2", "GROUP=shop", "CI_PIPELINE_ID=7", "CODEBUILD_BUILD_ID=checkout:7",
		"GITHUB_STEP_SUMMARY=" + filepath.Join(s.dir, "summary"), "LOOK_FOR=40s",
	})
	return s
}

// beside is the stage for one test among others: in a namespace of its own, so that its
// rollouts close no others', and with notes of its own.
func (s *stage) beside(t *testing.T) *stage {
	t.Helper()
	t.Parallel()
	dir, world, own := t.TempDir(), *s.askWorld, *s
	world.t, own.askWorld, own.log = t, &world, filepath.Join(dir, "calls")
	_, name, _ := strings.Cut(t.Name(), "/")
	own.env = slices.Concat(s.env, []string{
		"SERIN_NAMESPACE=" + strings.ReplaceAll(name, "/", "-"), "STAGE_LOG=" + own.log, "GITHUB_STEP_SUMMARY=" + filepath.Join(dir, "summary"),
	})
	return &own
}

// command returns a script of a shell in the environment of the stage.
func (s *stage) command(env []string, shell string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(s.t.Context(), shell, args...)
	cmd.Dir, cmd.Env = s.bin, slices.Concat(s.env, env)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as CI systems start jobs, to end them together
	return cmd
}

// run runs a script and returns its exit code and what it said.
func (s *stage) run(env []string, shell string, args ...string) (int, string) {
	s.t.Helper()
	cmd := s.command(env, shell, args...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	if strings.Contains(string(out), askToken) {
		s.t.Errorf("the token was said:\n%s", out)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// calls returns what the clouds were told, of those that have a word, and forgets it.
func (s *stage) calls(words ...string) []string {
	s.t.Helper()
	b, _ := os.ReadFile(s.log) // not there: nobody was called
	_ = os.Remove(s.log)
	var out []string
	for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(line, w) }) {
			out = append(out, line)
		}
	}
	return out
}

// why returns why the rollout of a service and a revision was closed; empty while it is live.
func (s *stage) why(service, revision string) string {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+s.addr+"/v1/rollouts?service="+service, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+askToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	var list struct {
		Rollouts []struct {
			Rollout struct{ Revision string }
			Why     string
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		s.t.Fatal(err)
	}
	for _, r := range list.Rollouts {
		if r.Rollout.Revision == revision {
			return r.Why
		}
	}
	return "it was never announced"
}

// example returns the path of an example.
func example(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "examples", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// last returns the last of a list, or "".
func last(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1]
}

// TestScriptsShiftTrafficAsSerinSays rolls a healthy and a failing revision out by the
// scripts for Cloud Run and App Service.
func TestScriptsShiftTrafficAsSerinSays(t *testing.T) {
	needsMinutes(t)
	t.Parallel()
	s := newStage(t, "")
	for name, tt := range map[string]struct {
		script, tool      string
		promoted, undone  string
		revision, service string
	}{
		"cloud-run":   {"cloud-run/rollout.sh", "update-traffic", "--to-revisions canary=100", "--to-revisions stable=100", "canary", "SERVICE"},
		"app-service": {"app-service/rollout.sh", "az ", "az webapp traffic-routing clear", "az webapp traffic-routing clear", "abc", "APP"},
	} {
		for service, want := range map[string]int{"good": exitPromote, "bad": exitRollback} {
			t.Run(name+"/"+service, func(t *testing.T) {
				s := s.beside(t)
				code, out := s.run([]string{tt.service + "=" + service, "BUILD_SOURCEVERSION=abc"}, "bash", example(t, tt.script))
				calls := s.calls(tt.tool)
				why := s.why(service, tt.revision)
				t.Logf("exit %d; %q; %s", code, calls, why)
				end, closed := tt.promoted, "promoted"
				if service == "bad" {
					end, closed = tt.undone, "rolled back, code 3"
				}
				if code != want || !strings.Contains(last(calls), end) || !strings.Contains(why, closed) {
					t.Errorf("exit %d, the last call %q, closed because %q; want %d, %q, %q:\n%s", code, last(calls), why, want, end, closed, out)
				}
				swapped := slices.ContainsFunc(calls, func(c string) bool { return strings.Contains(c, "slot swap") })
				if name == "app-service" && swapped != (service == "good") {
					t.Errorf("the slots were swapped: %v", swapped)
				}
			})
		}
	}
}

// TestAScriptThatIsCancelledBringsTrafficBack ends the whole job, as a CI system does.
func TestAScriptThatIsCancelledBringsTrafficBack(t *testing.T) {
	needsMinutes(t)
	t.Parallel()
	s := newStage(t, "")
	said := newHeard()
	cmd := s.command([]string{"SERVICE=good"}, "bash", example(t, "cloud-run/rollout.sh"))
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said.await(t, "gate promotion") // of the last question
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	code, calls, why := cmd.ProcessState.ExitCode(), s.calls("update-traffic"), s.why("good", "canary")
	if code == 0 || !strings.Contains(last(calls), "stable=100") || !strings.Contains(why, "rolled back") {
		t.Errorf("exit %d, the last call %q, closed because %q, want all traffic back:\n%s", code, last(calls), why, said)
	}
}

// job is what a CI system runs of its file: steps, one after the other, some of them
// whatever has happened.
type job []step

type step struct {
	text string
	when string // "", failed or always
}

// play runs a job and returns the exit code of the first step that failed.
func (s *stage) play(j job, env ...string) (code int, out string) {
	s.t.Helper()
	for _, st := range j {
		if (st.when == "" && code != 0) || (st.when == "failed" && code == 0) {
			continue
		}
		succeeding := map[bool]string{true: "1", false: "0"}[code == 0]
		c, text := s.run(append(env, "CODEBUILD_BUILD_SUCCEEDING="+succeeding), "bash", "-eo", "pipefail", "-c", st.text)
		out += text
		if code == 0 {
			code = c
		}
	}
	return code, out
}

// read reads an example's YAML.
func read(t *testing.T, name string, into any) {
	t.Helper()
	b, err := os.ReadFile(example(t, name))
	if err == nil {
		err = yaml.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// jobs reads the CI systems' files as they would.
func jobs(t *testing.T) map[string]job {
	t.Helper()
	var gitHub struct {
		Jobs struct {
			Canary struct{ Steps []struct{ Run, If string } }
		}
	}
	var build struct {
		Phases struct {
			Build struct{ Commands, Finally []string }
		}
	}
	type gitlabJob struct{ Script []string }
	var gitLab struct {
		Canary, Promote, Back, Close gitlabJob
	}
	read(t, "github-actions/canary.yaml", &gitHub)
	read(t, "codebuild/buildspec.yml", &build)
	read(t, "gitlab-ci/.gitlab-ci.yml", &gitLab)
	all := map[string]job{}
	for _, st := range gitHub.Jobs.Canary.Steps {
		when := map[string]string{"": "", "failure() || cancelled()": "failed", "always()": "always"}
		w, known := when[st.If]
		if !known {
			t.Fatalf("github-actions: nobody here knows the condition %q", st.If)
		}
		if st.Run != "" {
			all["github-actions"] = append(all["github-actions"], step{strings.ReplaceAll(st.Run, "${{ job.status }}", "ended"), w})
		}
	}
	add := func(name, when string, texts []string) {
		for _, text := range texts {
			all[name] = append(all[name], step{text, when})
		}
	}
	add("codebuild", "", build.Phases.Build.Commands)
	add("codebuild", "always", build.Phases.Build.Finally)
	add("gitlab-ci", "", gitLab.Canary.Script)
	add("gitlab-ci", "", gitLab.Promote.Script)
	add("gitlab-ci", "failed", gitLab.Back.Script)
	add("gitlab-ci", "always", gitLab.Close.Script)
	return all
}

// TestJobsOfCISystems plays the files of GitHub Actions, GitLab CI and CodeBuild.
func TestJobsOfCISystems(t *testing.T) {
	needsMinutes(t)
	t.Parallel()
	s := newStage(t, "")
	for name, j := range jobs(t) {
		for service, want := range map[string]int{"good": exitPromote, "bad": exitRollback} {
			t.Run(name+"/"+service, func(t *testing.T) {
				s := s.beside(t)
				variable := map[string]string{
					"github-actions": "GITHUB_SHA", "gitlab-ci": "CI_COMMIT_SHA", "codebuild": "CODEBUILD_RESOLVED_SOURCE_VERSION",
				}[name]
				code, out := s.play(j, "SERIN_SERVICE="+service, variable+"="+name)
				calls, why := s.calls(".sh"), s.why(service, name)
				t.Logf("exit %d; %q; %s", code, calls, why)
				end := map[string]string{"good": "promote.sh", "bad": "shift.sh 0"}[service]
				if code != want || !strings.HasPrefix(last(calls), end) || !strings.HasPrefix(why, "closed by api") {
					t.Errorf("exit %d, the last call %q, closed because %q; want %d, %q and that it is closed:\n%s", code, last(calls), why, want, end, out)
				}
			})
		}
	}
}

// TestContainersAndAgents runs what Cloud Deploy, Keptn and CodeDeploy's agent run.
func TestContainersAndAgents(t *testing.T) {
	needsMinutes(t)
	t.Parallel()
	s := newStage(t, "")
	for service, want := range map[string]int{"good": exitPromote, "bad": exitRollback} {
		t.Run("cloud-deploy/"+service, func(t *testing.T) {
			s := s.beside(t)
			env := []string{"SERIN_SERVICE=" + service, "CLOUD_DEPLOY_RELEASE=release-1"}
			var codes []int
			for _, phase := range []string{"canary-10", "look", "canary-50", "stable"} {
				script := "cloud-deploy/verify.sh"
				if phase == "look" {
					script = "cloud-deploy/look.sh"
				}
				code, out := s.run(append(env, "CLOUD_DEPLOY_PHASE="+phase), "sh", example(t, script))
				if codes = append(codes, code); code != 0 {
					t.Log(out)
					break
				}
			}
			t.Logf("exit codes %v; %s", codes, s.why(service, "release-1"))
			if codes[len(codes)-1] != want || want == 0 && !strings.Contains(s.why(service, "release-1"), "promoted") {
				t.Errorf("got the exit codes %v, want the last one %d", codes, want)
			}
		})
		t.Run("codedeploy-ec2/"+service, func(t *testing.T) {
			s := s.beside(t)
			agent := []string{"SERIN_TOKEN=", "SERIN_URL=", "APPLICATION_NAME=" + service, "DEPLOYMENT_ID=d-" + service, "LIFECYCLE_EVENT=ValidateService"}
			for range 2 { // machines
				code, out := s.run(append(agent, "DEPLOYMENT_GROUP_NAME=checkout-canary"), "bash", example(t, "codedeploy-ec2/scripts/validate.sh"))
				if code != want || !strings.Contains(out[max(0, len(out)-2048):], "Summary\n") {
					t.Errorf("exit %d, want %d and the summary at the end:\n%s", code, want, out)
				}
			}
			if code, out := s.run(append(agent, "DEPLOYMENT_GROUP_NAME=checkout"), "bash", example(t, "codedeploy-ec2/scripts/validate.sh")); code != 0 || out != "" {
				t.Errorf("another group: exit %d, want only the smoke test:\n%s", code, out)
			}
			if why := s.why(service, "d-"+service); why != "" {
				t.Errorf("the rollout is closed (%s), want it live for other machines", why)
			}
		})
	}
}

// TestATaskOfKeptn compares with the time before, which proves no revision good.
func TestATaskOfKeptn(t *testing.T) {
	needsMinutes(t)
	t.Parallel()
	s := newStage(t, "comparison: before-after\n")
	var task struct {
		Spec struct {
			Container struct{ Command, Args []string }
		}
	}
	read(t, "keptn/task.yaml", &task)
	c := task.Spec.Container
	for service, want := range map[string]int{"good": exitPromote, "bad": exitRollback} {
		code, out := s.run([]string{"SERIN_SERVICE=" + service, `KEPTN_CONTEXT={"appName":"shop","workloadVersion":"1.2.3","taskType":"post"}`},
			c.Command[0], append(c.Command[1:], c.Args...)...)
		t.Logf("%s: exit %d; %s", service, code, s.why(service, "1.2.3"))
		if code != want || !strings.Contains(s.why(service, "1.2.3"), "task ended with") {
			t.Errorf("%s: exit %d, want %d:\n%s", service, code, want, out)
		}
	}
}
