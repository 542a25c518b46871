package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	openapi "github.com/google/gnostic-models/openapiv2"
	"google.golang.org/protobuf/proto"
	"sigs.k8s.io/kustomize/kyaml/openapi/kubernetesapi"
	"sigs.k8s.io/yaml"
)

// The modules that are read as files; the others are imported.
const (
	clientGo = "k8s.io/client-go@v0.37.1"
	gateway  = "sigs.k8s.io/gateway-api@v1.6.3"
	operator = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
)

// sleep is what openapitest does not know yet: the action of a hook since Kubernetes 1.30.
const sleep = `{"type": "object", "required": ["seconds"], "properties": {"seconds": {"type": "integer", "format": "int64"}}}`

type object = map[string]any

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./internal/schemas DIR")
		os.Exit(1)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(dir string) error {
	recent, err := moduleDir(clientGo)
	if err != nil {
		return err
	}
	core, err := components(recent + "/openapi/openapitest/testdata/api__v1_openapi.json")
	if err != nil {
		return err
	}
	apps, err := components(recent + "/openapi/openapitest/testdata/apis__apps__v1_openapi.json")
	if err != nil {
		return err
	}
	old, err := swagger()
	if err != nil {
		return err
	}
	for _, k := range []struct {
		from object
		name string // of the definition
		file string
	}{
		{core, "io.k8s.api.core.v1.ConfigMap", "configmap-v1"},
		{core, "io.k8s.api.core.v1.Namespace", "namespace-v1"},
		{core, "io.k8s.api.core.v1.PersistentVolumeClaim", "persistentvolumeclaim-v1"},
		{core, "io.k8s.api.core.v1.Pod", "pod-v1"},
		{core, "io.k8s.api.core.v1.Service", "service-v1"},
		{core, "io.k8s.api.core.v1.ServiceAccount", "serviceaccount-v1"},
		{apps, "io.k8s.api.apps.v1.Deployment", "deployment-apps-v1"},
		{apps, "io.k8s.api.apps.v1.StatefulSet", "statefulset-apps-v1"},
		{old, "io.k8s.api.networking.v1.Ingress", "ingress-networking-v1"},
		{old, "io.k8s.api.networking.v1.NetworkPolicy", "networkpolicy-networking-v1"},
		{old, "io.k8s.api.policy.v1.PodDisruptionBudget", "poddisruptionbudget-policy-v1"},
	} {
		if err := store(dir, k.file, builtIn(k.from, k.name)); err != nil {
			return err
		}
	}
	return customs(dir)
}

// customs writes the schemas of custom resources.
func customs(dir string) error {
	for _, k := range []struct{ module, path, file string }{
		{gateway, "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml", "httproute-gateway-v1"},
		{operator, "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml", "servicemonitor-monitoring-v1"},
		{operator, "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml", "prometheusrule-monitoring-v1"},
	} {
		at, err := moduleDir(k.module)
		if err != nil {
			return err
		}
		schema, err := custom(filepath.Join(at, k.path))
		if err != nil {
			return err
		}
		if err := store(dir, k.file, schema); err != nil {
			return err
		}
	}
	return nil
}

func moduleDir(module string) (string, error) {
	out, err := exec.CommandContext(context.Background(), "go", "mod", "download", "-json", module).Output() // #nosec G204 -- one of the constants above
	if err != nil {
		return "", fmt.Errorf("%s cannot be had: %w", module, err)
	}
	var m struct{ Dir string }
	return m.Dir, json.Unmarshal(out, &m)
}

// components reads the definitions of an OpenAPI 3 document.
func components(file string) (object, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Components struct{ Schemas object }
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	defs := doc.Components.Schemas
	if handler, ok := defs["io.k8s.api.core.v1.LifecycleHandler"].(object); ok {
		var action object
		if err := json.Unmarshal([]byte(sleep), &action); err != nil {
			return nil, err
		}
		handler["properties"].(object)["sleep"] = action
	}
	if box, ok := defs["io.k8s.api.core.v1.Container"].(object); ok {
		box["properties"].(object)["restartPolicy"] = object{"type": "string"} // of sidecars, since Kubernetes 1.29
	}
	return defs, nil
}

// swagger reads the definitions of kustomize's OpenAPI 2 document.
func swagger() (object, error) {
	var doc openapi.Document
	if err := proto.Unmarshal(kubernetesapi.OpenAPIMustAsset["v1.21.2"]("kubernetesapi/v1_21_2/swagger.pb"), &doc); err != nil {
		return nil, err
	}
	text, err := doc.YAMLValue("")
	if err != nil {
		return nil, err
	}
	var read struct{ Definitions object }
	return read.Definitions, yaml.Unmarshal(text, &read)
}

// builtIn returns the schema of one kind with the definitions that it needs.
func builtIn(defs object, name string) object {
	needed := object{}
	var follow func(v any)
	follow = func(v any) {
		switch v := v.(type) {
		case object:
			if ref, ok := v["$ref"].(string); ok {
				to := ref[strings.LastIndex(ref, "/")+1:]
				v["$ref"] = "#/definitions/" + to
				if _, seen := needed[to]; !seen {
					needed[to] = defs[to]
					follow(defs[to])
				}
			}
			for _, inner := range v {
				follow(inner)
			}
		case []any:
			for _, inner := range v {
				follow(inner)
			}
		}
	}
	follow(defs[name])
	schema := object{"$ref": "#/definitions/" + name}
	needed[name] = defs[name]
	for _, d := range needed {
		strict(d)
	}
	schema["definitions"] = needed
	return schema
}

// custom returns the schema of a custom resource's version 1.
func custom(file string) (object, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Name   string
				Schema struct {
					OpenAPIV3Schema object `json:"openAPIV3Schema"`
				}
			}
		}
	}
	if err := yaml.Unmarshal(text, &crd); err != nil {
		return nil, err
	}
	for _, v := range crd.Spec.Versions {
		if v.Name == "v1" {
			s := v.Schema.OpenAPIV3Schema
			strict(s)
			s["properties"].(object)["metadata"] = object{"type": "object"}
			return s, nil
		}
	}
	return nil, fmt.Errorf("%s has no version v1", file)
}

// strict takes away what is no rule, and refuses unknown fields, as the API server
// does where it is asked to be strict.
func strict(v any) {
	switch v := v.(type) {
	case []any:
		for _, inner := range v {
			strict(inner)
		}
	case object:
		if props, ok := v["properties"].(object); ok {
			if _, open := v["additionalProperties"]; !open && v["x-kubernetes-preserve-unknown-fields"] != true {
				v["additionalProperties"] = false
			}
			for _, inner := range props { // their names are no keywords
				strict(inner)
			}
		}
		if v["format"] == "int-or-string" || v["x-kubernetes-int-or-string"] == true {
			delete(v, "anyOf")
			v["type"] = []any{"string", "integer"}
		}
		for key, inner := range v {
			switch {
			case key == "description", key == "default", key == "format", strings.HasPrefix(key, "x-"):
				delete(v, key)
			case key != "properties" && key != "enum":
				strict(inner)
			}
		}
	}
}

func store(dir, name string, schema object) error {
	if len(schema) == 0 {
		return fmt.Errorf("%s has no schema", name)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(schema); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+".json"), b.Bytes(), 0o600)
}
