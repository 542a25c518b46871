package webhooks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// contract holds requests and answers against the OpenAPI description. Every request that
// a test of this package sends by [world.send] goes through it, so that the description
// is held to what handlers really take and say.
type contract struct {
	doc      map[string]any
	mu       sync.Mutex
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema
}

// theContract is read once for all tests.
var theContract = sync.OnceValues(newContract)

func newContract() (*contract, error) {
	var doc map[string]any
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		return nil, err
	}
	c := &contract{doc: doc, compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	c.compiler.AssertFormat()
	// As it is read for requests: callers may send more than is described, where the
	// description does not forbid it. Of an answer nothing may be left undescribed.
	if err := c.compiler.AddResource("request.json", doc); err != nil {
		return nil, err
	}
	return c, c.compiler.AddResource("answer.json", closed(doc))
}

// closed returns a description in which every object with properties has no others.
func closed(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = closed(v[i])
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k := range v {
			out[k] = closed(v[k])
		}
		if _, open := out["additionalProperties"]; !open && out["type"] == "object" && out["properties"] != nil {
			out["additionalProperties"] = false
		}
		return out
	}
	return v
}

// check reports what of one request and its answer is not as described.
func (c *contract) check(r *http.Request, sent []byte, a answer) []string {
	template, op := c.operation(r.Method, r.URL.EscapedPath())
	if op == nil {
		if a.code == http.StatusNotFound || a.code == http.StatusMethodNotAllowed || a.code == http.StatusUnauthorized || a.code == http.StatusForbidden {
			return nil
		}
		return []string{fmt.Sprintf("%d, and there is no such address", a.code)}
	}
	at := "#/paths/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(template) + "/" + strings.ToLower(r.Method)
	responses, _ := op["responses"].(map[string]any)
	response, _ := responses[fmt.Sprint(a.code)].(map[string]any)
	place := "answer.json" + at + "/responses/" + fmt.Sprint(a.code)
	if shared, ok := response["$ref"].(string); ok {
		name := strings.TrimPrefix(shared, "#/components/responses/")
		components, _ := c.doc["components"].(map[string]any)
		all, _ := components["responses"].(map[string]any)
		response, _ = all[name].(map[string]any)
		place = "answer.json" + shared
	}
	if response == nil {
		return []string{fmt.Sprintf("%d is not described: %.200s", a.code, a.body)}
	}
	var faults []string
	if a.body != "" && r.Method != http.MethodHead {
		faults = c.body(place, response, a.header.Get("Content-Type"), []byte(a.body))
	}
	if a.code >= 300 || len(sent) == 0 || template == pathAlertmanager {
		return faults // Alertmanager's groups are read however they come, and tests send such
	}
	request, ok := op["requestBody"].(map[string]any)
	if !ok {
		return faults // nobody reads it
	}
	return append(faults, c.body("request.json"+at+"/requestBody", request, "application/json", sent)...)
}

// body holds a body against the schema that is described for its kind.
func (c *contract) body(at string, described map[string]any, kind string, body []byte) []string {
	kind, _, err := mime.ParseMediaType(kind)
	if err != nil {
		return []string{"a body of no kind"}
	}
	content, _ := described["content"].(map[string]any)
	media, ok := content[kind].(map[string]any)
	if !ok {
		return []string{fmt.Sprintf("%s: a body of kind %s is not described: %.200s", at, kind, body)}
	}
	if media["schema"] == nil {
		return []string{fmt.Sprintf("%s: %s has no schema", at, kind)}
	}
	var v any = string(body)
	if kind == "application/json" {
		if v, err = jsonschema.UnmarshalJSON(bytes.NewReader(body)); err != nil {
			return []string{fmt.Sprintf("%s: %v: %.200s", at, err, body)}
		}
	}
	s, err := c.schema(at + "/content/" + strings.ReplaceAll(kind, "/", "~1") + "/schema")
	if err != nil {
		return []string{err.Error()}
	}
	if err := s.Validate(v); err != nil {
		return []string{fmt.Sprintf("%s: %v\nof %.300s", at, err, body)}
	}
	return nil
}

func (c *contract) schema(at string) (*jsonschema.Schema, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.schemas[at]; s != nil {
		return s, nil
	}
	s, err := c.compiler.Compile(at)
	if err == nil {
		c.schemas[at] = s
	}
	return s, err
}

// operation finds what is described for a method and a path; nil where nothing is.
func (c *contract) operation(method, path string) (template string, op map[string]any) {
	paths, _ := c.doc["paths"].(map[string]any)
	segments := strings.Split(strings.TrimRight(path, "/"), "/")
	best := -1
	for name, item := range paths {
		parts := strings.Split(strings.TrimRight(name, "/"), "/")
		if len(parts) != len(segments) {
			continue
		}
		literal, fits := 0, true
		for i, p := range parts {
			switch {
			case strings.HasPrefix(p, "{"):
			case p == segments[i]:
				literal++
			default:
				fits = false
			}
		}
		found, _ := item.(map[string]any)[strings.ToLower(method)].(map[string]any)
		if fits && found != nil && literal > best {
			best, template, op = literal, name, found
		}
	}
	return template, op
}

// TestTheContractBites makes sure that what is not described is told.
func TestTheContractBites(t *testing.T) {
	c, err := theContract()
	if err != nil {
		t.Fatal(err)
	}
	good := `{"error": "no", "next": "ask again"}`
	for name, tt := range map[string]struct {
		method, path, sent string
		answer             answer
		want               string
	}{
		"as described":     {"GET", "/v1/rollouts/aaaaaaaaaaaaaaaa", "", answer{404, good, ofJSON()}, ""},
		"unknown key":      {"GET", "/v1/rollouts/aaaaaaaaaaaaaaaa", "", answer{404, `{"error": "no", "next": "", "more": 1}`, ofJSON()}, "more"},
		"missing key":      {"GET", "/v1/rollouts/aaaaaaaaaaaaaaaa", "", answer{404, `{"error": "no"}`, ofJSON()}, "next"},
		"unknown status":   {"GET", "/v1/rollouts/aaaaaaaaaaaaaaaa", "", answer{418, good, ofJSON()}, "418 is not described"},
		"unknown kind":     {"GET", "/v1/rollouts/aaaaaaaaaaaaaaaa", "", answer{404, good, http.Header{"Content-Type": {"text/csv"}}}, "text/csv"},
		"unknown address":  {"GET", "/v1/nothing", "", answer{200, good, ofJSON()}, "no such address"},
		"address of none":  {"GET", "/v1/nothing", "", answer{404, good, ofJSON()}, ""},
		"bad request":      {"POST", "/v1/judge/cancel", `{"service": 1}`, answer{200, `{"cancelled": false, "rollout": "", "status": "none"}`, ofJSON()}, "request.json"},
		"no JSON":          {"GET", "/v1/rollouts/aaaaaaaaaaaaaaaa", "", answer{404, "no", ofJSON()}, "invalid"},
		"literal segments": {"GET", "/kayenta/canary/executions", "", answer{400, "{}", ofJSON()}, "executions"},
	} {
		got := strings.Join(c.check(requestTo(tt.method, tt.path), []byte(tt.sent), tt.answer), "\n")
		if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

// ofJSON is the header of an answer.
func ofJSON() http.Header { return http.Header{"Content-Type": {"application/json"}} }

// requestTo is a request without a body.
func requestTo(method, path string) *http.Request {
	r, _ := http.NewRequest(method, "http://localhost"+path, nil)
	return r
}

// hold reports what is not as described. Fuzz tests send what nobody means.
func (w *world) hold(r *http.Request, sent []byte, a answer) {
	w.t.Helper()
	if strings.HasPrefix(w.t.Name(), "Fuzz") {
		return
	}
	c, err := theContract()
	if err != nil {
		w.t.Fatal(err)
	}
	faults := c.check(r, sent, a)
	slices.Sort(faults)
	for _, f := range slices.Compact(faults) {
		w.t.Errorf("%s %s is not as openapi.json says: %s", r.Method, r.URL.Path, f)
	}
}
