package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestTheActionInstalls has the action's script download a release, as it would from GitHub.
func TestTheActionInstalls(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "tar"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("NOT RUN: there is no %s here", tool)
		}
	}
	t.Setenv("SOURCE_DATE_EPOCH", "1795000000")
	dist := released(t, runtime.GOOS+"/"+runtime.GOARCH)
	server := httptest.NewServer(http.StripPrefix("/download/v1.2.3/", http.FileServer(http.Dir(dist))))
	defer server.Close()
	install := func(version string) (string, string, error) {
		dir := filepath.Join(t.TempDir(), "bin")
		c := exec.Command("bash", "../github-action/install.sh", version, dir)
		c.Env = append(os.Environ(), "SERIN_DOWNLOADS="+server.URL+"/download", "GITHUB_PATH="+filepath.Join(dir, "..", "path"))
		out, err := c.CombinedOutput()
		return dir, string(out), err
	}
	dir, out, err := install("v1.2.3")
	if err != nil || !strings.Contains(out, "small true") {
		t.Fatalf("got %v\n%s", err, out)
	}
	if path := string(read(t, dir, "..", "path")); strings.TrimSpace(path) != dir {
		t.Errorf("got the path %q, want %q", path, dir)
	}
	if _, out, err := install("v9.9.9"); err == nil {
		t.Errorf("a release that is not there was taken\n%s", out)
	}
	archive := filepath.Join(dist, "serin_1.2.3_"+runtime.GOOS+"_"+runtime.GOARCH+".tar.gz")
	if err := os.WriteFile(archive, append(read(t, archive), 0), 0o600); err != nil {
		t.Fatal(err)
	}
	dir, out, err = install("v1.2.3")
	if err == nil || !strings.Contains(out, "It is not used.") {
		t.Errorf("an archive with another sum was taken: %v\n%s", err, out)
	}
	if _, err := os.Stat(filepath.Join(dir, "serin")); err == nil {
		t.Error("an archive with another sum was unpacked")
	}
}

// TestTheActionEndsAsTheCommand holds what the action says against how the command ended.
func TestTheActionEndsAsTheCommand(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("NOT RUN: there is no bash here")
	}
	dir := t.TempDir()
	command := filepath.Join(dir, "serin")
	if err := os.WriteFile(command, []byte("#!/bin/sh\nprintf '%s;' \"$@\"\nexit $END\n"), 0o755); err != nil { // #nosec G306 -- it is run
		t.Fatal(err)
	}
	for end, want := range map[string]string{"0": "yes", "1": "failed", "3": "rollback", "4": "undecided", "5": "interrupted", "2": "failed"} {
		output, summary := filepath.Join(dir, "output"+end), filepath.Join(dir, "summary"+end)
		c := exec.Command("bash", "../github-action/ask.sh", command)
		c.Env = append(os.Environ(), "END="+end, "GATE=step", "WAIT=5m", "WEIGHT=10", "MORE=--canary-label\nversion=2 and more\n",
			"RUNNER_TEMP="+dir, "GITHUB_OUTPUT="+output, "GITHUB_STEP_SUMMARY="+summary)
		out, err := c.CombinedOutput()
		if got := c.ProcessState.ExitCode(); string(rune('0'+got)) != end {
			t.Errorf("got exit code %d, want %s: %v", got, end, err)
		}
		if want := "ask;--gate;step;--wait;5m;--weight;10;--canary-label;version=2 and more;"; string(out) != want {
			t.Errorf("got the arguments %s, want %s", out, want)
		}
		if got := string(read(t, output)); !strings.HasPrefix(got, "answer="+want+"\n") {
			t.Errorf("got the output %q, want %s", got, want)
		}
		if got := string(read(t, summary)); !strings.Contains(got, "Serin: "+want) || !strings.Contains(got, "ask;") {
			t.Errorf("got the summary %q", got)
		}
	}
}
