package app

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/serin-canary/serin/judge/plan"
)

func TestFaultsOfAlertmanagers(t *testing.T) {
	for name, c := range map[string]struct{ yaml, path, text string }{
		"no URL":              {`[{}]`, "publish.alertmanagers[0].url", "say where it is"},
		"no URL at all":       {`[{url: "alertmanager:9093"}]`, "publish.alertmanagers[0].url", "is not a URL"},
		"credentials in it":   {`[{url: "http://bob:hunter2@a:9093"}]`, "publish.alertmanagers[0].url", "credentials in it"},
		"two ways":            {`[{url: "http://a", bearerFile: f, username: u, passwordFile: p}]`, "publish.alertmanagers[0].bearerFile", "two ways"},
		"a user alone":        {`[{url: "http://a", username: u}]`, "publish.alertmanagers[0].username", "a password"},
		"one replica twice":   {`[{url: "http://a:9093"}, {url: "http://b:9093"}, {url: "http://a:9093/"}]`, "publish.alertmanagers[2].url", "a:9093 is there already"},
		"a key that is wrong": {`[{address: "http://a:9093"}]`, "publish.alertmanagers[0].address", "unknown key"},
	} {
		_, err := Parse("serin.yaml", []byte("\npublish: { alertmanagers: "+c.yaml+" }"))
		var fs plan.Faults
		found := false
		if errors.As(err, &fs) {
			for _, f := range fs {
				found = found || (f.Path == c.path && strings.Contains(f.Text, c.text) && f.Line == 2)
			}
		}
		if !found || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want %s %q at line 2", name, err, c.path, c.text)
		}
	}
}

func TestAlertmanagersAreOpened(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(bad, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := openAlertmanagers([]Server{{URL: "http://a:9093/"}, {URL: "http://a:9093/am"}})
	if err != nil || len(got) != 2 || got[0].Name != "alertmanager a:9093" || got[1].Name != "alertmanager a:9093/am" || got[1].Target != "a:9093" {
		t.Errorf("got %+v, %v; want both replicas by their addresses", got, err)
	}
	for _, s := range []Server{{URL: "http://a", CAFile: bad}, {URL: "http://a", CAFile: "none"}, {URL: "http://a?x=1"}} {
		if _, err := openAlertmanagers([]Server{s}); err == nil {
			t.Errorf("%+v: got no error", s)
		}
	}
}
