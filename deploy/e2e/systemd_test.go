//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheUnitIsSystemds has systemd read the unit, and say how much it is exposed.
func TestTheUnitIsSystemds(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("NOT CHECKED: there is no systemd-analyze here; apt-get install systemd")
	}
	file, err := build()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../systemd/serin.service")
	if err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(t.TempDir(), "serin.service")
	if err := os.WriteFile(unit, []byte(strings.ReplaceAll(string(text), "/usr/bin/serin", file)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("systemd-analyze", "verify", unit).CombinedOutput(); err != nil || strings.Contains(string(out), unit) {
		t.Errorf("%v\n%s", err, out)
	}
	// Its scale goes from 0 to 10; the threshold counts tenths.
	if out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=15", unit).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestTheServiceStarts starts what the unit starts, with the files of the package, and
// one plan.
func TestTheServiceStarts(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile("../systemd/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	var args []string
	for line := range strings.Lines(read("serin.service")) {
		if rest, ok := strings.CutPrefix(line, "ExecStart=/usr/bin/serin "); ok {
			args = strings.Fields(rest)
		}
	}
	var pod podSpec
	pod.SecurityContext.RunAsUser = 65532
	ready := &probe{}
	ready.HTTPGet.Path, ready.HTTPGet.Scheme = "/healthz", "http"
	pod.Containers = []container{{Args: args, StartupProbe: ready, LivenessProbe: ready, ReadinessProbe: ready}}
	m := newMachine(t, nil, pod, nil)
	store := prometheus(t)
	port := freePort(t)
	m.write(t, "etc/serin/serin.yaml", strings.NewReplacer(":8080", ":"+itoa(port), "http://localhost:9090", store).Replace(read("serin.yaml")), 0o644)
	m.write(t, "etc/serin/plans/checkout.yaml", "service: checkout\nsource: prometheus\npreset: istio\n", 0o644)
	m.mkdir(t, "var/lib/serin")
	m.open(t)
	if err := os.Chmod(m.root+"/var/lib/serin", 0o777); err != nil {
		t.Fatal(err)
	}
	if got := lines(m.check(t)); !strings.Contains(got, "asks prometheus, and judges by checkout.") {
		t.Errorf("got %s", got)
	}
	serve(t, m, port)
}
