//go:build linux

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// kustomized returns what kustomize makes of a folder.
func kustomized(t *testing.T, dir string) string {
	t.Helper()
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := made.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestKustomizeGoldens(t *testing.T) {
	for name, dir := range map[string]string{"base": "base", "example": "overlays/example"} {
		t.Run(name, func(t *testing.T) {
			text := kustomized(t, "../kustomize/"+dir)
			checkManifests(t, text)
			golden(t, "kustomize-"+name+".yaml", text)
		})
	}
}

// TestKustomizeAndHelmAgree holds the base against the chart: the same pod, but for what
// only one of them knows.
func TestKustomizeAndHelmAgree(t *testing.T) {
	ours := workload(t, objects(t, kustomized(t, "../kustomize/overlays/example")))
	charts := workload(t, objects(t, manifests(mustRender(t, values(t, "small")))))
	for what, pair := range map[string][2]any{
		"arguments":    {ours.Containers[0].Args, charts.Containers[0].Args},
		"security":     {ours.SecurityContext, charts.SecurityContext},
		"startup":      {*ours.Containers[0].StartupProbe, *charts.Containers[0].StartupProbe},
		"readiness":    {*ours.Containers[0].ReadinessProbe, *charts.Containers[0].ReadinessProbe},
		"liveness":     {*ours.Containers[0].LivenessProbe, *charts.Containers[0].LivenessProbe},
		"environment":  {ours.Containers[0].Env, charts.Containers[0].Env},
		"limits":       {ours.Containers[0].Resources, charts.Containers[0].Resources},
		"capabilities": {ours.Containers[0].SecurityContext.Capabilities, charts.Containers[0].SecurityContext.Capabilities},
	} {
		if got, want := fmt.Sprint(pair[0]), fmt.Sprint(pair[1]); got != want {
			t.Errorf("%s: kustomize has %s, the chart %s", what, got, want)
		}
	}
}

// TestTheServerStartsAsKustomized starts the real server with the example's files, but
// for the port and the address of Prometheus, which are this machine's.
func TestTheServerStartsAsKustomized(t *testing.T) {
	text := kustomized(t, "../kustomize/overlays/example")
	port := freePort(t)
	changed := strings.NewReplacer(`":8080"`, fmt.Sprintf(`":%d"`, port), "http://prometheus-operated.monitoring:9090", prometheus(t)).Replace(text)
	all := objects(t, changed)
	m := newMachine(t, all, workload(t, all), cluster(t))
	want := fmt.Sprintf("listens on :%d, keeps its journal in /var/lib/serin/serin.db, asks prometheus, and judges by checkout.", port)
	if got := lines(m.check(t)); !strings.Contains(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
	serve(t, m, port)
}
