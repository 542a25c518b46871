package docs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/serin-canary/serin/queries/prometheus/promtest"
)

// tally is what became of the commands of all pages.
type tally struct {
	mu                    sync.Mutex
	ran, part, not, later int
	needed                map[int]bool // rules that a command needed
}

// TestEveryCommandIsRun types every command of every page, in order, in a folder of its
// own for each page. A command that cannot be run here is one of the rules, with a reason;
// a rule that no command needs any more is a fault, too. With SERIN_E2E only the pages are
// read that have slow commands: the others were, without it.
func TestEveryCommandIsRun(t *testing.T) {
	prometheus := promtest.Start(t, promtest.Config{History: history(time.Now())})
	all := rules()
	sum := &tally{needed: map[int]bool{}}
	t.Run("pages", func(t *testing.T) {
		for _, p := range pages(t) {
			var commands []command
			for _, f := range p.fences {
				commands = append(commands, commandsOf(f)...)
			}
			if len(commands) == 0 || long() && !slices.ContainsFunc(commands, func(c command) bool {
				return slices.ContainsFunc(all, func(r rule) bool { return r.slow && r.fits(c) })
			}) {
				continue
			}
			t.Run(p.path, func(t *testing.T) {
				t.Parallel()
				typePage(t, p, prometheus, all, sum)
			})
		}
	})
	t.Logf("%d commands ran, %d of them in part; %d cannot be run here; %d only with SERIN_E2E", sum.ran, sum.part, sum.not, sum.later)
	if long() {
		return
	}
	for i, r := range all {
		if !sum.needed[i] {
			t.Errorf("no command needs the rule %q of %q any more", r.has, r.page)
		}
	}
	if sum.ran < 40 {
		t.Errorf("%d commands ran, want 40 or more", sum.ran)
	}
}

// long reports whether slow commands are run.
func long() bool { return os.Getenv("SERIN_E2E") != "" }

// typePage types the commands of a page.
func typePage(t *testing.T, p page, prometheus string, all []rule, sum *tally) {
	s := newStage(t, prometheus)
	for _, f := range p.fences { // files are there from the beginning, wherever the page shows them
		if m := fileName.FindStringSubmatch(f.before); m != nil && len(commandsOf(f)) == 0 {
			s.write(m[1], strings.Join(f.body, "\n")+"\n")
		}
	}
	prepare(s, p.path)
	var changed []command
	for _, f := range p.fences {
		for _, c := range commandsOf(f) {
			r := rule{}
			if i := slices.IndexFunc(all, func(r rule) bool { return r.fits(c) }); i >= 0 {
				r = all[i]
				sum.mu.Lock()
				sum.needed[i] = true
				sum.mu.Unlock()
			}
			sum.count(r)
			if r.why != "" && r.instead == nil || r.slow && !long() {
				continue
			}
			got, ok := s.follow(t, c, r)
			if !ok || !c.shown || len(c.out) == 0 || r.instead != nil || alike(c.out, got) {
				continue
			}
			changed = append(changed, command{line: c.line, out: got})
			if !*update {
				t.Errorf("%s:%d: $ %s: the page shows something else (go test ./cmd/serin/internal/docs -update; -page +printed):\n%s", c.page, c.line, c.text, cmp.Diff(c.out, got))
			}
		}
	}
	if *update && len(changed) > 0 {
		rewrite(t, p.path, changed)
	}
}

// fileName finds the name of the file that a fence shows.
var fileName = regexp.MustCompile("^`([\\w./-]+\\.\\w+)`[^`]*:$")

// count notes what becomes of a command.
func (y *tally) count(r rule) {
	y.mu.Lock()
	defer y.mu.Unlock()
	switch {
	case r.slow && !long():
		y.later++
	case r.instead != nil:
		y.ran, y.part = y.ran+1, y.part+1
	case r.why == "":
		y.ran++
	default:
		y.not++
	}
}

// follow types one command, as its rule says, and returns what it printed.
func (s *stage) follow(t *testing.T, c command, r rule) ([]string, bool) {
	t.Helper()
	text := strings.NewReplacer(r.instead...).Replace(c.text)
	if r.until != "" {
		if out := s.start(text, r.until); !strings.Contains(out, r.until) {
			t.Errorf("%s:%d: %s: %s", c.page, c.line, text, out)
			return nil, false
		}
		s.stop()
		return nil, true
	}
	began := time.Now()
	printed, errs, code := s.run(text)
	if took := time.Since(began); took > time.Second {
		t.Logf("%s:%d: %s: %v", c.page, c.line, text, took)
	}
	out := printed + errs
	if code != r.exit || r.says != "" && !strings.Contains(out, r.says) || strings.HasPrefix(out, "it ended (") {
		t.Errorf("%s:%d: %s: exit %d, want %d and %q:\n%s", c.page, c.line, text, code, r.exit, r.says, out)
		return nil, false
	}
	if printed == "" {
		printed = errs
	}
	if c.shown && testing.Verbose() {
		t.Logf("$ %s\n%s", text, printed)
	}
	return strings.Split(strings.TrimRight(printed, "\n"), "\n"), true
}

// What differs from one run to the next: names of rollouts, times, durations, tokens.
var fickle = regexp.MustCompile(`\b[a-z2-7]{16}\b|\d{4}-\d\d-\d\dT[\d:.]+Z|\b\d+(\.\d+)? ?(ms|µs)\b|(serin_|sha256\$)[\w$+/=-]+|http://(127\.0\.0\.1|localhost):\d+`)

// alike compares what a page shows with what was printed. A line of three dots stands for
// lines that are left out, an ellipsis for a part of its line.
func alike(want, got []string) bool {
	var pattern strings.Builder
	for _, line := range want {
		if strings.TrimSpace(line) == "..." {
			pattern.WriteString(`(?s:.*)`)
			continue
		}
		line = regexp.QuoteMeta(strings.TrimRight(fickle.ReplaceAllString(line, "~"), " "))
		pattern.WriteString(strings.ReplaceAll(line, "…", ".*") + "\n")
	}
	var text strings.Builder
	for _, line := range got {
		text.WriteString(strings.TrimRight(fickle.ReplaceAllString(line, "~"), " ") + "\n")
	}
	return regexp.MustCompile(`^` + pattern.String() + `$`).MatchString(text.String())
}

// rewrite puts what commands printed into a page.
func rewrite(t *testing.T, name string, changed []command) {
	t.Helper()
	path := filepath.Join(root, name)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	lines := strings.Split(string(text), "\n")
	for i := 0; i < len(lines); i++ {
		fmt.Fprintln(&out, lines[i])
		at := slices.IndexFunc(changed, func(c command) bool { return c.line == i+1 })
		if at < 0 {
			continue
		}
		fmt.Fprintln(&out, strings.Join(changed[at].out, "\n"))
		for i+1 < len(lines) && strings.TrimSpace(lines[i+1]) != "```" && !strings.HasPrefix(lines[i+1], prompt) {
			i++
		}
	}
	if err := os.WriteFile(path, bytes.TrimSuffix(out.Bytes(), []byte("\n")), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestAlike holds what counts as the same output.
func TestAlike(t *testing.T) {
	for name, tt := range map[string]struct {
		want, got []string
		alike     bool
	}{
		"same":    {[]string{"a", "b"}, []string{"a", "b"}, true},
		"other":   {[]string{"a", "b"}, []string{"a", "c"}, false},
		"shorter": {[]string{"a", "b"}, []string{"a"}, false},
		"dots":    {[]string{"a", "...", "z"}, []string{"a", "b", "c", "z"}, true},
		"part":    {[]string{"a … z"}, []string{"a b z"}, true},
		"fickle":  {[]string{"qk3v5zgq7xmh2b4t in 3 ms"}, []string{"aaaabbbbccccdddd in 12 ms"}, true},
	} {
		if got := alike(tt.want, tt.got); got != tt.alike {
			t.Errorf("%s: got %v, want %v", name, got, tt.alike)
		}
	}
}
