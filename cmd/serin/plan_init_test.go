package main

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/queries/presets/presettest"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// lived is a past of all proofs: what a server has of services that were there for a while
// and go on for some minutes.
func lived(t *testing.T, proofs []presettest.Proof) string {
	t.Helper()
	now := time.Now().Truncate(time.Minute)
	return presettest.History(t, proofs, presettest.Span{
		Start: now.Add(-95 * time.Minute), End: now.Add(15 * time.Minute), Step: 20 * time.Second, Block: time.Minute,
		// Traffic rises and falls; all series of a block together, or buckets would not add up.
		Noise: func(_ string, block int) float64 { return 1 + 0.2*math.Sin(float64(block)*1.7) },
	})
}

// TestProposedPlansAreJudged proposes a plan for a service of each family from what a real
// server has, checks it against that server, and judges by it.
func TestProposedPlansAreJudged(t *testing.T) {
	proofs := presettest.Load(t, "../..")
	for family, proof := range presettest.Mixed() { // requests and resources by facts of their own
		proof.Family = family + " with jvm and kubernetes"
		proofs = append(proofs, proof)
	}
	if os.Getenv("SERIN_E2E") == "" { // all of them take a minute
		proofs = slices.DeleteFunc(proofs, func(p presettest.Proof) bool {
			return !slices.Contains([]string{"istio", "apisix", "nginx with jvm and kubernetes"}, p.Family)
		})
	}
	// Each command keeps its connections until its process ends, which here is the test's.
	url := promtest.Start(t, promtest.Config{History: lived(t, proofs), Flags: []string{"--web.max-connections=8192"}})
	native := presettest.LoadNative(t, "../..")
	for _, proof := range append(proofs, native...) {
		t.Run(proof.Family, func(t *testing.T) {
			url := url
			if proof.Native {
				url = livedNative(t, proof)
			}
			file := filepath.Join(t.TempDir(), "plan.yaml")
			var out, errs bytes.Buffer
			code := run(t.Context(), []string{"plan", "init", "--prometheus", url, "--service", proof.Service, "-f", file}, &out, &errs)
			if proof.Family == "apisix" {
				if code != exitFailure || !strings.Contains(errs.String(), "cannot be compared as it is") {
					t.Errorf("plan init: exit %d, want 1 with the reason:\n%s", code, errs.String())
				}
				return
			}
			if code != 0 || !strings.Contains(errs.String(), "the last 10 blocks") || !strings.Contains(errs.String(), "asking for the names of metrics") {
				t.Fatalf("plan init: exit %d, want 0 with progress and blocks:\n%s", code, errs.String())
			}
			checked(t, proof, file, url)
			code, v := judged(t, "--plan", file, "--prometheus", url, "--since", "25m")
			if code != 0 || v.Mode != "shadow" {
				t.Errorf("judge: exit %d in mode %s, want 0 in shadow mode", code, v.Mode)
			}
			for _, f := range v.Findings {
				if f.About == judge.AboutMetric && (f.Class == judge.QueryFailed || f.Class == judge.NoData) {
					t.Errorf("judge: %s: %s", f.Name, f.Reason)
				}
			}
		})
	}
}

// checked checks a proposed plan against its server.
func checked(t *testing.T, proof presettest.Proof, file, url string) {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"plan", "check", file, "--prometheus", url}, &out, &errs); code != 0 {
		text, _ := os.ReadFile(file)
		t.Fatalf("plan check: exit %d, want 0:\n%s%s\n%s", code, out.String(), errs.String(), text)
	}
	for _, want := range []string{"the arms' series in the last hour", "counts (ratio)", "20s", "the baseline's past", "× chance", "How small a regression is found"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("plan check of %s lacks %q:\n%s", proof.Family, want, out.String())
		}
	}
	if testing.Verbose() {
		t.Log(out.String())
	}
}

// TestPlanInitRefuses holds what is refused before anything is asked or overwritten.
func TestPlanInitRefuses(t *testing.T) {
	there := filepath.Join(t.TempDir(), "plan.yaml")
	if err := os.WriteFile(there, []byte("service: a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--service", "a"}, "there is no store to ask; add --prometheus URL"},
		{[]string{"--prometheus", "http://127.0.0.1:1", "--service", "a", "-f", there}, "is there already"},
		{[]string{"--prometheus", "http://user:hunter22@127.0.0.1:1", "--service", "a"}, "holds a user name or password"},
		{[]string{"--prometheus", "http://127.0.0.1:1", "--service", "a"}, "cannot be reached"},
		{[]string{"--config", filepath.Join(t.TempDir(), "none.yaml"), "--service", "a"}, "none.yaml"},
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), append([]string{"plan", "init"}, c.args...), &out, &errs)
		if code == 0 || !strings.Contains(errs.String(), c.want) || strings.Contains(errs.String(), "hunter22") {
			t.Errorf("%v: exit %d, %s, want %q", c.args, code, errs.String(), c.want)
		}
	}
	if text, err := os.ReadFile(there); err != nil || string(text) != "service: a\n" {
		t.Errorf("the file became %q, %v", text, err)
	}
}
