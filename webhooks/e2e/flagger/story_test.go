package flagger

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	flaggerv1 "github.com/fluxcd/flagger/pkg/apis/flagger/v1beta1"
)

const (
	// interval is the time between two steps of the controller.
	interval = 500 * time.Millisecond
	// patience bounds each wait for something that a story needs.
	patience = 60 * time.Second
)

// story is one Canary from its birth on.
type story struct {
	t       *testing.T
	name    string
	cluster *cluster
	service *service
	serin   *serin
	said    *messages
	// traffic is the share of traffic, of 1, that goes to the canary at a weight that
	// Flagger has routed.
	traffic func(weight int) float64
}

// messages are Flagger's event messages about one Canary.
type messages struct {
	mu   sync.Mutex
	list []string
}

// ServeHTTP implements http.Handler as an event hook.
func (m *messages) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var body struct {
		Checksum string
		Metadata map[string]string
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return // the test ended
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.list = append(m.list, body.Metadata["eventMessage"])
}

// count returns how many messages contain a text.
func (m *messages) count(text string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, s := range m.list {
		if strings.Contains(s, text) {
			n++
		}
	}
	return n
}

// String returns all of them.
func (m *messages) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.list, "\n")
}

// example reads a Canary from the examples, strictly, as Flagger's types have it.
func example(t *testing.T, file string) *flaggerv1.Canary {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../../examples/flagger", file))
	if err != nil {
		t.Fatal(err)
	}
	cd := &flaggerv1.Canary{}
	if err := yaml.UnmarshalStrict(text, cd); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return cd
}

// newStory creates a Canary from an example under the test's name, with its
// Deployment, and lets Flagger initialise it. The example's hooks go to the server;
// change may change the rest.
func (w *world) newStory(t *testing.T, file string, change func(*flaggerv1.Canary)) *story {
	t.Helper()
	name := t.Name()[strings.LastIndex(t.Name(), "/")+1:]
	s := &story{t: t, name: name, cluster: w.cluster, service: w.pods.services[name], serin: w.serin, said: &messages{},
		traffic: func(weight int) float64 { return float64(weight) / 100 }}
	if s.service == nil {
		t.Fatalf("%s is not among the services that have pods", name)
	}
	events := httptest.NewServer(s.said)
	t.Cleanup(events.Close)
	cd := example(t, file)
	cd.Name, cd.Spec.TargetRef.Name = name, name
	a := cd.Spec.Analysis
	for i := range a.Webhooks {
		h := &a.Webhooks[i]
		h.URL = strings.Replace(h.URL, "http://serin.serin", s.serin.hooks(), 1)
		if h.Metadata != nil && (*h.Metadata)["url.canary"] != "" {
			(*h.Metadata)["url.canary"] = "http://" + w.pods.addr + "/" + name
		}
	}
	a.Webhooks = append(a.Webhooks, flaggerv1.CanaryWebhook{Name: "story", Type: flaggerv1.EventHook, URL: events.URL})
	if change != nil {
		change(cd)
	}
	if _, err := s.cluster.kube.AppsV1().Deployments(namespace).Create(t.Context(), deployment(name, "1"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.cluster.canaries.FlaggerV1beta1().Canaries(namespace).Create(t.Context(), cd, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Flagger said:\n%s\nthe Canary's status: %+v\nrecorded: %+v", s.said, s.canary().Status, s.serin.rollouts(name))
		}
	})
	s.until("Flagger to initialise", func() bool { return s.phase() == flaggerv1.CanaryPhaseInitialized })
	return s
}

// deploy changes the Deployment's image. The canary has new pods then.
func (s *story) deploy(image string) {
	s.t.Helper()
	api := s.cluster.kube.AppsV1().Deployments(namespace)
	d, err := api.Get(s.t.Context(), s.name, metav1.GetOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	d.Spec.Template = deployment(s.name, image).Spec.Template
	d.Generation++
	s.service.renew() // before anybody may begin to judge the new ones
	if _, err := api.Update(s.t.Context(), d, metav1.UpdateOptions{}); err != nil {
		s.t.Fatal(err)
	}
}

// change changes the Canary.
func (s *story) change(how func(*flaggerv1.Canary)) {
	s.t.Helper()
	api := s.cluster.canaries.FlaggerV1beta1().Canaries(namespace)
	cd, err := api.Get(s.t.Context(), s.name, metav1.GetOptions{})
	if err == nil {
		how(cd)
		_, err = api.Update(s.t.Context(), cd, metav1.UpdateOptions{})
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// canary reads the Canary.
func (s *story) canary() *flaggerv1.Canary {
	cd, err := s.cluster.canaries.FlaggerV1beta1().Canaries(namespace).Get(s.t.Context(), s.name, metav1.GetOptions{})
	if err != nil {
		return &flaggerv1.Canary{}
	}
	return cd
}

func (s *story) phase() flaggerv1.CanaryPhase { return s.canary().Status.Phase }

// weight returns the canary's share that Flagger has written into the routes, in
// percent.
func (s *story) weight() int {
	s.t.Helper()
	cd := s.cluster.get(s.t, s.name)
	_, canary, _, err := s.cluster.routers.MeshRouter(cd.Spec.Provider, "app").GetRoutes(cd)
	if err != nil {
		return 0 // before the routes are there
	}
	return canary
}

// step is one step of everything: Deployments become ready, Flagger takes its turn,
// and traffic follows the routes.
func (s *story) step() {
	s.t.Helper()
	s.cluster.settle(s.t, s.name, s.name+"-primary")
	s.cluster.advance(s.t, s.name)
	s.service.route(s.traffic(s.weight()))
}

// until takes steps until a condition holds.
func (s *story) until(what string, holds func() bool) {
	s.t.Helper()
	end := time.Now().Add(patience)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		s.step()
		if holds() {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("waited %s in vain for %s; the phase is %s", patience, what, s.phase())
		}
		<-ticker.C
	}
}

// untilPhase takes steps until the Canary is in a phase, and fails at once where it
// ends in another one.
func (s *story) untilPhase(want flaggerv1.CanaryPhase) {
	s.t.Helper()
	s.until(string(want), func() bool {
		got := s.phase()
		if got != want && (got == flaggerv1.CanaryPhaseFailed || got == flaggerv1.CanaryPhaseSucceeded) {
			s.t.Fatalf("got phase %s, want %s", got, want)
		}
		return got == want
	})
}

// begin deploys an image and takes steps until Flagger is at it.
func (s *story) begin(image string) {
	s.t.Helper()
	s.deploy(image)
	s.until("the rollout to begin", func() bool { return s.phase() == flaggerv1.CanaryPhaseProgressing })
}

// want checks that Flagger said something, or, with a minus before it, that it did
// not.
func (s *story) want(texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		text, not := strings.CutPrefix(text, "-")
		if said := s.said.count(text) > 0; said == not {
			s.t.Errorf("got %q said by Flagger: %v, want %v", text, said, !not)
		}
	}
}

// image returns the image that the primary runs.
func (s *story) image() string {
	s.t.Helper()
	d, err := s.cluster.kube.AppsV1().Deployments(namespace).Get(s.t.Context(), s.name+"-primary", metav1.GetOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	_, tag, _ := strings.Cut(d.Spec.Template.Spec.Containers[0].Image, ":")
	return tag
}

// ended checks the rollouts that Serin has recorded: why each was closed, in order.
func (s *story) ended(why ...string) []rolled {
	s.t.Helper()
	list := s.serin.rollouts(s.name)
	if len(list) != len(why) {
		s.t.Fatalf("got %d rollouts, want %d: %+v", len(list), len(why), list)
	}
	for i, r := range list {
		if !strings.Contains(r.Why, why[i]) || (why[i] == "") != r.Closed.IsZero() {
			s.t.Errorf("rollout %d: got closed %v because %q, want %q", i+1, !r.Closed.IsZero(), r.Why, why[i])
		}
	}
	return list
}
