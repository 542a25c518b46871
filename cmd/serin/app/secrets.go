package app

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/serin-canary/serin/judge/checks"
	"github.com/serin-canary/serin/queries/store"
)

// Secret is a secret that checks may use by its name. The secret itself is never in the
// configuration, nor in a plan.
type Secret struct {
	// Name is what plans call it: {{ secret "name" }}.
	Name string `yaml:"name"`
	// From says where it is: file:PATH, which is also how Kubernetes mounts secrets, or
	// env:NAME. It is read whenever a check needs it.
	From store.Secret `yaml:"from"`
	// Services whose plans may use it; empty means all.
	Services []string `yaml:"services"`
	// Namespaces in which they may; empty means all.
	Namespaces []string `yaml:"namespaces"`
}

// Secrets are all that checks may use.
type Secrets []Secret

func (all Secrets) check(fault func(path, format string, args ...any)) {
	seen := map[string]bool{}
	for i, s := range all {
		at := fmt.Sprintf("secrets[%d]", i)
		switch {
		case s.Name == "":
			fault(at+".name", "a secret needs a name, by which plans ask for it: {{ secret \"name\" }}")
		case !checks.SecretName(s.Name):
			fault(at+".name", "this is no name of a secret; write letters, digits and . - _, and never the secret itself")
		case seen[s.Name]:
			fault(at+".name", "another secret is called %q already", s.Name)
		}
		seen[s.Name] = true
		if err := s.From.Check(); err != nil {
			fault(at+".from", "%s", err)
		}
	}
}

// Give returns a secret to a check of the target's service. It is a checks.Secrets.
func (all Secrets) Give(t checks.Target, name string) (string, error) {
	i := slices.IndexFunc(all, func(s Secret) bool { return s.Name == name })
	if i < 0 {
		return "", errors.New("is not known here; add it under secrets: in the server's configuration, or give it to serin check run with --secret " + name + "=env:VARIABLE")
	}
	s := all[i]
	switch {
	case len(s.Services) > 0 && !slices.Contains(s.Services, t.Service):
		return "", fmt.Errorf("is not for checks of %s; add the service to its services under secrets: in the configuration", t.Service)
	case len(s.Namespaces) > 0 && !slices.Contains(s.Namespaces, t.Namespace):
		return "", fmt.Errorf("is not for checks in the namespace %q; add it to its namespaces under secrets: in the configuration", t.Namespace)
	}
	v, err := s.From.Read()
	if err != nil {
		return "", fmt.Errorf("%w; mend %s, or its entry under secrets: in the configuration", err, s.From)
	}
	return v, nil
}

// ReadSecrets reads secrets as command lines give them: NAME=file:PATH or NAME=env:VARIABLE.
func ReadSecrets(flags []string) (Secrets, error) {
	var out Secrets
	for _, f := range flags {
		name, from, _ := strings.Cut(f, "=")
		out = append(out, Secret{Name: name, From: store.Secret(from)})
	}
	var faults []error
	out.check(func(path, format string, args ...any) {
		faults = append(faults, fmt.Errorf("--secret: %s: %s; write --secret NAME=env:VARIABLE or NAME=file:PATH", strings.TrimPrefix(path, "secrets"), fmt.Sprintf(format, args...)))
	})
	return out, errors.Join(faults...)
}

// secrets reads every secret of checks, and shows none.
func (x *examination) secrets() {
	for _, s := range x.c.Secrets {
		part := "secret " + s.Name
		if _, err := s.From.Read(); err != nil {
			x.add(Diagnosis{part, Ill, oneLine(err), "write it to " + string(s.From) + ", or change secrets: in the configuration"})
			continue
		}
		x.add(Diagnosis{Part: part, Health: Well, Text: "can be read"})
	}
}
