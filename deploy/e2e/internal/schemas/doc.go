// Command schemas writes the JSON Schemas that the tests hold manifests against, with
// every unknown field refused and without descriptions. Their facts come from Go
// modules, all of them under the Apache License 2.0:
//
//   - k8s.io/client-go, openapi/openapitest: the core and apps groups of a recent Kubernetes;
//   - sigs.k8s.io/kustomize/kyaml: Kubernetes 1.21 as a whole, of which the groups policy
//     and networking have not changed in what is used here;
//   - sigs.k8s.io/gateway-api and github.com/prometheus-operator/prometheus-operator:
//     their custom resources.
//
// Run it in deploy/e2e: go run ./internal/schemas testdata/schemas.
package main
