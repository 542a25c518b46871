package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the project's folder, from that of these tests.
const root = "../../../.."

// page is a Markdown file.
type page struct {
	path    string // from the root, with slashes
	fences  []fence
	links   []link
	spans   []link // commands of Serin in running text
	anchors map[string]bool
}

// fence is a block of text between three backquotes.
type fence struct {
	page   string
	line   int    // of its first line of text, from 1
	lang   string // the word behind the backquotes
	mark   string // what follows that word
	before string // the last line with text above it
	body   []string
}

// link is the target of one, or a command in running text, as it is written.
type link struct {
	line   int
	target string
}

// pages reads every Markdown file of the project, but for what tests keep.
func pages(t *testing.T) []page {
	t.Helper()
	var out []page
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && len(d.Name()) > 2 || d.Name() == "node_modules" || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		out = append(out, read(filepath.ToSlash(name), string(text)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 30 {
		t.Fatalf("got %d pages, want all of them", len(out))
	}
	return out
}

// read takes a page apart.
func read(path, text string) page {
	p := page{path: path, anchors: map[string]bool{}}
	var open *fence
	indent, before := "", ""
	for i, line := range strings.Split(text, "\n") {
		bare := strings.TrimSpace(line)
		if open != nil {
			if bare == "```" {
				p.fences = append(p.fences, *open)
				open = nil
				continue
			}
			open.body = append(open.body, strings.TrimPrefix(line, indent))
			continue
		}
		if info, ok := strings.CutPrefix(bare, "```"); ok {
			lang, mark, _ := strings.Cut(info, " ")
			open = &fence{page: path, line: i + 2, lang: lang, mark: mark, before: before}
			indent, _, _ = strings.Cut(line, "`")
			continue
		}
		if bare != "" {
			before = bare
		}
		p.readLine(i+1, line)
	}
	return p
}

// Links in code are shown, not followed.
var (
	codeSpan   = regexp.MustCompile("`[^`]*`")
	linkTarget = regexp.MustCompile(`\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)|^\[[^\]]+\]: (\S+)`)
	serinSpan  = regexp.MustCompile("`serin ([^`]+)`")
	heading    = regexp.MustCompile(`^#{1,6} +(.*?) *#*$`)
	named      = regexp.MustCompile(`<a (?:id|name)="([^"]+)"`)
	linkText   = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	notInSlug  = regexp.MustCompile(`[^\p{L}\p{N}\- _]`)
)

func (p *page) readLine(number int, line string) {
	for _, m := range linkTarget.FindAllStringSubmatch(codeSpan.ReplaceAllString(line, "``"), -1) {
		p.links = append(p.links, link{line: number, target: m[1] + m[2]})
	}
	for _, m := range serinSpan.FindAllStringSubmatch(line, -1) {
		p.spans = append(p.spans, link{line: number, target: m[1]})
	}
	for _, m := range named.FindAllStringSubmatch(line, -1) {
		p.anchors[m[1]] = true
	}
	if m := heading.FindStringSubmatch(line); m != nil {
		slug := slugOf(m[1])
		for n := 1; p.anchors[slug]; n++ {
			slug = slugOf(m[1]) + "-" + string(rune('0'+n))
		}
		p.anchors[slug] = true
	}
}

// slugOf is the anchor that GitHub gives a heading.
func slugOf(title string) string {
	title = linkText.ReplaceAllString(title, "$1")
	return strings.ReplaceAll(notInSlug.ReplaceAllString(strings.ToLower(title), ""), " ", "-")
}
