//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/strvals"
	"sigs.k8s.io/yaml"
)

// document is where people are told how to install Serin.
const document = "../../docs/install.md"

// Reasons why a command of the page is not typed here.
const (
	noCluster  = "there is no cluster here"
	noRegistry = "there is no registry, and nothing is published yet"
	noEngine   = "there is no engine for containers here"
	machine1   = "it changes the machine that it runs on"
	noCloud    = "there is no AWS here"
	elsewhere  = "deploy/release's tests type it"
)

// typed is how a command of the page is tried: by a function, or not, for a reason.
type typed struct {
	has string
	try func(t *testing.T, command string)
	why string
}

func commands() []typed {
	return []typed{
		{has: "go build ./cmd/serin", try: func(t *testing.T, _ string) {
			if _, err := build(); err != nil {
				t.Error(err)
			}
		}},
		{has: "./serin demo", why: "cmd/serin/demo's tests run it"},
		{has: "releases/download/", why: elsewhere},
		{has: "sha256sum", why: elsewhere},
		{has: "tar -xzf", why: elsewhere},
		{has: "./serin version", why: elsewhere},
		{has: "cdx.json", why: elsewhere},
		{has: "go version -m serin", why: elsewhere},
		{has: "printf 'service: checkout", try: tryPlan},
		{has: "kubectl create namespace", why: noCluster},
		{has: "create secret generic", try: func(t *testing.T, command string) {
			if !strings.Contains(command, "create secret generic serin-token --from-literal=token=") {
				t.Errorf("%s makes another Secret than the chart is told of", command)
			}
		}},
		{has: "helm install", try: tryInstall},
		{has: "helm test", why: noCluster + "; TestTheServerStartsAsRendered runs the pod of it"},
		{has: "helm template", try: func(t *testing.T, _ string) { mustRender(t, values(t, "postgres-ha")) }},
		{has: "helm uninstall", why: noCluster},
		{has: "delete pvc", try: tryClaim},
		{has: "kubectl kustomize", try: tryKustomize},
		{has: "kubectl apply -k", try: tryKustomize},
		{has: "skopeo", why: noRegistry},
		{has: "docker run", why: noEngine},
		{has: "docker build", why: noEngine},
		{has: "apt-get install", why: machine1},
		{has: "systemctl enable", why: machine1},
		{has: "serin config check", why: "TestTheServiceStarts does"},
		{has: "lambda-forwarder", try: tryForwarder},
		{has: "sam deploy", why: noCloud},
		{has: "git tag", why: "it is the maintainers'"},
		{has: "go run . --version", why: elsewhere},
	}
}

// shell returns the commands of the page.
func shell(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	inside := false
	for line := range strings.Lines(string(text)) {
		switch line = strings.TrimSpace(line); {
		case strings.HasPrefix(line, "```"):
			inside = line == "```sh"
		case inside:
			out = append(out, line)
		}
	}
	return out
}

// TestCommandsOfThePage tries every command of the page that can be tried here.
func TestCommandsOfThePage(t *testing.T) {
	used := map[string]bool{}
	for _, command := range shell(t) {
		found := false
		for _, c := range commands() {
			if !strings.Contains(command, c.has) {
				continue
			}
			found, used[c.has] = true, true
			if c.try != nil {
				t.Run(c.has, func(t *testing.T) { c.try(t, command) })
			}
			break
		}
		if !found {
			t.Errorf("nothing is known of how to try: %s", command)
		}
	}
	for _, c := range commands() {
		if !used[c.has] {
			t.Errorf("the page has no command with %q any more", c.has)
		}
	}
}

// inShell types a command in a folder.
func inShell(t *testing.T, dir, command string) string {
	t.Helper()
	c := exec.Command("bash", "-ec", command)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// tryPlan writes the plan of the page, and has the command check it.
func tryPlan(t *testing.T, command string) {
	dir := t.TempDir()
	inShell(t, dir, command)
	file, err := build()
	if err != nil {
		t.Fatal(err)
	}
	inShell(t, dir, file+" plan check checkout.yaml")
}

// tryInstall renders what helm install would, from its flags.
func tryInstall(t *testing.T, command string) {
	vals := map[string]any{}
	words := strings.Fields(command)
	if len(words) < 4 || words[3] != "deploy/helm/serin" {
		t.Fatalf("%s installs another chart", command)
	}
	for i := 4; i+1 < len(words); i += 2 {
		var err error
		switch words[i] {
		case "-n":
		case "--set":
			err = strvals.ParseInto(words[i+1], vals)
		case "--set-file":
			err = strvals.ParseIntoFile(words[i+1], vals, func([]rune) (any, error) {
				return "service: checkout\nsource: prometheus\npreset: istio\n", nil
			})
		default:
			t.Fatalf("nothing is known of the flag %s", words[i])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	text := manifests(mustRender(t, vals))
	checkManifests(t, text)
	all := objects(t, text)
	if got := lines(newMachine(t, all, workload(t, all), cluster(t)).check(t)); !strings.Contains(got, "asks prometheus, and judges by checkout.") {
		t.Errorf("got %s", got)
	}
}

// tryClaim holds the claim's name against what a StatefulSet calls it.
func tryClaim(t *testing.T, command string) {
	var set struct {
		Metadata struct{ Name string }
		Spec     struct {
			VolumeClaimTemplates []struct{ Metadata struct{ Name string } }
		}
	}
	if err := yaml.Unmarshal([]byte(mustRender(t, values(t, "small"))["workload.yaml"]), &set); err != nil {
		t.Fatal(err)
	}
	if want := set.Spec.VolumeClaimTemplates[0].Metadata.Name + "-" + set.Metadata.Name + "-0"; !strings.HasSuffix(command, want) {
		t.Errorf("%s deletes another claim than %s", command, want)
	}
}

func tryKustomize(t *testing.T, command string) {
	words := strings.Fields(command)
	checkManifests(t, kustomized(t, "../../"+words[len(words)-1]))
}

// tryForwarder builds what the template takes.
func tryForwarder(t *testing.T, command string) {
	const at = "../../deploy/sam/build/bootstrap"
	if !strings.Contains(command, at) {
		t.Fatalf("%s builds something else than %s", command, at)
	}
	to := filepath.Join(t.TempDir(), "bootstrap")
	inShell(t, "../..", strings.NewReplacer(at, to, " -trimpath", "", "GOARCH=arm64", "GOARCH="+runtime.GOARCH).Replace(command)) // so that most of it is built already
	if info, err := os.Stat(to); err != nil || info.Size() < 1<<20 {
		t.Errorf("got %v, %v", info, err)
	}
}
