package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/serin-canary/serin/cmd/serin/app"
	"github.com/serin-canary/serin/cmd/serin/pipeline"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// askToken is what pipelines of these tests prove themselves by.
const askToken = "pipeline-0123456789abcdef"

// askPlan judges the history of [shopHistory]: good enough for a verdict about a
// rollout that began five minutes ago.
const askPlan = `service: %s
source: prometheus
arms:
  baseline: { labels: { service: %[1]s, track: stable } }
  canary: { labels: { service: %[1]s, track: canary } }
metrics:
  - name: errors
    query: sum(rate(http_requests_total{code=~"5.."}[10s])) / sum(rate(http_requests_total[10s]))
    required: true
block: 10s
lag: 1s
prePeriod: 5m
warmup: { for: 10s, requests: 20, atMost: 20s }
minDuration: 1m
maxDuration: 30m
minBlocks: 6
finalBlocks: 0
minRequests: 300
guarantee: these_pods
`

// quickPlan comes to a verdict within half a minute.
const quickPlan = `service: %s
source: prometheus
arms:
  baseline: { labels: { service: %[1]s, track: stable } }
  canary: { labels: { service: %[1]s, track: canary } }
metrics:
  - name: errors
    query: sum(rate(http_requests_total{code=~"5.."}[2s])) / sum(rate(http_requests_total[2s]))
    required: true
block: 2s
lag: 1s
prePeriod: 2m
warmup: { for: 2s, requests: 20, atMost: 4s }
minDuration: 20s
maxDuration: 10m
minBlocks: 8
finalBlocks: 0
minRequests: 300
guarantee: these_pods
`

// shopHistory has two services with two pods an arm, from a quarter of an hour ago until
// a quarter of an hour from now: the canary of "good" is like its baseline, that of
// "bad" fails six times as often. There is a sample of each series at every step.
func shopHistory(now time.Time, step time.Duration) string {
	var h promtest.History
	start := now.Add(-15 * time.Minute).Truncate(step)
	type point struct{ ok, failed float64 }
	for s, service := range []string{"good", "bad"} {
		for a, track := range []string{"stable", "canary"} {
			share := 0.02
			if service == "bad" && track == "canary" {
				share = 0.12
			}
			for pod := range 2 {
				luck := rand.New(rand.NewPCG(uint64(s*2+a), uint64(pod)))
				var sum point
				var points []point
				for range 30 * time.Minute / step {
					for range int(step.Seconds())*38 + luck.IntN(20) {
						if luck.Float64() < share {
							sum.failed++
						} else {
							sum.ok++
						}
					}
					points = append(points, sum)
				}
				for _, code := range []string{"200", "500"} {
					m := promtest.Metric{Family: "http_requests", Kind: "counter", Suffix: "_total", Labels: fmt.Sprintf(
						`job="pods",instance="10.0.%d.%d:80",service=%q,track=%q,revision=%[4]q,code=%[5]q`, 2*s+a, pod, service, track, code)}
					for i, p := range points {
						value := p.ok
						if code == "500" {
							value = p.failed
						}
						h.Add(m, start.Add(time.Duration(i)*step), value)
					}
				}
			}
		}
	}
	return h.String()
}

// askWorld is a real server over a real Prometheus, and the environment of a pipeline
// that asks it.
type askWorld struct {
	t          *testing.T
	prometheus string
	dir        string
	addr       string
	plan       string // of both services
	server     *app.App
}

// newAskWorld sets the environment of this process, too.
func newAskWorld(t *testing.T) *askWorld {
	t.Helper()
	w := newWorldOf(t, askPlan, 5*time.Second)
	for _, pair := range w.environment() {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
	return w
}

// environment is what a pipeline has to reach the server. What the machine says that
// runs the tests is hidden.
func (w *askWorld) environment() []string {
	env := []string{"SERIN_URL=http://" + w.addr, "SERIN_TOKEN=" + askToken}
	for _, name := range append(pipeline.Variables(), "SERIN_SERVICE", "SERIN_REVISION", "SERIN_NAMESPACE", "SERIN_PLAN", "SERIN_TOKEN_FILE", "K_SERVICE", "LIFECYCLE_EVENT") {
		env = append(env, name+"=")
	}
	return env
}

func newWorldOf(t *testing.T, plan string, step time.Duration) *askWorld {
	t.Helper()
	w := &askWorld{
		t: t, prometheus: promtest.Start(t, promtest.Config{History: shopHistory(time.Now(), step)}),
		dir: t.TempDir(), addr: freeAddr(t), plan: plan,
	}
	w.write("token", askToken+"\n")
	return w
}

func (w *askWorld) write(name, text string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// planFile writes a service's plan.
func (w *askWorld) planFile(service string) string {
	w.t.Helper()
	return w.write(service+".yaml", fmt.Sprintf(w.plan, service))
}

// start starts the server with the plans of both services; shadow judges the bad one
// without consequences.
func (w *askWorld) start(more string) *askWorld {
	w.t.Helper()
	var plans []plan.Plan
	for _, service := range []string{"good", "bad"} {
		p, err := plan.Parse(service+".yaml", []byte(fmt.Sprintf(w.plan, service)+more))
		if err != nil {
			w.t.Fatal(err)
		}
		plans = append(plans, p)
	}
	set, err := plan.NewSet(plans...)
	if err != nil {
		w.t.Fatal(err)
	}
	config := w.write("serin.yaml", fmt.Sprintf("listen: %s\njournal: %s\nbaseURL: https://serin.example.org\ntokenFiles: [%s]\nsources:\n  - { name: prometheus, prometheus: { url: %q } }\n",
		w.addr, filepath.Join(w.dir, "serin.db"), filepath.Join(w.dir, "token"), w.prometheus))
	c, err := app.Read(config)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.server, err = app.New(context.WithoutCancel(w.t.Context()), app.Options{Config: c, Plans: set}); err != nil {
		w.t.Fatal(err)
	}
	w.server.Start()
	w.t.Cleanup(func() {
		if err := w.server.Stop(); err != nil {
			w.t.Error(err)
		}
	})
	return w
}

// ended is how a command ended.
type ended struct {
	code     int
	out, err string
}

// all is what somebody has who keeps both streams.
func (e ended) all() string { return e.err + e.out }

// serin runs the command in a process of its own.
func (w *askWorld) serin(args ...string) ended {
	w.t.Helper()
	p := w.begin(args...)
	return p.wait()
}

// process is a command that runs.
type process struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, err *heard
}

// begin starts the command. Its standard input is closed, as CodeDeploy's agent has it.
func (w *askWorld) begin(args ...string) *process {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute)
	w.t.Cleanup(cancel)
	p := &process{t: w.t, out: newHeard(), err: newHeard()}
	p.cmd = exec.CommandContext(ctx, "bash", append([]string{"-c", `exec serin "$@" <&-`, "serin"}, args...)...)
	// Pipes that are copied until their end: a child that held one open would hold up Wait.
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.err
	if err := p.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (p *process) wait() ended {
	p.t.Helper()
	if err := p.cmd.Wait(); err != nil && p.cmd.ProcessState == nil {
		p.t.Fatal(err)
	}
	e := ended{p.cmd.ProcessState.ExitCode(), p.out.String(), p.err.String()}
	if strings.Contains(e.all(), askToken) {
		p.t.Errorf("the token was said:\n%s", e.all())
	}
	return e
}

// interrupt ends the command as a CI system does that cancels a job.
func (p *process) interrupt() ended {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	at := time.Now()
	e := p.wait()
	if took := time.Since(at); took > 10*time.Second {
		p.t.Errorf("it took %s to end, want it to end at once", took)
	}
	return e
}

// heard is an output that is waited for.
type heard struct {
	mu   sync.Mutex
	text strings.Builder
	more chan struct{}
}

func newHeard() *heard { return &heard{more: make(chan struct{}, 1)} }

func (o *heard) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(b)
	select {
	case o.more <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (o *heard) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// await waits until a text was written.
func (o *heard) await(t *testing.T, text string) {
	t.Helper()
	over := time.After(time.Minute)
	for !strings.Contains(o.String(), text) {
		select {
		case <-o.more:
		case <-over:
			t.Fatalf("nobody said %q:\n%s", text, o)
		}
	}
}
