package main

import (
	"encoding/json"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// accountToken is the service account's.
const accountToken = "service-account-0123456789"

// kubernetes is the part of Kubernetes' API that the plugin reads, over TLS, with
// objects that a function gives.
type kubernetes struct {
	mu    sync.Mutex
	asked map[string]int // by kind/name

	get func(kind, name string) (any, error)
}

// newKubernetes serves it and returns the folder of a service account.
func newKubernetes(t *testing.T, get func(kind, name string) (any, error)) (*kubernetes, *httptest.Server, string) {
	t.Helper()
	k := &kubernetes{asked: map[string]int{}, get: get}
	srv := httptest.NewTLSServer(k)
	t.Cleanup(srv.Close)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "token"), accountToken+"\n")
	write(t, filepath.Join(dir, "ca.crt"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})))
	return k, srv, dir
}

// ServeHTTP implements http.Handler.
func (k *kubernetes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /apis/argoproj.io/v1alpha1/namespaces/"+namespace+"/{kind}/{name}", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+accountToken {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		k.mu.Lock()
		k.asked[r.PathValue("kind")+"/"+r.PathValue("name")]++
		k.mu.Unlock()
		found, err := k.get(r.PathValue("kind"), r.PathValue("name"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(found) // the client sees what is missing
	})
	mux.ServeHTTP(w, r)
}

// times returns how often something was asked for.
func (k *kubernetes) times(what string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.asked[what]
}

// inside sets what a pod finds in its environment, for the plugin's process.
func inside(t *testing.T, srv *httptest.Server) {
	t.Helper()
	host, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port} {
		if err := os.Setenv(name, value); err != nil { // testing's own forbids parallel stories
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Unsetenv(name) })
	}
}

// object reads from the fake clientset, which is this cluster's store.
func (a *argo) object(t *testing.T) func(kind, name string) (any, error) {
	return func(kind, name string) (any, error) {
		api := a.argo.ArgoprojV1alpha1()
		if kind == "rollouts" {
			return api.Rollouts(namespace).Get(t.Context(), name, metav1.GetOptions{})
		}
		return api.AnalysisRuns(namespace).Get(t.Context(), name, metav1.GetOptions{})
	}
}

// rollout creates a Rollout in a state.
func (a *argo) rollout(t *testing.T, name string, status v1alpha1.RolloutStatus) {
	t.Helper()
	r := &v1alpha1.Rollout{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: uidOf(name)}, Status: status}
	if _, err := a.argo.ArgoprojV1alpha1().Rollouts(namespace).Create(t.Context(), r, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}
