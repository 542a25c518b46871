package alerts

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"

	"github.com/prometheus/prometheus/model/rulefmt"
)

// ManifestOptions are what a PrometheusRule has beside the rules.
type ManifestOptions struct {
	Namespace string
	// Labels must be those that the Prometheus' ruleSelector asks for, often release.
	Labels map[string]string
	// Owner makes the cluster remove the rules with the object that they are about.
	Owner Owner
}

// Owner is an object of a cluster; without a UID there is none.
type Owner struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Name       string `yaml:"name"`
	UID        string `yaml:"uid"`
}

type manifest struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name      string            `yaml:"name"`
		Namespace string            `yaml:"namespace,omitempty"`
		Labels    map[string]string `yaml:"labels"`
		Owners    []Owner           `yaml:"ownerReferences,omitempty"`
	} `yaml:"metadata"`
	Spec rulefmt.RuleGroups `yaml:"spec"`
}

var objectName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// Manifest writes the set as a PrometheusRule of the Prometheus operator.
func (s Set) Manifest(o ManifestOptions) ([]byte, error) {
	var m manifest
	m.APIVersion, m.Kind = "monitoring.coreos.com/v1", "PrometheusRule"
	m.Metadata.Name, m.Metadata.Namespace = s.Name(), o.Namespace
	if !objectName.MatchString(s.Name()) {
		return nil, fmt.Errorf("alerts: %q cannot be an object's name", s.Name())
	}
	m.Metadata.Labels = map[string]string{"app.kubernetes.io/managed-by": managedBy}
	maps.Copy(m.Metadata.Labels, o.Labels)
	if o.Owner.UID != "" {
		m.Metadata.Owners = []Owner{o.Owner}
	}
	m.Spec.Groups = []rulefmt.RuleGroup{s.Group}
	var b bytes.Buffer
	if err := encode(&b, m); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
