package notifications

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/argoproj/argo-rollouts/utils/record"
	"github.com/argoproj/notifications-engine/pkg/api"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	kubefake "k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/yaml"

	"github.com/serin-canary/serin/cmd/serin/argo"
	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks"
)

// token is what Argo sends.
const token = "a-token-of-some-length"

// patient is a judge that always wants more.
type patient struct{ journal *journal.Journal }

func (p patient) Decide(ctx context.Context, r rollout.Rollout, now time.Time) (judge.Verdict, error) {
	rec, err := p.journal.Load(ctx, r.ID)
	if err != nil {
		return judge.Verdict{}, err
	}
	v := judge.Verdict{ID: r.ID, Seq: rec.Looks + 1, At: now, Rollout: rec.Rollout, Mode: "enforce", Reason: "2 of 10 paired blocks", Fresh: true}
	return v, p.journal.Commit(ctx, judge.Look{Rollout: r.ID, Verdict: v})
}

// world is a real server, and Argo's event recorder with what Serin exports for it.
type world struct {
	t        *testing.T
	journal  *journal.Journal
	url      string
	recorder record.EventRecorder
	failed   *prometheus.CounterVec
	sent     *prometheus.CounterVec
	said     *said

	mu     sync.Mutex
	broken int // requests that are still answered with 503
	bodies []string
}

// said is what Argo logs.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// newWorld starts one. change may change the ConfigMap and the Secret.
func newWorld(t *testing.T, change func(*corev1.ConfigMap, *corev1.Secret)) *world {
	t.Helper()
	w := &world{t: t, said: &said{}}
	var err error
	if w.journal, err = journal.Open(t.Context(), filepath.Join(t.TempDir(), "serin.db"), journal.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.journal.Close() })
	plans, err := plan.NewSet(
		plan.Plan{Name: "checkout", Service: "checkout", Block: plan.Duration(time.Minute), Mode: plan.Enforce},
		plan.Plan{Name: "another", Service: "another", Block: plan.Duration(time.Minute), Mode: plan.Enforce},
	)
	if err != nil {
		t.Fatal(err)
	}
	hook, err := webhooks.New(webhooks.Config{
		Judge: patient{w.journal}, Journal: w.journal, Plans: plans, Tokens: []webhooks.Token{webhooks.FullToken("argo", token)},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w.watched(hook.Handler()))
	t.Cleanup(server.Close)
	w.url = server.URL
	w.record(change)
	return w
}

// watched keeps what is sent, and answers in the server's place while it is away.
func (w *world) watched(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		r.Body = http.NoBody
		if body.Len() > 0 {
			r.Body = readCloser{bytes.NewReader(body.Bytes())}
		}
		w.mu.Lock()
		w.bodies = append(w.bodies, body.String())
		away := w.broken > 0
		if away {
			w.broken--
		}
		w.mu.Unlock()
		if away {
			http.Error(rw, "away", http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(rw, r)
	})
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

// record makes Argo's event recorder, with what Serin exports in the cluster.
func (w *world) record(change func(*corev1.ConfigMap, *corev1.Secret)) {
	w.t.Helper()
	text, err := argo.Notifications{URL: w.url, Key: "serin-token", Command: "serin export argo notifications"}.YAML()
	if err != nil {
		w.t.Fatal(err)
	}
	var cm corev1.ConfigMap
	if err := yaml.UnmarshalStrict(text, &cm); err != nil {
		w.t.Fatal(err)
	}
	secret := corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: record.NotificationSecret, Namespace: cm.Namespace}, Data: map[string][]byte{"serin-token": []byte(token)},
	}
	if change != nil {
		change(&cm, &secret)
	}
	logrus.SetOutput(w.said)
	logrus.SetLevel(logrus.WarnLevel)
	kube := kubefake.NewSimpleClientset(&cm, &secret)
	factory := informers.NewSharedInformerFactory(kube, time.Minute)
	secrets, maps := factory.Core().V1().Secrets().Informer(), factory.Core().V1().ConfigMaps().Informer()
	made := api.NewFactory(record.NewAPIFactorySettings(nil), cm.Namespace, secrets, maps)
	factory.Start(w.t.Context().Done())
	factory.WaitForCacheSync(w.t.Context().Done())
	counter := func(name string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name}, []string{"namespace", "name", "type", "reason"})
	}
	w.failed, w.sent = counter("failed"), counter("sent")
	w.recorder = record.NewEventRecorder(kube, counter("events"), w.failed, w.sent,
		prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "took"}, []string{"namespace", "name"}), made)
}

// event records an event as Argo's controller does. Like that, it returns when the
// event was sent.
func (w *world) event(reason string, ro *v1alpha1.Rollout) {
	w.t.Helper()
	w.recorder.Eventf(ro, record.EventOptions{EventReason: reason}, "%s", reason)
}

// state says in a word each what is recorded, the oldest first: revision, and
// whether it is live or why not.
func (w *world) state() string {
	w.t.Helper()
	list, err := w.journal.List(w.t.Context(), journal.Filter{})
	if err != nil {
		w.t.Fatal(err)
	}
	var words []string
	for i := len(list) - 1; i >= 0; i-- {
		r := list[i]
		text := r.Rollout.Revision
		for _, at := range r.Rollout.Weights {
			text += " " + strconv.FormatFloat(at.Percent, 'f', -1, 64) + "%"
		}
		if r.Closed.IsZero() {
			text += " live"
		} else {
			text += " " + r.Why
		}
		words = append(words, text)
	}
	return strings.Join(words, "; ")
}

// rollouts lists what is recorded, the newest first.
func (w *world) rollouts() []rollout.Rollout {
	w.t.Helper()
	list, err := w.journal.List(w.t.Context(), journal.Filter{})
	if err != nil {
		w.t.Fatal(err)
	}
	var out []rollout.Rollout
	for _, sum := range list {
		out = append(out, sum.Rollout)
	}
	return out
}
