package docs

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// index is the page from which every other can be reached.
const index = "docs/README.md"

// TestEveryPageIsInTheIndex holds that whoever starts at the index finds every page of
// docs, by links of the index itself.
func TestEveryPageIsInTheIndex(t *testing.T) {
	all := pages(t)
	listed := map[string]bool{index: true}
	for _, p := range all {
		if p.path == index {
			for _, l := range p.links {
				target, _, _ := strings.Cut(l.target, "#")
				listed[path.Join("docs", target)] = true
			}
		}
	}
	for _, p := range all {
		if strings.HasPrefix(p.path, "docs/") && !listed[p.path] {
			t.Errorf("%s has no line in %s", p.path, index)
		}
		if p.path == "README.md" {
			leads := false
			for _, l := range p.links {
				leads = leads || l.target == index || l.target == "docs"
			}
			if !leads {
				t.Errorf("README.md does not lead to %s", index)
			}
		}
	}
}

// TestLinksLeadSomewhere follows every link inside the project, anchors included.
func TestLinksLeadSomewhere(t *testing.T) {
	all := pages(t)
	anchors := map[string]map[string]bool{}
	for _, p := range all {
		anchors[p.path] = p.anchors
	}
	followed := 0
	for _, p := range all {
		for _, l := range p.links {
			if strings.Contains(l.target, "://") || strings.HasPrefix(l.target, "mailto:") {
				continue
			}
			followed++
			if why := deadEnd(p.path, l.target, anchors); why != "" {
				t.Errorf("%s:%d: %s", p.path, l.line, why)
			}
		}
	}
	if followed < 100 {
		t.Errorf("got %d links, want all of them", followed)
	}
}

// deadEnd says why a link of a page leads nowhere; empty where it leads somewhere.
func deadEnd(from, target string, anchors map[string]map[string]bool) string {
	file, anchor, has := strings.Cut(target, "#")
	to := from
	if file != "" {
		to = path.Join(path.Dir(from), file)
	}
	if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(to))); err != nil {
		return target + ": there is no " + to
	}
	if known, page := anchors[to]; has && page && !known[anchor] {
		return target + ": " + to + " has no such heading"
	}
	return ""
}

// TestReading takes a small page apart.
func TestReading(t *testing.T) {
	p := read("docs/a.md", "# A `b`: c & d\n\n## Twice\n## Twice\n\n[x](b.md#y) `[no](z.md)` <a id=\"here\"></a>\n\n`f.yaml`:\n\n   ```yaml fragment\n   a:\n     b: 1\n   ```\n[r]: c.md\n")
	for _, want := range []string{"a-b-c--d", "twice", "twice-1", "here"} {
		if !p.anchors[want] {
			t.Errorf("got anchors %v, want %s", p.anchors, want)
		}
	}
	if len(p.links) != 2 || p.links[0] != (link{6, "b.md#y"}) || p.links[1].target != "c.md" {
		t.Errorf("got links %v, want b.md#y and c.md", p.links)
	}
	if len(p.fences) != 1 {
		t.Fatalf("got %d fences, want 1", len(p.fences))
	}
	f := p.fences[0]
	if f.lang != "yaml" || f.mark != "fragment" || f.before != "`f.yaml`:" || strings.Join(f.body, "\n") != "a:\n  b: 1" || f.line != 11 {
		t.Errorf("got %+v", f)
	}
	known := map[string]map[string]bool{"docs/lab.md": p.anchors, "docs/flagger.md": {"there": true}}
	for target, dead := range map[string]bool{
		"#twice": false, "#gone": true, "flagger.md#there": false, "flagger.md#gone": true, "nowhere.md": true, "../examples": false,
	} {
		if got := deadEnd("docs/lab.md", target, known); (got != "") != dead {
			t.Errorf("%s: got %q, want dead %v", target, got, dead)
		}
	}
}
