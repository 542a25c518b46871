package house

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// link finds the targets of Markdown links.
var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func documentRules() []rule {
	return []rule{
		{
			name:   "links of documents lead somewhere",
			advice: "mend the link",
			find:   findDeadLinks,
		},
		{
			name:   "every package is on the map",
			advice: "give the package its line in the document",
			find:   findUnmapped,
		},
		{
			name:   "the linter knows the closed doors",
			advice: "make depguard's rule \"nobody\" in .golangci.yml say the same as nobodys",
			find:   findLinterDrift,
		},
	}
}

func findDeadLinks(t *tree) []fault {
	var faults []fault
	for _, p := range t.paths() {
		if path.Ext(p) != ".md" {
			continue
		}
		for i, line := range strings.Split(string(t.texts[p]), "\n") {
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				target, _, _ := strings.Cut(m[1], "#")
				if target == "" || strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") || exists(t, path.Join(path.Dir(p), target)) {
					continue
				}
				faults = append(faults, fault{key: p + " -> " + target, at: fmt.Sprintf("%s:%d", p, i+1), text: target + " does not exist"})
			}
		}
	}
	return faults
}

// exists reports whether a path is one of our files, or a folder that holds some.
func exists(t *tree, p string) bool {
	if _, ok := t.texts[p]; ok {
		return true
	}
	return slices.ContainsFunc(t.paths(), func(f string) bool { return strings.HasPrefix(f, p+"/") })
}

// findUnmapped holds the map of packages against the packages. What a command
// keeps to itself needs no line.
func findUnmapped(t *tree) []fault {
	const document = "docs/architecture.md"
	var faults []fault
	for _, pkg := range t.packages() {
		if strings.Contains(pkg+"/", "/internal/") {
			continue
		}
		if !strings.Contains(string(t.texts[document]), "`"+pkg+"`") {
			faults = append(faults, fault{key: pkg, at: document, text: pkg + " has no line"})
		}
	}
	return faults
}

// linterConfig is the part of .golangci.yml that repeats what is said here.
type linterConfig struct {
	Linters struct {
		Settings struct {
			Depguard struct {
				Rules map[string]struct {
					Deny []struct {
						Pkg  string `yaml:"pkg"`
						Desc string `yaml:"desc"`
					} `yaml:"deny"`
				} `yaml:"rules"`
			} `yaml:"depguard"`
		} `yaml:"settings"`
	} `yaml:"linters"`
}

func findLinterDrift(t *tree) []fault {
	const document = ".golangci.yml"
	var c linterConfig
	if err := yaml.Unmarshal(t.texts[document], &c); err != nil {
		return []fault{{key: document, at: document, text: err.Error()}}
	}
	var faults []fault
	theirs := map[string]string{}
	for _, d := range c.Linters.Settings.Depguard.Rules["nobody"].Deny {
		theirs[strings.TrimSuffix(d.Pkg, "$")] = d.Desc // $ ends a name there
	}
	for _, d := range nobodys() {
		if theirs[d.library] != d.why {
			faults = append(faults, fault{key: d.library, at: document, text: fmt.Sprintf("%s: got reason %q, want %q", d.library, theirs[d.library], d.why)})
		}
		delete(theirs, d.library)
	}
	for library := range theirs {
		faults = append(faults, fault{key: library, at: document, text: library + " is denied here, but not in nobodys"})
	}
	return faults
}

func documentBites() []bite {
	const links, maps, drift = "links of documents lead somewhere", "every package is on the map", "the linter knows the closed doors"
	page := "[a](b.md#part) [c](../judge) [d](https://example.org/x) [e](#here) [f](gone.md)\n"
	config := "linters:\n  settings:\n    depguard:\n      rules:\n        nobody:\n          deny:\n"
	var full strings.Builder
	for _, d := range nobodys() {
		fmt.Fprintf(&full, "            - {pkg: %q, desc: %q}\n", d.library, d.why)
	}
	first := nobodys()[0].library
	return []bite{
		{name: "dead", rule: links, want: []string{"docs/a.md:1: gone.md does not exist"},
			file: map[string]string{"docs/a.md": page, "docs/b.md": "", "judge/a.go": "package judge\n"}},
		{name: "forgotten", rule: maps, want: []string{"docs/architecture.md: judge/plan has no line"},
			file: map[string]string{
				"docs/architecture.md": "| `judge` |\n", "judge/a.go": "package judge\n", "judge/plan/a.go": "package plan\n",
				"cmd/serin/internal/house/a.go": "package house\n",
			}},
		{name: "same", rule: drift, file: map[string]string{".golangci.yml": config + full.String()}},
		{name: "other reason", rule: drift, want: []string{first + ": got reason \"it is large\""},
			file: map[string]string{".golangci.yml": config + strings.Replace(full.String(), nobodys()[0].why, "it is large", 1)}},
		{name: "only there", rule: drift, want: []string{"example.org/x is denied here"},
			file: map[string]string{".golangci.yml": config + full.String() + "            - {pkg: example.org/x, desc: none}\n"}},
	}
}
