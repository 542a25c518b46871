package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/serin-canary/serin/judge/plan"
)

// pipelines are the folders of examples that ask by the command line.
func pipelines() []string {
	return []string{"app-service", "cloud-deploy", "cloud-run", "codebuild", "codedeploy-ec2", "github-actions", "gitlab-ci", "keptn"}
}

// eachExample calls do with every file of the pipelines' examples.
func eachExample(t *testing.T, do func(t *testing.T, path string)) {
	t.Helper()
	for _, dir := range pipelines() {
		root := filepath.Join("..", "..", "examples", dir)
		if err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			t.Run(strings.TrimPrefix(filepath.ToSlash(path), "../../examples/"), func(t *testing.T) { do(t, path) })
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPlansOfPipelines loads each example's plan.
func TestPlansOfPipelines(t *testing.T) {
	for _, dir := range pipelines() {
		path := filepath.Join("..", "..", "examples", dir, "plan.yaml")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		p, err := plan.Parse(path, b)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if p.Service != "checkout" {
			t.Errorf("%s is a plan for %q, want checkout, as the example asks for it", path, p.Service)
		}
	}
}

// TestCommandsInPipelines runs every script in the examples, those in YAML too, in a shell
// in which all programs are stubs, and has the real grammar read each command line of
// serin, with each answer that there is. A pipeline goes on after a yes alone.
func TestCommandsInPipelines(t *testing.T) {
	eachExample(t, func(t *testing.T, path string) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range scriptsOf(t, path, b) {
			for _, answer := range []int{exitPromote, exitFailure, exitRollback, exitUndecided, exitInterrupted} {
				code, calls := stubbed(t, s, answer)
				for _, call := range calls {
					if err := parses(t.Context(), call); err != nil {
						t.Errorf("serin %q: %v", call, err)
					}
				}
				if len(calls) == 0 && strings.Contains(s.text, "serin ") {
					t.Errorf("no command of serin was run by\n%s", s.text)
				}
				asks := slices.ContainsFunc(calls, func(c []string) bool { return c[0] == "ask" })
				lax := strings.HasSuffix(path, "look.sh") && answer == exitUndecided
				if asks && !lax && (code == 0) != (answer == exitPromote) {
					t.Errorf("with the answer %d it ended with %d:\n%s", answer, code, s.text)
				}
			}
		}
	})
}

// TestCommandsInTheDocument has the grammar read what docs/ci.md tells people to type.
func TestCommandsInTheDocument(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "ci.md"))
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for i, block := range strings.Split(string(b), "\n```") {
		if i%2 == 0 || !strings.Contains(block, "serin ") {
			continue
		}
		_, block, _ = strings.Cut(block, "\n") // its mark
		_, calls := stubbed(t, shellText{"bash", "set -e\n" + strings.ReplaceAll(block, `"$SHA"`, "abc")}, exitPromote)
		for _, call := range calls {
			read++
			if err := parses(t.Context(), call); err != nil {
				t.Errorf("serin %q: %v", call, err)
			}
		}
	}
	if read < 5 {
		t.Errorf("%d commands were found, want at least 5", read)
	}
}

// shellText is a text for a shell.
type shellText struct{ shell, text string }

// scriptsOf returns the scripts in a file: itself, or the texts of a YAML file that
// call serin.
func scriptsOf(t *testing.T, path string, b []byte) []shellText {
	t.Helper()
	switch filepath.Ext(path) {
	case ".sh":
		shell := "bash"
		if bytes.HasPrefix(b, []byte("#!/bin/sh")) {
			shell = "sh"
		}
		return []shellText{{shell, string(b)}}
	case ".yaml", ".yml":
	default:
		t.Fatalf("what is %s?", path)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(b, &root); err != nil {
		t.Fatal(err)
	}
	var out []shellText
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "serin ") {
			// What GitHub puts in is a word.
			text := n.Value
			for strings.Contains(text, "${{") {
				before, rest, _ := strings.Cut(text, "${{")
				_, after, _ := strings.Cut(rest, "}}")
				text = before + "word" + after
			}
			out = append(out, shellText{"bash", "set -eo pipefail\n" + text})
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	walk(&root)
	return out
}

// stubs stand in for every program: serin tells its arguments and ends as it is told,
// and whatever is not there does nothing.
const stubs = `#!/bin/bash
case $1 in ask) code=$SERIN_STUB_CODE ;; *) code=0 ;; esac
for word in "$@"; do printf '%s\0' "$word"; done >>"$SERIN_STUB_LOG"
printf '\n' >>"$SERIN_STUB_LOG"
exit $code
`

// stubbed runs a script and returns its exit code and every command line of serin.
func stubbed(t *testing.T, s shellText, answer int) (code int, calls [][]string) {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	write := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("serin", stubs, 0o700)
	for _, name := range []string{"gcloud", "az", "aws", "curl", "systemctl", "go", "deploy.sh", "shift.sh", "promote.sh"} {
		write(name, "#!/bin/sh\necho stub\n", 0o700)
	}
	write("environment", "SERIN_URL=http://127.0.0.1:1\n", 0o600)
	write("script", s.text, 0o600)
	cmd := exec.CommandContext(t.Context(), s.shell, "./script")
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + dir + ":/usr/bin:/bin", "SERIN_STUB_LOG=" + log, fmt.Sprintf("SERIN_STUB_CODE=%d", answer),
		"SERVICE=checkout", "REGION=europe-west1", "IMAGE=x", "APP=checkout", "GROUP=shop", "CLOUD_DEPLOY_PHASE=canary-10",
		"DEPLOYMENT_GROUP_NAME=checkout-canary", "SERIN_ENVIRONMENT=" + filepath.Join(dir, "environment"), "GITHUB_SHA=abc", "GITHUB_STEP_SUMMARY=" + filepath.Join(dir, "summary"),
		"CI_PIPELINE_ID=7", "CODEBUILD_BUILD_ID=checkout:7", `KEPTN_CONTEXT={"appName":"shop","workloadVersion":"1.2.3"}`,
	}
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(log)
	if err != nil {
		return cmd.ProcessState.ExitCode(), nil
	}
	for _, line := range strings.Split(strings.TrimSuffix(string(b), "\x00\n"), "\x00\n") {
		calls = append(calls, strings.Split(line, "\x00"))
	}
	return cmd.ProcessState.ExitCode(), calls
}

// parses reads a command line by the grammar of this command, and runs nothing.
func parses(ctx context.Context, args []string) error {
	s := &streams{out: io.Discard, err: io.Discard}
	k, err := grammar(ctx, s)
	if err != nil {
		return err
	}
	_, err = k.Parse(append(args, "--server=http://127.0.0.1:1"))
	return err
}
