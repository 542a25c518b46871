package docs

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// command is one that a page tells people to type.
type command struct {
	page  string
	line  int
	text  string
	shown bool     // what it prints is shown, behind a prompt
	out   []string // that
}

// prompt begins a command whose output follows.
const prompt = "$ "

// typed are the words that commands begin with: no fence may hold one without being
// marked as commands.
var typed = regexp.MustCompile(`^(\$ |serin |go |curl |kubectl |promtool |helm |docker |cd |bash |npm |git |[A-Z_]+=\S+ (go|serin|\./)|POST=)`)

// commandsOf returns the commands in a fence, with what they are shown to print.
func commandsOf(f fence) []command {
	var out []command
	switch {
	case f.lang == "console" || len(f.body) > 0 && strings.HasPrefix(f.body[0], prompt):
		for i, line := range f.body {
			text, typed := strings.CutPrefix(line, prompt)
			switch last := len(out) - 1; {
			case typed:
				out = append(out, command{page: f.page, line: f.line + i, text: text, shown: true})
			case last >= 0 && len(out[last].out) == 0 && strings.HasSuffix(out[last].text, `\`):
				out[last].line, out[last].text = f.line+i, out[last].text+"\n"+line
			case last >= 0:
				out[last].out = append(out[last].out, line)
			}
		}
	case slices.Contains([]string{"sh", "bash", "shell"}, f.lang):
		var text []string
		for i, line := range f.body {
			if len(text) == 0 && (strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#")) {
				continue
			}
			if text = append(text, line); !whole(strings.Join(text, "\n")) {
				continue
			}
			out = append(out, command{page: f.page, line: f.line + i - len(text) + 1, text: strings.Join(text, "\n")})
			text = nil
		}
		if text != nil {
			out = append(out, command{page: f.page, line: f.line, text: strings.Join(text, "\n")})
		}
	}
	return out
}

var document = regexp.MustCompile(`<<-?\s*'?([A-Z]+)'?`)

// whole reports whether a shell would run a text, and not wait for more of it.
func whole(text string) bool {
	if m := document.FindStringSubmatch(text); len(m) > 1 && !strings.HasSuffix(text, "\n"+m[1]) {
		return false
	}
	return !strings.HasSuffix(text, `\`) && exec.Command("bash", "-n", "-c", text).Run() == nil
}

// TestCommandsAreMarked holds that no command hides in a fence that is not one of commands.
func TestCommandsAreMarked(t *testing.T) {
	for _, p := range pages(t) {
		for _, f := range p.fences {
			if f.lang == "" && len(f.body) > 0 && typed.MatchString(f.body[0]) && len(commandsOf(f)) == 0 {
				t.Errorf("%s:%d: %q looks like a command; mark the fence as sh", f.page, f.line, f.body[0])
			}
		}
	}
}

// TestReadingCommands takes fences apart.
func TestReadingCommands(t *testing.T) {
	for name, tt := range map[string]struct {
		fence fence
		want  []string
	}{
		"lines":     {fence{lang: "sh", body: []string{"# first", "serin a", "", "serin b | c"}}, []string{"serin a", "serin b | c"}},
		"continued": {fence{lang: "sh", body: []string{`serin a \`, "   b", "serin c"}}, []string{"serin a \\\n   b", "serin c"}},
		"quoted":    {fence{lang: "sh", body: []string{"curl -d '{", "}'", "x"}}, []string{"curl -d '{\n}'", "x"}},
		"document":  {fence{lang: "bash", body: []string{"cat <<'EOF'", "a", "EOF", "b"}}, []string{"cat <<'EOF'\na\nEOF", "b"}},
		"choice":    {fence{lang: "sh", body: []string{"if a; then", "  b", "fi"}}, []string{"if a; then\n  b\nfi"}},
		"prompt":    {fence{body: []string{"$ serin a", "out", "$ serin b"}}, []string{"serin a", "serin b"}},
		"shown":     {fence{lang: "console", body: []string{`$ serin a \`, "  b", "out"}}, []string{"serin a \\\n  b"}},
		"output":    {fence{body: []string{"0:39 measuring"}}, nil},
		"other":     {fence{lang: "yaml", body: []string{"a: 1"}}, nil},
	} {
		var got []string
		for _, c := range commandsOf(tt.fence) {
			got = append(got, c.text)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}
