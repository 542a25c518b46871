package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestCompletion(t *testing.T) {
	file := filepath.Join(t.TempDir(), "serin.db")
	ids := liveJournal(t, file, "checkout", "cart", "search")
	t.Setenv("SERIN_JOURNAL", file)
	for _, c := range []struct {
		name  string
		words []string
		kind  string
		want  []string // the words, in order; nil: none
	}{
		{"commands that begin so", []string{"pla"}, "words", []string{"plan"}},
		{"commands of a command", []string{"plan", ""}, "words", []string{"check", "init", "power", "schema"}},
		{"no hidden command", []string{"__"}, "words", nil},
		{"another name of a command", []string{"report", "--loo"}, "words", []string{"--look"}},
		{"flags", []string{"judge", "--pl"}, "words", []string{"--plan"}},
		{"the flag that all have", []string{"plan", "check", "--he"}, "words", []string{"--help"}},
		{"words of a flag", []string{"judge", "-o", ""}, "words", []string{"text", "json", "markdown"}},
		{"words of a flag behind =", []string{"judge", "--output=j"}, "words", []string{"--output=json"}},
		{"an empty word of a flag is not offered", []string{"list", "--outcome", ""}, "words", []string{"continue", "promote", "rollback", "inconclusive"}},
		{"a file of a flag", []string{"judge", "--plan", "x"}, "files", nil},
		{"a file behind =", []string{"judge", "--plan=x"}, "files", nil},
		{"a flag without a value takes none", []string{"list", "--live", ""}, "words", nil},
		{"a short flag with its value", []string{"judge", "-ojson", "--tr"}, "words", []string{"--trace"}},
		{"files as arguments", []string{"plan", "check", "a.yaml", ""}, "files", nil},
		{"words of an argument", []string{"completion", "z"}, "words", []string{"zsh"}},
		{"one argument is enough", []string{"completion", "zsh", ""}, "words", nil},
		{"after -- are no flags", []string{"plan", "check", "--", "--x"}, "files", nil},
		{"a folder", []string{"serve", "--plans", ""}, "dirs", nil},
		{"rollouts", []string{"show", ""}, "words", []string{ids[2], ids[1], ids[0]}},
		{"rollouts that begin so", []string{"show", ids[0][:8]}, "words", []string{ids[0]}},
		{"services and rollouts", []string{"watch", ""}, "words", []string{"search", "cart", "checkout", ids[2], ids[1], ids[0]}},
		{"services of a flag", []string{"list", "--service", "c"}, "words", []string{"cart", "checkout"}},
		{"a journal that is not there", []string{"show", "--journal", file + "x", ""}, "words", nil},
		{"a server that is away", []string{"show", "--server=http://127.0.0.1:1", ""}, "words", nil},
		{"what nobody knows", []string{"nothing", "--nothing", ""}, "words", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, said, code := ran(t, append([]string{"__complete", "--within=5m", "--"}, c.words...)...)
			lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
			var got []string
			for _, l := range lines[1:] {
				word, help, ok := strings.Cut(l, "\t")
				if !ok || help == "" {
					t.Errorf("%q says not what it is", l)
				}
				got = append(got, word)
			}
			if code != 0 || said != "" || lines[0] != c.kind || !slices.Equal(got, c.want) {
				t.Errorf("got exit %d, %s, %v and %q; want %s, %v", code, lines[0], got, said, c.kind, c.want)
			}
		})
	}
}

// What a shell would read otherwise is not offered, whoever named it so.
func TestHarmlessWords(t *testing.T) {
	for word, want := range map[string]bool{
		"checkout": true, "shop/check-out_2.x": true, "": false, "a b": false, "$(reboot)": false, "`x`": false, "-rf": false, "a;b": false,
		"a\tb": false, "\x1b[2J": false, "日本語": false, "'": false, "~": false, "*": false, strings.Repeat("a", 101): false,
	} {
		if got := harmless(word); got != want {
			t.Errorf("%q: got %t, want %t", word, got, want)
		}
	}
}

// shellOf returns a shell, or skips the test where there is none.
func shellOf(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		return path
	case os.Getenv("SERIN_REQUIRE_TOOLS") != "":
		t.Fatalf("%s is needed (SERIN_REQUIRE_TOOLS): apt-get install %[1]s", name)
	}
	t.Skipf("there is no %s here", name)
	return ""
}

// typist types into a program on a terminal of its own.
type typist struct {
	t    *testing.T
	keys io.Writer
	seen *heard
}

// onTerminal starts a command line on a terminal.
func onTerminal(t *testing.T, line string, env ...string) typist {
	t.Helper()
	shellOf(t, "script")
	cmd := exec.CommandContext(t.Context(), "script", "-qec", line, "/dev/null")
	cmd.Env = append(os.Environ(), append([]string{"TERM=xterm", "LC_ALL=C.UTF-8", "NO_COLOR="}, env...)...)
	keys, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	seen := newHeard()
	cmd.Stdout, cmd.Stderr = seen, seen
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		keys.Close()
		_ = cmd.Process.Kill() // it has ended, as a rule
		_ = cmd.Wait()
	})
	return typist{t, keys, seen}
}

// types sends keys, and waits until the terminal shows a text.
func (p typist) types(keys, until string) {
	p.t.Helper()
	if _, err := io.WriteString(p.keys, keys); err != nil {
		p.t.Fatal(err)
	}
	p.seen.await(p.t, until)
}

// The scripts work in the shells themselves, as somebody types.
func TestCompletionInShells(t *testing.T) {
	t.Setenv("SERIN_JOURNAL", filepath.Join(t.TempDir(), "none.db"))
	for _, c := range []struct{ shell, start, source string }{
		{"bash", "bash --norc --noprofile -i", "source <(serin completion bash)"},
		{"zsh", "zsh -f -i", "autoload -U compinit; compinit -u -D; source <(serin completion zsh)"},
	} {
		t.Run(c.shell, func(t *testing.T) {
			t.Parallel()
			shellOf(t, c.shell)
			p := onTerminal(t, c.start)
			p.types("PS1='> '; "+c.source+"; echo rea''dy\n", "ready")
			p.types("serin compl\tba\t | head -n 1\n", "# bash completion for serin, made by")
			p.types("serin list --output=mark\t --limit=0\n", "--limit 0 is not within")
			if !strings.Contains(p.seen.String(), "--output=markdown") {
				t.Errorf("got\n%s\nwant --output=markdown", p.seen)
			}
		})
	}
	t.Run("fish", func(t *testing.T) {
		t.Parallel()
		out, err := exec.CommandContext(t.Context(), shellOf(t, "fish"), "--no-config", "-c",
			`serin completion fish | source; complete -C "serin plan c"; complete -C "serin judge --output="; complete -C "serin judge --trace ./completion/serin.f"; complete -C "serin plan check ./completion/serin.f"`).CombinedOutput()
		want := "check\tCheck plan files: every fault at once, and how each query was read\n--output=json\toutput\n--output=markdown\toutput\n--output=text\toutput\n./completion/serin.fish\n"
		if err != nil || string(out) != want {
			t.Errorf("got %v and\n%s\nwant\n%s", err, out, want)
		}
	})
}
