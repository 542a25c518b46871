package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// serviceAccount is where Kubernetes puts a pod's credentials. The plugin runs in
// the controller's pod, which may read Rollouts.
const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

// cluster reads AnalysisRuns and Rollouts from Kubernetes' API. A GET at the end of a
// run is all that is needed of it, which is no reason for a client library.
type cluster struct {
	base      url.URL
	tokenFile string
	client    *http.Client
}

// on says which Rollout, and which of its revisions.
type on struct{ namespace, name, uid, hash string }

// inCluster finds the API of the cluster that the process runs in. Outside of one it
// returns nil.
func inCluster(dir string, environment func(string) (string, bool)) (*cluster, error) {
	host, _ := environment("KUBERNETES_SERVICE_HOST")
	port, _ := environment("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil {
		return nil, err
	}
	roots, err := rootsWith(string(pem))
	if err != nil {
		return nil, err
	}
	return &cluster{
		base: url.URL{Scheme: "https", Host: net.JoinHostPort(host, port)}, tokenFile: filepath.Join(dir, "token"),
		client: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
			DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		}},
	}, nil
}

// get reads an object of Argo's. It reports whether there is one.
func (c *cluster) get(ctx context.Context, kind string, of metav1.ObjectMeta, into any) (bool, error) {
	token, err := os.ReadFile(c.tokenFile)
	if err != nil {
		return false, err
	}
	at := c.base.JoinPath("apis/argoproj.io/v1alpha1/namespaces", of.Namespace, kind, of.Name)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return false, err
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	resp, err := c.client.Do(req)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusNotFound:
		return false, nil
	case http.StatusOK:
		return true, json.NewDecoder(io.LimitReader(resp.Body, 8<<20)).Decode(into)
	}
	return false, fmt.Errorf("got %d from Kubernetes", resp.StatusCode)
}
