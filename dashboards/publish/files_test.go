package publish_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/serin-canary/serin/dashboards/publish"
)

func TestFiles(t *testing.T) {
	b := drawn(t)
	for _, format := range publish.Formats() {
		dir := t.TempDir()
		f := publish.Files{Dir: dir, Format: format}
		var p publish.Publisher = f
		for range 2 {
			if _, err := p.Publish(t.Context(), b, ""); err != nil {
				t.Fatalf("%s: %v", format, err)
			}
		}
		if got, err := p.Owned(t.Context()); err != nil || len(got) != 1 || got[0] != b.UID {
			t.Errorf("%s: got %v, error %v; want the board", format, got, err)
		}
		// Into another folder: a UID may be provisioned once.
		if _, err := p.Publish(t.Context(), b, "team"); err != nil {
			t.Errorf("%s: %v", format, err)
		}
		if got := listed(t, dir); len(got) != 1 || filepath.Dir(got[0]) != filepath.Join(dir, "team") {
			t.Errorf("%s: got %v, want the board in its new folder alone", format, got)
		}
		for range 2 {
			if err := p.Remove(t.Context(), b.UID); err != nil {
				t.Error(err)
			}
		}
		if got := listed(t, dir); len(got) != 0 {
			t.Errorf("%s: got %v left, want nothing", format, got)
		}
	}
}

// listed are the files below a folder, temporary ones included.
func listed(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestFilesOfOthers(t *testing.T) {
	dir, b := t.TempDir(), drawn(t)
	f := publish.Files{Dir: dir}
	theirs := filepath.Join(dir, b.UID+".json")
	if err := os.WriteFile(theirs, []byte(`{"uid":"x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := f.Publish(t.Context(), b, "")
	var e *publish.Error
	if !errors.As(err, &e) || !e.Permanent {
		t.Errorf("got %v, want somebody else's file left alone", err)
	}
	if err := f.Remove(t.Context(), b.UID); err != nil {
		t.Error(err)
	}
	if text, _ := os.ReadFile(theirs); string(text) != `{"uid":"x"}` {
		t.Errorf("got %q, want somebody else's file as it was", text)
	}
	for _, folder := range []string{"../etc", ".hidden", "a/b"} {
		if _, err := f.Publish(t.Context(), b, folder); !errors.As(err, &e) || !e.Permanent {
			t.Errorf("folder %q: got %v, want a refusal", folder, err)
		}
	}
	closed := publish.Files{Dir: filepath.Join(theirs, "below a file")}
	if _, err := closed.Publish(t.Context(), b, ""); err == nil {
		t.Error("got no error where there can be no folder")
	}
}

func TestManifests(t *testing.T) {
	b := drawn(t)
	want, err := b.JSON()
	if err != nil {
		t.Fatal(err)
	}
	text, err := publish.Write(b, publish.ConfigMap, publish.ManifestOptions{Namespace: "monitoring", Folder: "Canaries"})
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		APIVersion, Kind string
		Metadata         struct {
			Name, Namespace     string
			Labels, Annotations map[string]string
		}
		Data map[string]string
	}
	if err := yaml.Unmarshal(text, &m); err != nil || m.Data[b.UID+".json"] != string(want) || m.Metadata.Labels["grafana_dashboard"] != "1" ||
		m.Metadata.Annotations["grafana_folder"] != "Canaries" || m.Metadata.Namespace != "monitoring" || m.Kind != "ConfigMap" {
		t.Errorf("got %+v, error %v", m.Metadata, err)
	}
	text, err = publish.Write(b, publish.Operator, publish.ManifestOptions{Labels: map[string]string{"team": "shop"}, Instances: map[string]string{"grafana": "main"}})
	if err != nil {
		t.Fatal(err)
	}
	var o struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   struct{ Labels map[string]string }
		Spec       struct {
			UID, JSON        string
			InstanceSelector struct {
				MatchLabels map[string]string `yaml:"matchLabels"`
			} `yaml:"instanceSelector"`
		}
	}
	if err := yaml.Unmarshal(text, &o); err != nil || o.Spec.JSON != string(want) || o.Spec.InstanceSelector.MatchLabels["grafana"] != "main" ||
		o.APIVersion != "grafana.integreatly.org/v1beta1" || o.Metadata.Labels["team"] != "shop" || o.Spec.UID != b.UID {
		t.Errorf("got %+v, error %v", o, err)
	}
	if _, err := publish.Write(b, "png", publish.ManifestOptions{}); err == nil || !strings.Contains(err.Error(), "is no format") {
		t.Errorf("got %v, want a refusal", err)
	}
}
