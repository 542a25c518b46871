package argo

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/serin-canary/serin/judge/plan"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares what was written with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name+".yaml")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: run go test ./cmd/serin/argo -update; got\n%s", file, got)
	}
}

// checkout is a plan with the default times.
func checkout() plan.Plan {
	minute := plan.Duration(time.Minute)
	return plan.Plan{
		Name: "checkout", Service: "checkout", Source: "prometheus", Block: minute, Lag: minute / 2,
		MaxDuration: 60 * minute, HoldFor: 240 * minute, AtDeadline: plan.Hold,
	}
}

// document is what a template must be, and nothing else. (The suite in
// webhooks/e2e/argo-notifications reads it with Argo's own types.)
type document struct {
	APIVersion string            `yaml:"apiVersion"`
	Kind       string            `yaml:"kind"`
	Metadata   map[string]string `yaml:"metadata"`
	Spec       struct {
		Args []struct {
			Name      string  `yaml:"name"`
			Value     *string `yaml:"value"`
			ValueFrom *struct {
				SecretKeyRef struct{ Name, Key string } `yaml:"secretKeyRef"`
			} `yaml:"valueFrom"`
		} `yaml:"args"`
		Metrics []struct {
			Name                    string        `yaml:"name"`
			Interval                time.Duration `yaml:"interval"`
			InitialDelay            time.Duration `yaml:"initialDelay"`
			Count                   int           `yaml:"count"`
			InconclusiveLimit       int           `yaml:"inconclusiveLimit"`
			ConsecutiveSuccessLimit int           `yaml:"consecutiveSuccessLimit"`
			FailureLimit            int           `yaml:"failureLimit"`
			ConsecutiveErrorLimit   int           `yaml:"consecutiveErrorLimit"`
			SuccessCondition        string        `yaml:"successCondition"`
			FailureCondition        string        `yaml:"failureCondition"`
			Provider                map[string]map[string]any
		} `yaml:"metrics"`
	} `yaml:"spec"`
}

func read(t *testing.T, text []byte) document {
	t.Helper()
	var d document
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&d); err != nil || d.APIVersion != "argoproj.io/v1alpha1" || d.Kind != "AnalysisTemplate" || len(d.Spec.Metrics) != 1 {
		t.Fatalf("got %v from\n%s", err, text)
	}
	return d
}

func TestTemplates(t *testing.T) {
	for name, tt := range map[string]Template{
		"gate":     {Secret: Secret{"serin", "token"}},
		"step":     {Gate: GateStep, Name: "between-steps"},
		"pending":  {Idiom: IdiomPending, URL: "https://serin.example.org/base/"},
		"guard":    {Gate: GateGuard, Patience: time.Hour},
		"kayenta":  {Provider: Kayenta, Secret: Secret{"serin", "token"}},
		"plugin":   {Provider: Plugin},
		"plugin-2": {Provider: Plugin, Gate: GateStep, URL: "http://serin.serin", Secret: Secret{"serin", "token"}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.Plan, tt.Command = checkout(), "serin export argo --plan checkout"
			got, err := tt.YAML()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, got)
			d := read(t, got)
			// Argo's controller dies of a lookback without an initialDelay.
			if _, ok := d.Spec.Metrics[0].Provider["kayenta"]["lookback"]; ok {
				t.Error("got a lookback, which is never written")
			}
			if tt.Secret.Name == "" && strings.Contains(string(got), "token") {
				t.Errorf("got a token where none is asked for")
			}
		})
	}
}

// The numbers are the plan's, whatever they are.
func TestNumbers(t *testing.T) {
	for name, tt := range map[string]struct {
		change   func(*plan.Plan)
		patience time.Duration
		interval time.Duration
		count    int
		errors   int
		waiting  int
	}{
		"default":           {func(*plan.Plan) {}, 0, 30 * time.Second, 605, 60, 1875},
		"no hold":           {func(p *plan.Plan) { p.AtDeadline = plan.Rollback }, 0, 30 * time.Second, 125, 60, 435},
		"short blocks":      {func(p *plan.Plan) { p.Block = plan.Duration(5 * time.Second) }, time.Minute, 10 * time.Second, 1804, 6, 1810},
		"long blocks":       {func(p *plan.Plan) { p.Block = plan.Duration(10 * time.Minute) }, 0, time.Minute, 321, 60, 1983},
		"an hour away":      {func(*plan.Plan) {}, time.Hour, 30 * time.Second, 605, 360, 2175},
		"a part of a retry": {func(*plan.Plan) {}, 15 * time.Second, 30 * time.Second, 605, 2, 1817},
	} {
		t.Run(name, func(t *testing.T) {
			p := checkout()
			tt.change(&p)
			write := func(idiom string) document {
				got, err := Template{Plan: p, Idiom: idiom, Patience: tt.patience, Command: "x"}.YAML()
				if err != nil {
					t.Fatal(err)
				}
				return read(t, got)
			}
			m := write(IdiomGate).Spec.Metrics[0]
			if m.Interval != tt.interval || m.Count != tt.count || m.ConsecutiveErrorLimit != tt.errors {
				t.Errorf("got every %s, %d times, %d errors; want %s, %d, %d", m.Interval, m.Count, m.ConsecutiveErrorLimit, tt.interval, tt.count, tt.errors)
			}
			if m.InconclusiveLimit != m.Count || m.ConsecutiveSuccessLimit != 1 || m.FailureLimit != 0 || m.SuccessCondition == "" || m.FailureCondition == "" {
				t.Errorf("got %+v, want every inconclusive answer counted and the first pass to end it", m)
			}
			if whole := time.Duration(m.Count) * m.Interval; whole < longestOf(p) {
				t.Errorf("got %s of waiting, want at least the plan's %s", whole, longestOf(p))
			}
			if m := write(IdiomPending).Spec.Metrics[0]; m.Count != 1 || m.Interval != 0 || m.ConsecutiveErrorLimit != tt.waiting {
				t.Errorf("got %d errors with count %d, want %d with 1", m.ConsecutiveErrorLimit, m.Count, tt.waiting)
			}
			if m := write(IdiomGuard).Spec.Metrics[0]; m.Count != 0 || m.Interval != tt.interval || m.ConsecutiveErrorLimit != tt.errors || m.SuccessCondition != "" {
				t.Errorf("got %+v, want a guard without an end", m)
			}
		})
	}
}

func TestTemplatesThatAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		template Template
		says     []string
	}{
		"everything at once": {Template{Provider: "mail", Gate: "door", URL: "serin", Name: "Serin", Patience: 48 * time.Hour}, []string{"--provider", "--gate", "--url", "--name", "--patience"}},
		"idiom":              {Template{Idiom: "d"}, []string{"--idiom \"d\""}},
		"idiom of another":   {Template{Provider: Plugin, Idiom: IdiomGuard}, []string{"--idiom"}},
		"gate of Kayenta":    {Template{Provider: Kayenta, Gate: GateStep}, []string{"--gate"}},
		"a guard that waits": {Template{Idiom: IdiomGate, Gate: GateGuard}, []string{"a guard never passes"}},
		"a gate that guards": {Template{Idiom: IdiomGuard, Gate: GateStep}, []string{"a guard never passes"}},
		"address of plugin":  {Template{Provider: Plugin, URL: "http://serin"}, []string{"--secret too"}},
		"credentials":        {Template{URL: "http://a:hunter2@serin"}, []string{"--secret"}},
		"query":              {Template{URL: "http://serin?a=b"}, []string{"--url"}},
		"argument":           {Template{URL: "http://{{args.x}}"}, []string{"--url"}},
		"line":               {Template{URL: "http://serin\nkind: x"}, []string{"--url"}},
		"patience":           {Template{Patience: time.Second}, []string{"--patience"}},
		"no name":            {Template{Name: "a/b"}, []string{"--name"}},
	} {
		t.Run(name, func(t *testing.T) {
			tt.template.Plan = checkout()
			out, err := tt.template.YAML()
			if err == nil {
				t.Fatalf("got\n%s\nwant a refusal", out)
			}
			for _, says := range tt.says {
				if !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hunter2") {
					t.Errorf("got %q, want %q in it, and no credentials", err, says)
				}
			}
		})
	}
	for _, text := range []string{"", "serin", "serin/", "/token", "Serin/token", "a/b/c", "serin/to ken", "serin/to.ken\n"} {
		if s, err := ParseSecret(text); err == nil {
			t.Errorf("%q: got %+v, want a refusal", text, s)
		}
	}
}

// A plan's name may be anything; the template's may not.
func TestNamesOfPlans(t *testing.T) {
	p := checkout()
	p.Name, p.Service = "Checkout: \"EU\"\n#1", "a\tb"
	for _, provider := range []string{Web, Kayenta, Plugin} {
		got, err := Template{Plan: p, Provider: provider}.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if name := read(t, got).Metadata["name"]; name != "serin-checkout---eu---1" {
			t.Errorf("got name %q", name)
		}
	}
}

func TestNotifications(t *testing.T) {
	got, err := Notifications{Key: "serin-token", Command: "serin export argo notifications --secret serin-token"}.YAML()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "notifications", got)
	var m struct {
		APIVersion string            `yaml:"apiVersion"`
		Kind       string            `yaml:"kind"`
		Metadata   map[string]string `yaml:"metadata"`
		Data       map[string]string `yaml:"data"`
	}
	dec := yaml.NewDecoder(bytes.NewReader(got))
	dec.KnownFields(true)
	if err := dec.Decode(&m); err != nil || m.Metadata["namespace"] != "argo-rollouts" || len(m.Data) != 2+2*len(Events()) {
		t.Fatalf("got %v, %+v", err, m)
	}
	for _, e := range Events() {
		var triggers []struct{ Send []string }
		var body struct {
			Webhook struct {
				Serin struct{ Method, Path, Body string } `yaml:"serin"`
			} `yaml:"webhook"`
		}
		if err := yaml.Unmarshal([]byte(m.Data["trigger."+e.Trigger]), &triggers); err != nil || len(triggers) != 1 || triggers[0].Send[0] != "serin-"+e.Name {
			t.Errorf("%s: got %+v, %v", e.Trigger, triggers, err)
		}
		if err := yaml.Unmarshal([]byte(m.Data["template.serin-"+e.Name]), &body); err != nil || body.Webhook.Serin.Path != "/argo/notifications" {
			t.Fatalf("%s: got %+v, %v", e.Name, body, err)
		}
		// Argo's engine has sprig's functions; that they are called as they want is seen there.
		if _, err := template.New(e.Name).Funcs(sprig()).Parse(body.Webhook.Serin.Body); err != nil {
			t.Errorf("%s: %v", e.Name, err)
		}
		if !strings.Contains(m.Data["defaultTriggers.serin"], "- "+e.Trigger+"\n") {
			t.Errorf("%s is no default trigger", e.Trigger)
		}
	}
	if got, err := (Notifications{}).YAML(); err != nil || strings.Contains(string(got), "Authorization") {
		t.Errorf("got %v and\n%s\nwant no token where none is asked for", err, got)
	}
	for _, n := range []Notifications{{URL: "serin"}, {Key: "a.b"}, {Key: "$x"}, {Namespace: "A"}} {
		if got, err := n.YAML(); err == nil {
			t.Errorf("%+v: got\n%s\nwant a refusal", n, got)
		}
	}
}

// sprig names the functions that the templates use.
func sprig() template.FuncMap {
	f := template.FuncMap{}
	for _, name := range strings.Fields("default dict get hasKey ternary toJson dateInZone now first int") {
		f[name] = func(...any) any { return nil }
	}
	return f
}

// The examples are what is printed; docs/argo.md says with which command.
func TestExamples(t *testing.T) {
	const folder = "../../../examples/"
	p, err := plan.Load(folder + "plans/checkout.yaml")
	if err != nil {
		t.Fatal(err)
	}
	secret, command := Secret{"serin", "token"}, "serin export argo --plan examples/plans/checkout.yaml "
	for file, got := range map[string]func() ([]byte, error){
		"analysistemplate.yaml": Template{Plan: p, Secret: secret, Name: "serin", Command: command + "--secret serin/token --name serin"}.YAML,
		"guard.yaml":            Template{Plan: p, Secret: secret, Name: "serin-guard", Gate: GateGuard, Command: command + "--gate guard --secret serin/token --name serin-guard"}.YAML,
		"notifications.yaml":    Notifications{Key: "serin-token", Command: "serin export argo notifications --secret serin-token"}.YAML,
	} {
		text, err := got()
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(folder+"argo/"+file, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(folder + "argo/" + file); err != nil || !bytes.Equal(text, want) {
			t.Errorf("examples/argo/%s is not what is printed (%v); run go test ./cmd/serin/argo -update", file, err)
		}
	}
}
