//go:build linux

package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

const patience = 2 * time.Minute // a bound on failure: nothing waits for it to pass

// cluster returns the Secrets that the values files name.
func cluster(t *testing.T) secrets {
	t.Helper()
	cert, key := certificate(t)
	bearer := map[string]string{"token": strings.Repeat("t", 32), "bearer": strings.Repeat("b", 32)}
	return secrets{
		"serin-token":      bearer,
		"prometheus-token": {"token": strings.Repeat("p", 32)},
		"serin-journal":    {"uri": "postgres://serin:secret@postgres.delivery/serin"},
		"serin-tls":        {"tls.crt": cert, "tls.key": key, "ca.crt": cert},
	}
}

func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"serin.delivery.svc"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return encode("CERTIFICATE", der), encode("PRIVATE KEY", secret)
}

// workload returns the pod that runs the server.
func workload(t *testing.T, all []object) podSpec {
	t.Helper()
	for _, o := range all {
		if o.Kind == "StatefulSet" || o.Kind == "Deployment" {
			return o.pod()
		}
	}
	t.Fatal("there is no workload")
	return podSpec{}
}

// prometheus starts a real Prometheus where there is one; otherwise something that
// answers as it does to a server that only asks whether it is there.
func prometheus(t *testing.T) string {
	t.Helper()
	binary, err := exec.LookPath("prometheus")
	if err != nil {
		if os.Getenv("SERIN_REQUIRE_TOOLS") != "" {
			t.Fatal("there is no prometheus, and SERIN_REQUIRE_TOOLS is set")
		}
		t.Skip("there is no prometheus here; install it, for example with apt-get install prometheus")
	}
	dir, port := t.TempDir(), freePort(t)
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, []byte("global: {scrape_interval: 15s}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := fmt.Sprintf("127.0.0.1:%d", port)
	c := exec.Command(binary, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+at)
	run(t, c)
	await(t, "http://"+at+"/-/ready")
	return "http://" + at
}

// run starts a command and ends it with the test.
func run(t *testing.T, c *exec.Cmd) {
	t.Helper()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
}

// await asks until the address answers 200, as a kubelet does: without looking at the
// certificate's name.
func await(t *testing.T, url string) {
	t.Helper()
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // #nosec G402 -- as a kubelet does
	}}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	last := ""
	for {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %s", url, last)
		case <-again.C:
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(req)
		if err != nil {
			last = err.Error()
			continue
		}
		body, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return
		}
		last = fmt.Sprintf("%s %s", answer.Status, body)
	}
}

// TestRenderedConfigurationIsTaken has the real command check what each set of values
// renders, at the paths that the container would read.
func TestRenderedConfigurationIsTaken(t *testing.T) {
	for name, want := range map[string]string{
		"small":       "listens on :8080, keeps its journal in /var/lib/serin/serin.db, asks prometheus, and judges by checkout.",
		"postgres-ha": "listens on :8080, keeps its journal in file:/run/secrets/serin/journal/url, asks prometheus, and judges by checkout.",
		"everything":  "listens on :8443, keeps its journal in /var/lib/serin/serin.db, asks prometheus, pods, and judges by checkout, payments.",
	} {
		t.Run(name, func(t *testing.T) {
			all := objects(t, manifests(mustRender(t, values(t, name))))
			m := newMachine(t, all, workload(t, all), cluster(t))
			if got := lines(m.check(t)); !strings.Contains(got, want) {
				t.Errorf("got %s, want %s", got, want)
			}
			// What is read later must be there as well.
			text := string(read(t, m.root+"/etc/serin/config/..data/serin.yaml"))
			for _, file := range regexp.MustCompile(`/(?:etc|run|var)/[^\s"]+`).FindAllString(text, -1) {
				if file == "/var/lib/serin/serin.db" { // made at the start
					file = filepath.Dir(file)
				}
				if _, err := os.Lstat(filepath.Join(m.root, file)); err != nil {
					t.Errorf("serin.yaml names %s, which is not mounted", file)
				}
			}
		})
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestTheServerStartsAsRendered starts the real server as the container would be, asks
// what its probes ask, and runs the chart's own test.
func TestTheServerStartsAsRendered(t *testing.T) {
	store := prometheus(t)
	for _, name := range []string{"small", "everything"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			source := map[string]any{"name": "prometheus", "prometheus": map[string]any{"url": store}}
			pods := map[string]any{"name": "pods", "scrape": map[string]any{"targets": []any{map[string]any{
				"url": page(t), "labels": map[string]any{"pod": "a"},
			}}}}
			all := objects(t, manifests(mustRender(t, values(t, name, map[string]any{
				"port": port, "service": map[string]any{"port": port},
				"config": map[string]any{"sources": []any{source, pods}},
			}))))
			pod := workload(t, all)
			m := newMachine(t, all, pod, cluster(t))
			serve(t, m, port)
			if name == "small" {
				ask(t, filepath.Join(m.root, "serin"), port)
			}
			for _, o := range all {
				if o.Kind == "Pod" {
					smoke(t, newMachine(t, all, o.pod(), nil))
				}
			}
		})
	}
}

// page is a page of metrics to scrape.
func page(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "up 1\n")
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// serve starts the container, waits for every probe to pass, ends it and looks at how
// it ended.
func serve(t *testing.T, m *machine, port int) {
	t.Helper()
	box := m.pod.Containers[0]
	c, said := m.command(context.WithoutCancel(t.Context()), box.Args...) // it outlives the test by its cleanup
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		if err := <-ended; err != nil {
			t.Errorf("after SIGTERM: got %v, want a clean end", err)
		}
		if t.Failed() {
			t.Logf("it said\n%s", said)
		}
	})
	probes := map[string]bool{"/readyz": true} // where there is one, the journal and the sources are reached, too
	scheme := ""
	for _, p := range []*probe{box.StartupProbe, box.LivenessProbe, box.ReadinessProbe} {
		probes[p.HTTPGet.Path], scheme = true, strings.ToLower(p.HTTPGet.Scheme)
	}
	for path := range maps.Keys(probes) {
		await(t, fmt.Sprintf("%s://127.0.0.1:%d%s", scheme, port, path))
	}
}

// smoke runs the pod of helm test.
func smoke(t *testing.T, m *machine) {
	t.Helper()
	c, said := m.command(t.Context(), m.pod.Containers[0].Args...)
	if err := c.Run(); err != nil {
		t.Errorf("helm test would fail: %v\n%s", err, said)
	}
}

// ask has GitHub's action ask that server, by the real command.
func ask(t *testing.T, command string, port int) {
	t.Helper()
	dir := t.TempDir()
	c := exec.Command("bash", "../github-action/ask.sh", command)
	c.Env = []string{
		"PATH=" + os.Getenv("PATH"), "RUNNER_TEMP=" + dir, "GITHUB_OUTPUT=" + filepath.Join(dir, "output"),
		fmt.Sprintf("SERIN_URL=http://127.0.0.1:%d", port), "SERIN_TOKEN=" + strings.Repeat("t", 32),
		"SERIN_SERVICE=checkout", "SERIN_NAMESPACE=shop", "SERIN_REVISION=v2", "SERIN_PLAN=", "GATE=start", "WAIT=2m", "WEIGHT=",
		"MORE=--baseline-label=version=v1\n--canary-label=version=v2",
	}
	said, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	text, err := os.ReadFile(filepath.Join(dir, "output"))
	if err != nil || !strings.HasPrefix(string(text), "answer=yes\n") {
		t.Errorf("got %q, %v", text, err)
	}
}
