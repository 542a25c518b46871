package app

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/serin-canary/serin/webhooks"
	"github.com/serin-canary/serin/webhooks/azure"
	"github.com/serin-canary/serin/webhooks/reply"
)

// Azure configures checks of Azure DevOps in callback mode; without it they are
// refused. Checks that poll need nothing of this.
type Azure struct {
	// Hosts may be told how checks end: dev.azure.com, *.visualstudio.com.
	Hosts []string `yaml:"hosts"`
	// Keys seal the runs' tokens in the journal: the first one seals, and every one
	// opens, so that a new one is put on top of the old.
	Keys []AzureKey `yaml:"keys"`
	// APIVersion is the version of the API that is called (default 7.1).
	APIVersion string `yaml:"apiVersion"`
}

// AzureKey is a key and where it is: a file with 32 random bytes in base64.
type AzureKey struct {
	ID   string `yaml:"id"`
	File string `yaml:"file"`
}

// on reports whether callback mode is configured.
func (a Azure) on() bool { return len(a.Hosts)+len(a.Keys) > 0 }

func (a Azure) check(fault func(path, format string, args ...any)) {
	switch {
	case !a.on() && a.APIVersion != "":
		fault("azure.apiVersion", "nothing is called without azure.hosts and azure.keys; add them, or remove this")
	case a.on() && len(a.Keys) == 0:
		fault("azure.keys", "callback mode keeps the run's token until the check has ended, and there is no key to seal it with; name a file: {id: 2026-05, file: …}, made with: head -c 32 /dev/urandom | base64")
	case a.on() && len(a.Hosts) == 0:
		fault("azure.hosts", "there is a key and no host that may be called; list dev.azure.com, or your server's")
	}
	if a.APIVersion != "" {
		if err := azure.CheckAPIVersion(a.APIVersion); err != nil {
			fault("azure.apiVersion", "%s", err)
		}
	}
	for i, h := range a.Hosts {
		if err := azure.CheckHost(h); err != nil {
			fault(fmt.Sprintf("azure.hosts[%d]", i), "%s", err)
		}
	}
	seen := map[string]bool{}
	for i, k := range a.Keys {
		at := fmt.Sprintf("azure.keys[%d]", i)
		if err := azure.CheckKeyID(k.ID); err != nil {
			fault(at+".id", "%s", err)
		}
		if seen[k.ID] {
			fault(at+".id", "another key is called %q already", k.ID)
		}
		seen[k.ID] = true
		if k.File == "" {
			fault(at+".file", "a key needs the file that it is in")
		}
	}
}

// azureSender opens what tells checks in callback mode how they end; nil where it is
// not configured.
func azureSender(c Config, _ *slog.Logger) (reply.Sender, error) {
	if !c.Azure.on() {
		return nil, nil
	}
	s, err := c.Azure.open(c)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (a Azure) open(c Config) (*azure.Sender, error) {
	keys := make([]azure.Key, len(a.Keys))
	for i, k := range a.Keys {
		text, err := readSecret(k.File)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", k.ID, err)
		}
		keys[i].ID = k.ID
		if keys[i].Secret, err = azure.ParseKey(text); err != nil {
			return nil, fmt.Errorf("key %s: %w", k.ID, err)
		}
	}
	return azure.New(azure.Config{Hosts: a.Hosts, Keys: keys, APIVersion: a.APIVersion, Client: c.Outgoing.ForCallbacks().client()})
}

// azure tries the keys, for serin doctor.
func (x *examination) azure() {
	if !x.c.Azure.on() {
		return
	}
	if _, err := x.c.Azure.open(x.c); err != nil {
		x.add(Diagnosis{"azure", Ill, oneLine(err), "mend azure in the configuration, or the file that it names"})
		return
	}
	x.add(Diagnosis{Part: "azure", Health: Well, Text: "checks in callback mode are answered at " + strings.Join(x.c.Azure.Hosts, ", ") + ", and tokens sealed with key " + x.c.Azure.Keys[0].ID})
}

// azure is what the front needs for checks in callback mode; nil where they are
// refused.
func (l *later) azure() webhooks.AzureCallback {
	if s, ok := l.senders[azure.Name].(*azure.Sender); ok {
		return s
	}
	return nil
}
