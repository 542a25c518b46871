package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSourcesOfOtherStores(t *testing.T) {
	read := func(text string) error {
		file := filepath.Join(t.TempDir(), "serin.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Read(file)
		return err
	}
	for _, example := range []string{"datadog", "cloudwatch", "http-json"} {
		c, err := Read("../../../examples/" + example + "/serin.yaml")
		if err != nil {
			t.Errorf("%s: %v", example, err)
			continue
		}
		s, err := OpenSources(c.Sources, nil)
		if err != nil || s.Store(c.Sources[0].Name) == nil {
			t.Errorf("%s: got %v, want a store", example, err)
		}
	}
	for text, want := range map[string]string{
		"datadog: {site: eu, apiKey: 0123456789abcdef, appKey: env:A}":       "serin.yaml:3:33: sources[0].datadog.apiKey: is not where a secret is; write file:PATH or env:NAME, and never the secret itself",
		"datadog: {site: eu, apiKey: env:A, appKey: env:A}":                  `sources[0].datadog.site: "eu" is no site of Datadog`,
		"datadog: {apikey: env:A}":                                           `unknown key "apikey"`,
		"cloudwatch: {}":                                                     "sources[0].cloudwatch.region: is no region",
		"http-json: {url: 'https://x/{name}', points: '$['}":                 "sources[0].http-json.points: ",
		"http-json: {url: 'https://x/{name}?{from}{to}', bearer: abcdefghi}": "sources[0].http-json.bearer: ",
		"datadog: {}\n    scrape: {}":                                        "sources[0]: a source is of one kind, and this one is scrape and datadog; write as many sources",
	} {
		err := read("sources:\n  - name: x\n    " + text + "\n")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "0123456789") {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}
