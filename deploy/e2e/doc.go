// Package e2e holds what people install Serin with against the tools that read it: the
// chart against Helm, the bases against kustomize, both against the schemas of
// Kubernetes, and what comes out of them against the real command. It is a module of
// its own, so that Serin never depends on any of these tools.
package e2e
