package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestConfig(t *testing.T) {
	c, err := readConfig(json.RawMessage(`{"url": "https://serin.example.com:8443/judge/", "plan": "shop", "gate": "step", "weight": 20, "comparison": "concurrent",
		"token": "abc", "timeout": "5s", "patience": "0s", "rollout": "checkout", "uid": "u", "revision": 7, "step": "3",
		"canaryHash": "c1", "stableHash": "s1",
		"canary": {"namespace": "n", "workload": "w", "podPattern": "p-.*", "hash": "h", "version": "2", "url": "http://x", "labels": {"a": "b"}},
		"baseline": {"version": 1}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := config{
		plan: "shop", gate: gateStep, token: "abc", timeout: 5 * time.Second, timeoutGiven: true, weight: "20", comparison: "concurrent",
		rollout: "checkout", uid: "u", revision: "7", step: "3", canaryHash: "c1", stableHash: "s1",
		canary:   &arm{Namespace: "n", Workload: "w", PodPattern: "p-.*", Hash: "h", Version: "2", URL: "http://x", Labels: map[string]string{"a": "b"}},
		baseline: &arm{Version: "1"},
	}
	if c.url == nil || c.url.String() != "https://serin.example.com:8443/judge" {
		t.Errorf("got url %v, want it without the last /", c.url)
	}
	c.url = nil
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v, want %+v", c, want)
	}
	c, err = readConfig(json.RawMessage(`{}`))
	if want := (config{timeout: defaultTimeout, patience: defaultPatience}); err != nil || !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v, %v, want the defaults", c, err)
	}
}

func TestConfigFaults(t *testing.T) {
	for text, want := range map[string][]string{
		``: {"an object"}, `null`: {"object is expected"}, `[]`: {"object is expected"}, `{"plan": "a"`: {"not one JSON object"},
		`{"plan": "a"} {}`: {"not one JSON object"}, `{"plan": tru}`: {"not JSON"},
		`{"planet": "x", "gate": "door", "weight": 101}`:                          {"planet: unknown field; known here are", "gate: write one of [step promotion guard checks]", "weight: write a number"},
		`{"plan": "a", "plan": "b"}`:                                              {"plan: given twice"},
		`{"plan": {}, "step": null, "revision": true}`:                            {"plan: a text is expected", "step: a text is expected", "revision: a text is expected"},
		`{"url": "ftp://x"}`:                                                      {"url: that is no http or https address"},
		`{"url": "http://me:hunter2@x"}`:                                          {"url: an address may not carry credentials"},
		`{"url": "http://x?token=hunter2"}`:                                       {"url: an address here has neither ?"},
		`{"timeout": "500ms", "patience": "25h"}`:                                 {"timeout: write a duration from 1s", "patience: write a duration from 0s"},
		`{"timeout": 30}`:                                                         {"timeout: write a duration"},
		`{"stableHash": "{{args.stable}}"}`:                                       {"stableHash: the template has no such argument"},
		`{"canary": {"pods": "x", "hash": {}}, "baseline": {"labels": {"a": 1}}}`: {"canary: pods: unknown field", "canary: hash: a text is expected", "baseline: labels: an object of texts"},
		`{"canary": "x"}`:                                                         {"canary: a JSON object is expected"},
		`{"weight": "NaN"}`:                                                       {"weight:"},
		`{"token": "hunter2 hunter2"}`:                                            {"token: what it holds is no token"},
		`{"token": "", "ca": "x"}`:                                                {"ca: there is no PEM certificate", "ca: it is for a token of the metric's own"},
		`{"insecure": true, "tokenFile": "/etc/hunter2"}`:                         {"insecure: unknown field", "tokenFile: unknown field"},
		`{"comparison": "x"}`:                                                     {"comparison: write concurrent"},
	} {
		_, err := readConfig(json.RawMessage(text))
		if err == nil {
			err = errNone
		}
		for _, w := range append(want, "the metric's configuration: ") {
			if w == "an object" {
				continue
			}
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: got %q, want %q", text, err, w)
			}
		}
		if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %q, want one line without credentials", text, err)
		}
	}
}

var errNone = errorText("none")

type errorText string

func (e errorText) Error() string { return string(e) }

func FuzzConfig(f *testing.F) {
	for _, seed := range [...]string{
		`{}`, `{"plan": "a", "plan": "b"}`, `{"url": "http://serin.serin", "gate": "guard", "weight": "20", "patience": "10m"}`,
		`{"canary": {"labels": {"a": "b"}, "hash": 1}}`, `{"token": "{{args.x}}"}`, `{"ca": "-----BEGIN"}`, `null`, `{"a":{"b":[1,2,{}]}}`, "{\"\xff\":1}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := readConfig(text)
		again, againErr := readConfig(text)
		if (err == nil) != (againErr == nil) || !reflect.DeepEqual(c, again) {
			t.Fatalf("got %+v, %v and then %+v, %v", c, err, again, againErr)
		}
		if err != nil {
			if strings.Contains(err.Error(), "\n") || !reflect.DeepEqual(c, config{}) {
				t.Fatalf("got %+v with %q, want nothing with a fault of one line", c, err)
			}
			return
		}
		if !json.Valid(text) || c.timeout < time.Second || c.timeout > maxTimeout || c.patience < 0 || c.patience > maxPatience {
			t.Fatalf("got %+v of %q", c, text)
		}
		if c.url != nil && (c.url.User != nil || c.url.Host == "") {
			t.Fatalf("got address %s", c.url)
		}
	})
}

func TestSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("  hunter2hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	environment := func(name string) (string, bool) {
		return map[string]string{"TOKEN": "from-the-environment"}[name], true
	}
	for name, tt := range map[string]struct {
		args  []string
		token string
		fault string
	}{
		"none":              {nil, "", ""},
		"a file":            {[]string{"--url=http://x", "--token-file=" + file}, "hunter2hunter2", ""},
		"the environment":   {[]string{"--url=http://x", "--token-env=TOKEN"}, "from-the-environment", ""},
		"both":              {[]string{"--url=http://x", "--token-env=TOKEN", "--token-file=" + file}, "", "give one of them"},
		"no server for it":  {[]string{"--token-env=TOKEN"}, "", "--url: missing"},
		"unknown":           {[]string{"--insecure"}, "", "known are --url"},
		"a word":            {[]string{"http://x"}, "", "is no argument"},
		"a bad address":     {[]string{"--url=hunter2"}, "", "--url: that is no"},
		"credentials in it": {[]string{"--url=http://a:hunter2@x"}, "", "may not carry credentials"},
		"no certificate":    {[]string{"--ca-file=" + file}, "", "--ca-file: there is no PEM"},
		"all at once":       {[]string{"--token-env=A", "--token-file=b", "--ca-file=/nonexistent"}, "", "--ca-file: open"},
		"an empty variable": {[]string{"--url=http://x", "--token-env=NONE"}, "", "--token-env: there is no token in it"},
		"a missing file":    {[]string{"--url=http://x", "--token-file=/nonexistent"}, "", "--token-file: open"},
	} {
		s, err := readSettings(tt.args)
		var token string
		if err == nil {
			token, err = s.token(environment)
		}
		if err == nil {
			err = errNone
		}
		if token != tt.token || !strings.Contains(err.Error(), first(tt.fault, "none")) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %q and %q, want %q and %q", name, token, err, tt.token, tt.fault)
		}
	}
}
