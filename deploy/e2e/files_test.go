package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/awslabs/goformation/v7/schema"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/rhysd/actionlint"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// TestTheActionIsTaken has actionlint read a workflow that uses the action, and so the
// action itself.
func TestTheActionIsTaken(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{".github/workflows", "serin"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(filepath.Join(root, "serin"), os.DirFS("../github-action")); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("git", "init", "-q", root).CombinedOutput(); err != nil { // actionlint looks for a repository
		t.Fatalf("%v\n%s", err, out)
	}
	used := `on: push
jobs:
  canary:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - id: serin
        uses: ./serin
        with: { version: v0.1.0, server: "https://serin.example.org", token: "${{ secrets.SERIN_TOKEN }}", service: checkout, %s }
      - run: echo "$ANSWER"
        env: { ANSWER: "${{ steps.serin.outputs.answer }}" }
`
	for input, want := range map[string]string{
		"namespace: shop, weight: 10": "",
		"namspace: shop":              `input "namspace" is not defined`,
	} {
		file := filepath.Join(root, ".github", "workflows", "a.yaml")
		if err := os.WriteFile(file, []byte(strings.Replace(used, "%s", input, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{WorkingDir: root})
		if err != nil {
			t.Fatal(err)
		}
		faults, err := l.LintFile(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, f := range faults {
			said = append(said, f.Message)
		}
		if got := strings.Join(said, "\n"); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", input, got, want)
		}
	}
}

func TestShellScripts(t *testing.T) {
	if _, err := exec.LookPath("shellcheck"); err != nil {
		t.Skip("NOT CHECKED: there is no shellcheck here; apt-get install shellcheck")
	}
	scripts, err := filepath.Glob("../*/*.sh")
	if err != nil || len(scripts) < 4 {
		t.Fatalf("got %v, %v", scripts, err)
	}
	if out, err := exec.Command("shellcheck", scripts...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestTheTemplateIsSAMs holds the template's functions, globals included, against what
// SAM's own schema says of a function.
func TestTheTemplateIsSAMs(t *testing.T) {
	s := functions(t)
	text, err := os.ReadFile("../sam/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := checkFunctions(t, s, string(text)); err != nil {
		t.Error(err)
	}
	for was, is := range map[string]string{
		"MemorySize: 128":                 "MemorySize: [128]",
		"Type: AWS::Serverless::Function": "Type: AWS::Serverless::Functoin",
		"      Environment:\n":            "      Enviroment:\n",
		"Timeout: 30":                     "TimeOut: 30",
	} {
		changed := strings.Replace(string(text), was, is, 1)
		if err := checkFunctions(t, s, changed); err == nil || changed == string(text) {
			t.Errorf("%s was taken", is)
		}
	}
}

// functions compiles what the schema says of functions. The whole of it has a thousand
// kinds of resources and takes half a minute.
func functions(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(schema.SamSchema))
	if err != nil {
		t.Fatal(err)
	}
	all := doc.(map[string]any)["definitions"].(map[string]any)
	needed := map[string]any{}
	var follow func(v any)
	follow = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				name := strings.TrimPrefix(ref, "#/definitions/")
				if _, seen := needed[name]; !seen {
					needed[name] = all[name]
					follow(all[name])
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
	root := map[string]any{"$ref": "#/definitions/AWS::Serverless::Function"}
	follow(root)
	root["definitions"] = needed
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	if err := c.AddResource("sam.json", root); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("sam.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// checkFunctions validates each function with the globals in it.
func checkFunctions(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	doc := template(t, text).(map[string]any)
	var errs []error
	for _, r := range doc["Resources"].(map[string]any) {
		properties := r.(map[string]any)["Properties"].(map[string]any)
		for key, v := range doc["Globals"].(map[string]any)["Function"].(map[string]any) {
			properties[key] = v
		}
		errs = append(errs, s.Validate(r))
	}
	return errors.Join(errs...)
}

// template reads CloudFormation's YAML as JSON. Of a choice it takes the first branch;
// its other functions are text.
func template(t *testing.T, text string) any {
	t.Helper()
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(text), &root); err != nil {
		t.Fatal(err)
	}
	var plain func(n *yaml.Node)
	plain = func(n *yaml.Node) {
		switch {
		case n.Tag == "!If":
			*n = *n.Content[1]
		case n.Kind == yaml.ScalarNode && n.Value == "Subnets" || n.Value == "SecurityGroups":
			*n = yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"} // parameters that are lists
		case strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!"):
			*n = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: n.Tag}
		}
		for _, c := range n.Content {
			plain(c)
		}
	}
	plain(mapping(t, &root, "Resources"))
	plain(mapping(t, &root, "Globals"))
	return map[string]any{"Resources": plainly(t, mapping(t, &root, "Resources")), "Globals": plainly(t, mapping(t, &root, "Globals"))}
}

// mapping returns the value of a key of the document.
func mapping(t *testing.T, root *yaml.Node, key string) *yaml.Node {
	t.Helper()
	content := root.Content[0].Content
	for i := 0; i < len(content); i += 2 {
		if content[i].Value == key {
			return content[i+1]
		}
	}
	t.Fatalf("there is no %s", key)
	return nil
}

// plainly returns a node as JSON has it.
func plainly(t *testing.T, n *yaml.Node) any {
	t.Helper()
	var out any
	if err := n.Decode(&out); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestTheForwarderTakesItsEnvironment holds the template's variables against those that
// the function reads: an unknown one would make it fail every deployment.
func TestTheForwarderTakesItsEnvironment(t *testing.T) {
	source, err := os.ReadFile("../../cmd/lambda-forwarder/settings.go")
	if err != nil {
		t.Fatal(err)
	}
	listed := func(function string) map[string]bool {
		out := map[string]bool{}
		_, body, ok := strings.Cut(string(source), "func "+function+"() []string {")
		if !ok {
			t.Fatalf("settings.go has no %s", function)
		}
		body, _, _ = strings.Cut(body, "}\n}")
		body, _, _ = strings.Cut(body, "\nfunc ")
		for _, m := range regexp.MustCompile(`"([A-Z_]+)"`).FindAllStringSubmatch(body, -1) {
			out["SERIN_"+m[1]] = true
		}
		return out
	}
	every := listed("everyCaller")
	var doc struct {
		Resources map[string]struct {
			Properties struct {
				Environment struct{ Variables map[string]yaml.Node }
			} `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	text, err := os.ReadFile("../sam/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte("      Environment:\n        Variables:"), []byte("      environment:\n        variables:"))
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	for resource, own := range map[string]map[string]bool{"CodeDeployForwarder": listed("ofCodeDeploy"), "ECSForwarder": listed("ofECS")} {
		vars := doc.Resources[resource].Properties.Environment.Variables
		for _, needed := range []string{"SERIN_CALLER", "SERIN_URL", "SERIN_TOKEN"} {
			if _, ok := vars[needed]; !ok {
				t.Errorf("%s does not set %s", resource, needed)
			}
		}
		for name := range vars {
			if !every[name] && !own[name] {
				t.Errorf("%s sets %s, which the function does not know", resource, name)
			}
		}
	}
}

// TestTheImageHasEverything holds .dockerignore against git: a file that is tracked and
// left out would make Go call the binary dirty, or miss it.
func TestTheImageHasEverything(t *testing.T) {
	out, err := exec.Command("git", "-C", "../..", "ls-files").Output()
	if err != nil {
		t.Skip("this is no repository")
	}
	text, err := os.ReadFile("../../.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	patterns, err := ignorefile.ReadAll(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	m, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	for file := range strings.Lines(string(out)) {
		file = strings.TrimSpace(file)
		if left, err := m.MatchesOrParentMatches(file); err != nil || left {
			t.Errorf("%s is left out, %v", file, err)
		}
	}
	for _, file := range []string{"dist/serin", "dashboards/e2e/node_modules/a/b.js", "serin.db"} {
		if left, err := m.MatchesOrParentMatches(file); err != nil || !left {
			t.Errorf("%s is sent along, %v", file, err)
		}
	}
}

// TestTheDockerfileFollowsTheModule holds what the Dockerfile repeats.
func TestTheDockerfileFollowsTheModule(t *testing.T) {
	docker, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	module, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	needs := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(module))[1]
	if !strings.Contains(string(docker), "golang:"+needs+".") {
		t.Errorf("go.mod needs Go %s, and the Dockerfile has another", needs)
	}
	docker = regexp.MustCompile(`go build .*`).Find(docker)
	release, err := os.ReadFile("../release/build.go")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`"go", "build", (.*)"-o"`).FindSubmatch(release)
	if line == nil {
		t.Fatal("deploy/release/build.go builds in a way that this test cannot read")
	}
	flags := regexp.MustCompile(`"(-[^"]*)"`).FindAllStringSubmatch(string(line[1]), -1)
	if len(flags) == 0 {
		t.Error("a release is built without flags")
	}
	for _, flag := range flags {
		name, value, _ := strings.Cut(flag[1], "=")
		if !strings.Contains(string(docker), " "+name) || !strings.Contains(string(docker), value) {
			t.Errorf("a release is built with %q, and the Dockerfile's is %q", flag[1], docker)
		}
	}
}
