package publish

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/serin-canary/serin/dashboards"
)

// Format is how a board is written down.
type Format string

// The formats.
const (
	JSON      Format = "json"      // the board itself, in the first schema (default)
	Resource  Format = "resource"  // a resource of Grafana's own API, in the second one
	ConfigMap Format = "configmap" // for a sidecar in a cluster
	Operator  Format = "operator"  // a GrafanaDashboard of the Grafana operator
)

// Formats lists them.
func Formats() []Format { return []Format{JSON, Resource, ConfigMap, Operator} }

// ending is that of a file's name.
func (f Format) ending() string {
	if f == ConfigMap || f == Operator {
		return ".yaml"
	}
	return ".json"
}

// ManifestOptions are what manifests have beside the board.
type ManifestOptions struct {
	Namespace string
	// Labels are added: what a sidecar (grafana_dashboard: "1" where empty) or an
	// operator looks for.
	Labels map[string]string
	// Folder is the title or UID of a folder.
	Folder string
	// Instances selects Grafanas of the operator (dashboards: grafana where empty).
	Instances map[string]string
}

// mostOfConfigMap is what a ConfigMap may hold, in bytes: etcd's limit, and room for
// the rest.
const mostOfConfigMap = 1000 << 10

// Write writes a board in a format.
func Write(b dashboards.Board, f Format, o ManifestOptions) ([]byte, error) {
	switch f {
	case Resource:
		return b.Manifest(o.Folder)
	case ConfigMap, Operator:
	case JSON, "":
		return b.JSON()
	default:
		return nil, fmt.Errorf("dashboards: %q is no format; write json, resource, configmap or operator", f)
	}
	text, err := b.JSON()
	if err != nil {
		return nil, err
	}
	if f == ConfigMap && len(text) > mostOfConfigMap {
		return nil, fmt.Errorf("dashboards: the board has %d KiB, and a ConfigMap may hold %d; publish it to Grafana, or with fewer metrics", len(text)>>10, mostOfConfigMap>>10)
	}
	m, err := o.meta(b)
	if err != nil {
		return nil, err
	}
	var manifest any
	if f == ConfigMap {
		manifest = configMap{"v1", "ConfigMap", m.sidecar(o), map[string]string{b.UID + ".json": string(text)}}
	} else {
		manifest = operator{"grafana.integreatly.org/v1beta1", "GrafanaDashboard", m, o.spec(b, string(text))}
	}
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(manifest), e.Close()); err != nil {
		return nil, fmt.Errorf("dashboards: %w", err)
	}
	return out.Bytes(), nil
}

type meta struct {
	Name        string            `yaml:"name"`
	Namespace   string            `yaml:"namespace,omitempty"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

type configMap struct {
	APIVersion string            `yaml:"apiVersion"`
	Kind       string            `yaml:"kind"`
	Metadata   meta              `yaml:"metadata"`
	Data       map[string]string `yaml:"data"`
}

type operator struct {
	APIVersion string       `yaml:"apiVersion"`
	Kind       string       `yaml:"kind"`
	Metadata   meta         `yaml:"metadata"`
	Spec       operatorSpec `yaml:"spec"`
}

type operatorSpec struct {
	UID       string `yaml:"uid"`
	Folder    string `yaml:"folder,omitempty"`
	Resync    string `yaml:"resyncPeriod"`
	CrossSpan bool   `yaml:"allowCrossNamespaceImport"`
	Instances struct {
		MatchLabels map[string]string `yaml:"matchLabels"`
	} `yaml:"instanceSelector"`
	JSON string `yaml:"json"`
}

var objectName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

func (o ManifestOptions) meta(b dashboards.Board) (meta, error) {
	name := strings.ToLower(b.UID)
	if !objectName.MatchString(name) {
		return meta{}, fmt.Errorf("dashboards: %q cannot be an object's name", b.UID)
	}
	m := meta{Name: name, Namespace: o.Namespace, Labels: map[string]string{"app.kubernetes.io/managed-by": "serin"}}
	for k, v := range o.Labels {
		m.Labels[k] = v
	}
	return m, nil
}

// sidecar adds what the usual sidecar looks for.
func (m meta) sidecar(o ManifestOptions) meta {
	if len(o.Labels) == 0 {
		m.Labels["grafana_dashboard"] = "1"
	}
	if o.Folder != "" {
		m.Annotations = map[string]string{"grafana_folder": o.Folder}
	}
	return m
}

func (o ManifestOptions) spec(b dashboards.Board, text string) operatorSpec {
	s := operatorSpec{UID: b.UID, Folder: o.Folder, Resync: "10m", CrossSpan: true, JSON: text}
	s.Instances.MatchLabels = o.Instances
	if len(o.Instances) == 0 {
		s.Instances.MatchLabels = map[string]string{"dashboards": "grafana"}
	}
	return s
}
