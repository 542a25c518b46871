package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// manual returns the pages of this program.
func manual(t *testing.T) []manualPage {
	t.Helper()
	k, err := grammar(t.Context(), &streams{})
	if err != nil {
		t.Fatal(err)
	}
	return manualOf(k.Model)
}

// goldenFile compares a text with a file, or writes it.
func goldenFile(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not what the commands' help says; run go test ./cmd/serin -run %s -update (-said +says):\n%s", path, t.Name(), diff)
	}
}

// docs/cli.md is what --help says, all of it.
func TestCommandsInDocumentation(t *testing.T) {
	goldenFile(t, "../../docs/cli.md", commandsAsMarkdown(manual(t)))
}

// commandsAsMarkdown writes every page, with an index.
func commandsAsMarkdown(pages []manualPage) string {
	var b strings.Builder
	b.WriteString(`# Commands

<!-- Made of the commands' help by: go test ./cmd/serin -run TestCommandsInDocumentation -update -->

What ` + "`--help`" + ` says of every command.

## On a terminal

Reports and lists fit the terminal's width, up to 120 columns; elsewhere they are 100 columns wide, or what ` + "`COLUMNS`" + ` says. A narrow terminal
goes without columns whose numbers are in the sentences, too. Colour is for terminals only, the sixteen of your own theme, and nothing is
said by colour alone. ` + "`NO_COLOR`" + ` turns it off, ` + "`CLICOLOR_FORCE=1`" + ` turns it on everywhere. Where the locale (` + "`LC_ALL`, `LC_CTYPE`, `LANG`" + `) names no
UTF-8, signs and curves are ASCII. Names and reasons come from others: whatever could move the cursor, set a title, make a link or turn
the direction of writing is taken out of them. Letters of scripts that run from right to left stay, and some terminals turn them.

For programs there is ` + "`-o json`, for comments `-o markdown`" + `.

## Completion and manual pages

Bash, zsh and fish complete commands, flags, their words, files, services and rollouts. For one shell:

    source <(serin completion bash)

For all, where packages install it: ` + "`serin completion bash` to `share/bash-completion/completions/serin`, `zsh` to `share/zsh/site-functions/_serin`, `fish` to `share/fish/vendor_completions.d/serin.fish`" + `.

    serin man --output /usr/local/share/man/man1

writes a manual page for each command; a package does so when it is built, with the program that it packs.

## All of them

`)
	for _, p := range pages {
		fmt.Fprintf(&b, "- [%s](#%s): %s\n", p.name, strings.ReplaceAll(p.name, " ", "-"), markdownText(p.short))
	}
	for _, p := range pages {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n%s\n", p.name, markdownText(p.short), asIs(p.synopsis))
		for _, block := range p.blocks {
			if block.code {
				fmt.Fprintf(&b, "\n%s\n", asIs(block.text))
			} else {
				fmt.Fprintf(&b, "\n%s\n", markdownText(block.text))
			}
		}
		for _, part := range []struct {
			name    string
			entries []manualEntry
		}{{"argument", p.args}, {"flag", p.flags}, {"command", p.commands}} {
			if len(part.entries) == 0 || part.name == "flag" && len(part.entries) == 1 && p.name != pages[0].name {
				continue
			}
			fmt.Fprintf(&b, "\n| %s | |\n|---|---|\n", part.name)
			for _, e := range part.entries {
				if strings.HasSuffix(e.term, "--help") && p.name != pages[0].name {
					continue // all have it
				}
				term := "`" + strings.ReplaceAll(e.term, "|", `\|`) + "`"
				if part.name == "command" {
					term = fmt.Sprintf("[%s](#%s)", e.term, strings.ReplaceAll(p.name+" "+e.term, " ", "-"))
				}
				fmt.Fprintf(&b, "| %s | %s |\n", term, strings.ReplaceAll(markdownText(e.text), "|", `\|`))
			}
		}
	}
	return b.String()
}

// asIs sets lines in, so that they are shown as they are.
func asIs(lines string) string {
	return "    " + strings.ReplaceAll(strings.ReplaceAll(lines, "\n", "\n    "), "\n    \n", "\n\n")
}

// markdownText keeps a help's text from being read as anything else.
func markdownText(s string) string {
	return strings.NewReplacer("<", "&lt;", "*", `\*`, "_", `\_`, "[", `\[`, "$", `\$`).Replace(s)
}

// Every command says what it does, and shows how, so that a newcomer can go on from it.
func TestEveryCommandTeaches(t *testing.T) {
	for _, p := range manual(t)[1:] {
		example := false
		for _, block := range p.blocks {
			example = example || block.code && strings.Contains(block.text, p.name+" ") || strings.Contains(block.text, p.name+"\n") || strings.HasSuffix(block.text, p.name)
		}
		if !example && len(p.commands) == 0 {
			t.Errorf("the help of %s has no example of it", p.name)
		}
		if strings.TrimRight(p.short, ".?") == p.short || len(p.short) > 110 {
			t.Errorf("%s: %q is no short sentence", p.name, p.short)
		}
		for _, e := range append(p.args, p.flags...) {
			if len(strings.Fields(e.text)) < 2 {
				t.Errorf("%s: %s is not explained: %q", p.name, e.term, e.text)
			}
		}
	}
}

func TestManualPages(t *testing.T) {
	as := edition{version: "v0.1.0", date: "2026-01-02"}
	for _, p := range manual(t) {
		if p.name == "serin completion" {
			goldenFile(t, "testdata/man/"+p.file(), string(p.roff(as)))
		}
	}
	dir := filepath.Join(t.TempDir(), "man1")
	wantSerin(t, 0, "wrote ", "man", "--output", dir)
	wantSerin(t, 0, ".TH SERIN\\-PLAN\\-CHECK 1 ", "man", "plan", "check")
	wantSerin(t, 1, `there is no command "serin nothing"`, "man", "nothing")
	wantSerin(t, 1, "leave out the command", "man", "judge", "--output", dir)
	files, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil || len(files) < 30 {
		t.Fatalf("got %d pages, %v", len(files), err)
	}
}

// Manual pages are without a fault for those who read them: mandoc, and groff by man.
func TestManualPagesAreSound(t *testing.T) {
	mandoc := shellOf(t, "mandoc")
	dir := t.TempDir()
	as := edition{version: "v0.1.0", date: "2026-01-02"}
	pages := manual(t)
	pages = append(pages, manualPage{
		name: "serin odd", short: ".TH is no request, and 'this \\fBneither.", synopsis: "serin odd",
		blocks: []manualBlock{{text: ".so x\n'br\n\\n(.t ^ ~ ` – ✓", code: true}}, related: []string{"serin"},
	})
	var files []string
	for _, p := range pages {
		file := filepath.Join(dir, p.file())
		if err := os.WriteFile(file, p.roff(as), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	out, err := exec.CommandContext(t.Context(), mandoc, append([]string{"-T", "lint", "-W", "warning"}, files...)...).CombinedOutput()
	if err != nil {
		t.Errorf("mandoc: %v\n%s", err, out)
	}
	read, err := exec.CommandContext(t.Context(), mandoc, "-T", "ascii", filepath.Join(dir, "serin-odd.1")).Output()
	for _, want := range []string{".so x", "'br", `\n(.t ^ ~ `, "TH is no request, and 'this \\fB"} {
		if err != nil || !bytes.Contains(read, []byte(want)) {
			t.Errorf("got %v and\n%s\nwant %q as it is", err, read, want)
		}
	}
	groff, err := exec.LookPath("groff")
	if err != nil {
		return // mandoc has read them
	}
	out, err = exec.CommandContext(t.Context(), groff, append([]string{"-man", "-Tutf8", "-ww", "-z"}, files...)...).CombinedOutput()
	if err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("groff: %v\n%s", err, out)
	}
}
