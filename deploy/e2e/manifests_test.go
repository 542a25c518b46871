package e2e

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/yannh/kubeconform/pkg/validator"
	"sigs.k8s.io/yaml"
)

// object is one manifest, as far as the tests read it.
type object struct {
	Kind     string
	Metadata struct {
		Name, Namespace string
		Labels          map[string]string
	}
	Data map[string]string
	Spec struct {
		podSpec
		Template struct{ Spec podSpec }
	}
}

type podSpec struct {
	AutomountServiceAccountToken *bool
	SecurityContext              struct {
		RunAsUser      int
		RunAsNonRoot   bool
		SeccompProfile struct{ Type string }
	}
	InitContainers, Containers []container
	Volumes                    []volume
}

type container struct {
	Name      string
	Args      []string
	Env       []struct{ Name, Value string }
	Resources struct {
		Limits struct{ Memory string }
	}
	VolumeMounts []struct {
		Name, MountPath string
		ReadOnly        bool
	}
	StartupProbe, LivenessProbe, ReadinessProbe *probe
	SecurityContext                             struct {
		AllowPrivilegeEscalation *bool
		ReadOnlyRootFilesystem   bool
		Capabilities             struct{ Drop, Add []string }
	}
}

type probe struct {
	HTTPGet struct{ Path, Scheme string } `json:"httpGet"`
}

type volume struct {
	Name      string
	ConfigMap *struct{ Name string }
	Secret    *struct {
		SecretName string
		Items      []struct{ Key, Path string }
	}
}

// pod returns the pod of a workload, or of a pod itself.
func (o object) pod() podSpec {
	if len(o.Spec.Containers) > 0 {
		return o.Spec.podSpec
	}
	return o.Spec.Template.Spec
}

// objects reads manifests.
func objects(t *testing.T, text string) []object {
	t.Helper()
	var out []object
	for _, doc := range strings.Split("\n"+text, "\n---\n") {
		var o object
		if err := yaml.Unmarshal([]byte(doc), &o); err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		if o.Kind != "" {
			out = append(out, o)
		}
	}
	return out
}

// checkManifests holds manifests against the schemas of Kubernetes, where no unknown
// field is taken, and pods against what Serin promises of them.
func checkManifests(t *testing.T, text string) {
	t.Helper()
	v, err := validator.New([]string{"testdata/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json"}, validator.Opts{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	valid := 0
	for _, r := range v.Validate("manifests.yaml", io.NopCloser(strings.NewReader(text))) {
		switch r.Status {
		case validator.Valid:
			valid++
		case validator.Empty:
		default:
			t.Errorf("%.200s: %v %v", r.Resource.Bytes, r.Err, r.ValidationErrors)
		}
	}
	all := objects(t, text)
	if valid != len(all) || valid == 0 {
		t.Errorf("got %d valid manifests of %d", valid, len(all))
	}
	for _, o := range all {
		if len(o.pod().Containers) > 0 {
			checkPod(t, o.Kind+" "+o.Metadata.Name, o.pod())
		}
	}
}

// checkPod holds a pod against the restricted profile of Kubernetes' pod security standards.
func checkPod(t *testing.T, name string, p podSpec) {
	t.Helper()
	if !p.SecurityContext.RunAsNonRoot || p.SecurityContext.RunAsUser == 0 || p.SecurityContext.SeccompProfile.Type != "RuntimeDefault" {
		t.Errorf("%s: got security %+v, want a user other than root, and the runtime's seccomp profile", name, p.SecurityContext)
	}
	if p.AutomountServiceAccountToken == nil || *p.AutomountServiceAccountToken {
		t.Errorf("%s mounts a token of the cluster, which Serin has no use for", name)
	}
	for _, c := range slices.Concat(p.InitContainers, p.Containers) {
		s := c.SecurityContext
		if s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || !s.ReadOnlyRootFilesystem || len(s.Capabilities.Add) > 0 || strings.Join(s.Capabilities.Drop, ",") != "ALL" {
			t.Errorf("%s/%s: got security %+v, want nothing to be gained", name, c.Name, s)
		}
	}
}

func TestSchemasRefuse(t *testing.T) {
	v, err := validator.New([]string{"testdata/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json"}, validator.Opts{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"an unknown field":     "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndate: {}\n",
		"a deep unknown field": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {selector: {}, template: {spec: {containers: [{name: a, arg: []}]}}}\n",
		"a wrong type":         "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\nspec: {maxUnavailable: []}\n",
		"an unknown kind":      "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n",
		"a custom field":       "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\nspec: {selector: {}, endpoints: [{prot: http}]}\n",
		"a missing field":      "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\nspec: {rules: [{http: {paths: [{path: /}]}}]}\n",
	} {
		for _, r := range v.Validate("a.yaml", io.NopCloser(strings.NewReader(text))) {
			if r.Status == validator.Valid {
				t.Errorf("%s was taken", name)
			}
		}
	}
}
