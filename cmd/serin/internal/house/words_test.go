package house

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"unicode/utf8"
)

// The patterns are spelled so that they do not find themselves.
var (
	unfinished = regexp.MustCompile(`\b(T[O]DO|F[I]XME|X[X]X)\b|[n]ot (yet )?implemented|panic\("(s[k]eleton|w[r]itten next|u[n]implemented)`)
	ownMachine = regexp.MustCompile(`(^|[\s"'` + "`" + `(=:,\[])/([w]ork|[r]oot|home/[a-z][a-z0-9_-]*|Users/[A-Za-z][A-Za-z0-9_-]*)/[\w.]`)
)

func wordRules() []rule {
	return []rule{
		{
			name:   "nothing unfinished",
			advice: "finish it, or take it out and write an issue",
			find:   func(t *tree) []fault { return findWords(t, unfinished, "is unfinished by its own words") },
		},
		{
			name:   "no paths of anybody's machine",
			advice: "make the path relative to the repository, or find it at run time",
			find:   func(t *tree) []fault { return findWords(t, ownMachine, "is a path of one machine") },
		},
	}
}

// findWords reports every line of our texts that a pattern matches.
func findWords(t *tree, pattern *regexp.Regexp, what string) []fault {
	var faults []fault
	for _, p := range t.paths() {
		text := t.texts[p]
		if path.Base(p) == "go.sum" || !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 || !pattern.Match(text) {
			continue
		}
		for i, line := range bytes.Split(text, []byte("\n")) {
			if m := pattern.Find(line); m != nil {
				faults = append(faults, fault{key: p, at: fmt.Sprintf("%s:%d", p, i+1), text: fmt.Sprintf("%q %s", bytes.TrimSpace(m), what)})
			}
		}
	}
	return faults
}

func wordBites() []bite {
	const done, machine = "nothing unfinished", "no paths of anybody's machine"
	one := func(name, rule, text string, want ...string) bite {
		return bite{name: name, rule: rule, file: map[string]string{"docs/a.md": text}, want: want}
	}
	return []bite{
		one("mark", done, "fine\nT"+"ODO: later\n", "docs/a.md:2"),
		one("context", done, "ctx := context.T"+"ODO()", "docs/a.md:1"),
		one("panic", done, "panic(\"s"+"keleton\")", "docs/a.md:1"),
		one("part of a word", done, "mastodon, XX"+"XL, FIXM"+"EUP"),
		one("home", machine, "see /home/"+"ada/serin/x", "docs/a.md:1"),
		one("quoted", machine, "cd \"/r"+"oot/x\"", "docs/a.md:1"),
		one("address", machine, "https://example.org/w"+"ork/main and network/h"+"ome/ada/x"),
	}
}
