package house

import (
	"path"
	"slices"
	"strings"
)

// topFolders are the folders that may stand at the root. A new noun at the top is
// a decision about the design, not a matter of convenience.
func topFolders() []string {
	return []string{
		".ci", "alerts", "cmd", "dashboards", "deploy", "docs", "examples", "judge", "queries", "stats", "testdata", "webhooks",
	}
}

// emptyNames are package names that say nothing, so that everything ends up there.
func emptyNames() []string {
	return []string{"util", "utils", "common", "helpers", "helper", "types", "models", "model", "misc", "base", "shared"}
}

func layoutRules() []rule {
	return []rule{
		{
			name:   "folders at the top",
			advice: "put it below one of the folders that exist; the root holds no Go package",
			find:   findStrayFolders,
		},
		{
			name:   "names of packages",
			advice: "call the package after what it gives to its callers",
			find:   findEmptyNames,
		},
	}
}

func findStrayFolders(t *tree) []fault {
	var faults []fault
	for _, p := range t.paths() {
		top, _, below := strings.Cut(p, "/")
		switch {
		case !below && path.Ext(p) == ".go":
			faults = append(faults, fault{key: p, at: p, text: "the root holds no Go files"})
		case below && !slices.Contains(topFolders(), top):
			if n := len(faults); n == 0 || faults[n-1].key != top {
				faults = append(faults, fault{key: top, at: p, text: top + " is not a folder of the house"})
			}
		}
	}
	return faults
}

func findEmptyNames(t *tree) []fault {
	var faults []fault
	seen := map[string]bool{}
	for _, f := range t.files {
		name := strings.TrimSuffix(f.ast.Name.Name, "_test")
		for _, n := range []string{name, path.Base(f.pkg)} {
			if slices.Contains(emptyNames(), n) && !seen[f.pkg] {
				seen[f.pkg] = true
				faults = append(faults, fault{key: f.pkg, at: f.path, text: "package " + n + " says nothing of what it holds"})
			}
		}
	}
	return faults
}

func treeBites() []bite {
	return []bite{
		{
			name: "stray", rule: "folders at the top", want: []string{"pkg is not a folder of the house"},
			file: map[string]string{"pkg/a/a.go": "package a\n", "pkg/b/b.go": "package b\n", "docs/x.md": "", "README.md": ""},
		},
		{
			name: "root package", rule: "folders at the top", want: []string{"the root holds no Go files"},
			file: map[string]string{"serin.go": "package serin\n"},
		},
		{
			name: "by name", rule: "names of packages", want: []string{"package util says nothing"},
			file: map[string]string{"judge/util/a.go": "package util\n", "judge/util/b.go": "package util\n"},
		},
		{
			name: "by folder", rule: "names of packages", want: []string{"package helpers says nothing"},
			file: map[string]string{"judge/helpers/a.go": "package judgehelp\n"},
		},
		{
			name: "other modules are not ours", rule: "names of packages",
			file: map[string]string{
				"webhooks/e2e/go.mod": "module e2e\n", "webhooks/e2e/util/a.go": "package util\n",
				"stats/testdata/util/a.go": "package util\n",
			},
		},
	}
}
