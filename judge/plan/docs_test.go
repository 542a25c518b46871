package plan

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const docFile = "../../docs/plan.md"

// docExamples returns the whole plans that the documentation shows.
func docExamples(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(docFile)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for i, m := range regexp.MustCompile("(?ms)^```yaml\n(.*?)\n```$").FindAllStringSubmatch(string(text), -1) {
		if strings.HasPrefix(m[1], "service:") || strings.Contains(m[1], "\nservice:") {
			out[fmt.Sprintf("plan.md, example %d", i+1)] = m[1]
		}
	}
	return out
}

// TestDocumentedPlansLoad ensures that what people copy from the documentation works.
func TestDocumentedPlansLoad(t *testing.T) {
	examples := docExamples(t)
	if len(examples) < 3 {
		t.Fatalf("got %d examples, want three or more", len(examples))
	}
	for name, text := range examples {
		p, err := Parse(name, []byte(text))
		if err != nil {
			t.Errorf("got faults, want none:\n%v", err)
			continue
		}
		sound(t, p)
	}
}

// TestEveryKeyIsDocumented ensures that the reference has a row for each key of the
// file, and none that is not one.
func TestEveryKeyIsDocumented(t *testing.T) {
	text, err := os.ReadFile(docFile)
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string][]string{
		"The plan":              keysOf(reflect.TypeFor[file]()),
		"Proof":                 keysOf(reflect.TypeFor[sequentialFile]()),
		"Arms":                  keysOf(reflect.TypeFor[armFile]()),
		"Metrics":               keysOf(reflect.TypeFor[metricFile]()),
		"Limits":                keysOf(reflect.TypeFor[limitFile]()),
		"Checks":                keysOf(reflect.TypeFor[checkFile]()),
		"HTTP checks":           keysOf(reflect.TypeFor[httpFile]()),
		"TCP checks":            keysOf(reflect.TypeFor[tcpFile]()),
		"DNS checks":            keysOf(reflect.TypeFor[dnsFile]()),
		"TLS checks":            keysOf(reflect.TypeFor[tlsFile]()),
		"Load checks":           slices.Concat(keysOf(reflect.TypeFor[loadFile]()), keysOf(reflect.TypeFor[loadTargetFile]()), keysOf(reflect.TypeFor[loadLimitsFile]())),
		"Journey checks":        slices.Concat(keysOf(reflect.TypeFor[journeyFile]()), keysOf(reflect.TypeFor[stepFile]()), keysOf(reflect.TypeFor[extractFile]())),
		"gRPC checks":           keysOf(reflect.TypeFor[grpcFile]()),
		"WebSocket checks":      keysOf(reflect.TypeFor[webSocketFile]()),
		"Prometheus checks":     keysOf(reflect.TypeFor[prometheusFile]()),
		"Checks of logs":        keysOf(reflect.TypeFor[logsFile]()),
		"Commands":              keysOf(reflect.TypeFor[execFile]()),
		"Synthetics checks":     keysOf(reflect.TypeFor[syntheticsFile]()),
		"Gates of Datadog":      keysOf(reflect.TypeFor[datadogGateFile]()),
		"Dashboards and alerts": keysOf(reflect.TypeFor[publishingFile]()),
	}
	for title, keys := range sections {
		_, rest, ok := strings.Cut(string(text), "\n## "+title+"\n")
		if !ok {
			t.Errorf("no section %q", title)
			continue
		}
		body, _, _ := strings.Cut(rest, "\n## ")
		rows := map[string]bool{}
		for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]+`) \\|").FindAllStringSubmatch(body, -1) {
			for _, key := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
				rows[key[1]] = true
			}
		}
		for _, k := range keys {
			if !rows[k] {
				t.Errorf("%s: no row for %s", title, k)
			}
			delete(rows, k)
		}
		for k := range rows {
			t.Errorf("%s: a row for %s, which is no key", title, k)
		}
	}
}
