package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"
)

// manCmd writes manual pages.
type manCmd struct {
	Output  string   `short:"o" placeholder:"DIR" help:"Write every page into this folder, which is made where it is not there."`
	Command []string `arg:"" optional:"" help:"The command whose page is printed; default: the page of serin itself."`
}

// Help implements kong.HelpProvider.
func (manCmd) Help() string {
	return `Examples:

    serin man | man -l -
    serin man plan check | man -l -
    serin man --output ~/.local/share/man/man1 && man serin-judge

Each command has a page: serin(1), serin-judge(1), serin-plan-check(1) and so on. They are made of what
--help says, by the same program, so that they cannot be of another version.`
}

// Run implements the command.
func (c manCmd) Run(k *kong.Context, s *streams) error {
	pages := manualOf(k.Model)
	as := edition{version: version(), date: builtOn()}
	if c.Output == "" {
		name := strings.Join(append([]string{k.Model.Name}, c.Command...), " ")
		for _, p := range pages {
			if p.name == name {
				_, err := s.out.Write(p.roff(as))
				return err
			}
		}
		return fmt.Errorf("there is no command %q; serin --help lists them", name)
	}
	if len(c.Command) > 0 {
		return errors.New("--output writes every page; leave out the command")
	}
	if err := os.MkdirAll(c.Output, 0o755); err != nil { //nolint:gosec // others read manual pages
		return fmt.Errorf("--output: %w", err)
	}
	for _, p := range pages {
		file := filepath.Join(c.Output, p.file())
		if err := os.WriteFile(file, p.roff(as), 0o644); err != nil { //nolint:gosec // so
			return fmt.Errorf("--output: %w", err)
		}
	}
	_, err := fmt.Fprintf(s.err, "wrote %d pages to %s\n", len(pages), c.Output)
	return err
}

// builtOn is the day of the revision that this program was built from; empty where it is
// not known.
func builtOn() string {
	b, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range b.Settings {
		if day, _, ok := strings.Cut(s.Value, "T"); s.Key == "vcs.time" && ok {
			return day
		}
	}
	return ""
}

// edition is what pages say of where they are from.
type edition struct{ version, date string }

// file is what a page's file is called.
func (p manualPage) file() string { return strings.ReplaceAll(p.name, " ", "-") + ".1" }

// roff writes a page in the language of man(7).
func (p manualPage) roff(as edition) []byte {
	var b bytes.Buffer
	request := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	request(`.\" Made of the help of %s; do not edit.`, p.name)
	request(`.TH %s 1 "%s" "serin %s" "Serin"`, roffWord(strings.ToUpper(strings.TrimSuffix(p.file(), ".1"))), as.date, roffWord(as.version))
	request(".SH NAME\n%s \\- %s", roffText(strings.ReplaceAll(p.name, " ", "-")), roffText(strings.TrimSuffix(p.short, ".")))
	request(".SH SYNOPSIS\n.nf\n%s\n.fi", roffText(p.synopsis))
	request(".SH DESCRIPTION\n%s", roffText(p.short))
	for _, block := range p.blocks {
		if block.code {
			request(".PP\n.RS 4\n.nf\n%s\n.fi\n.RE", roffText(block.text))
		} else {
			request(".PP\n%s", roffText(block.text))
		}
	}
	for _, part := range []struct {
		name    string
		entries []manualEntry
	}{{"ARGUMENTS", p.args}, {"OPTIONS", p.flags}, {"COMMANDS", p.commands}} {
		if len(part.entries) == 0 {
			continue
		}
		request(".SH %s", part.name)
		for _, e := range part.entries {
			request(".TP\n\\fB%s\\fR\n%s", roffText(e.term), roffText(e.text))
		}
	}
	request(".SH SEE ALSO")
	for i, name := range p.related {
		comma := ","
		if i == len(p.related)-1 {
			comma = ""
		}
		request(".BR %s (1)%s", roffText(strings.ReplaceAll(name, " ", "-")), comma)
	}
	return b.Bytes()
}

// roffText writes a text so that nothing of it is a request, and nothing needs more than
// ASCII.
func roffText(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			b.WriteString(`\&`)
		}
		for _, r := range line {
			switch {
			case r == '\\':
				b.WriteString(`\e`)
			case r == '-':
				b.WriteString(`\-`)
			case r == '\'':
				b.WriteString(`\(aq`)
			case r == '`':
				b.WriteString("\\`")
			case r == '^':
				b.WriteString(`\(ha`)
			case r == '~':
				b.WriteString(`\(ti`)
			case r > '~':
				fmt.Fprintf(&b, `\[u%04X]`, r)
			default:
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}

// roffWord writes a text between quotation marks.
func roffWord(s string) string { return strings.ReplaceAll(roffText(s), `"`, `\(dq`) }
