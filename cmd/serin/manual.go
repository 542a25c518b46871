package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// manualPage is what there is to say of a command, made of what its flags and its help
// are. Manual pages and the list of commands in the documentation are written of it.
type manualPage struct {
	name     string // serin plan check
	short    string // what it does, in a sentence
	synopsis string
	blocks   []manualBlock // of the longer help
	args     []manualEntry
	flags    []manualEntry
	commands []manualEntry // below it
	related  []string      // names of pages
}

// manualBlock is a paragraph, or lines as they are.
type manualBlock struct {
	text string
	code bool
}

// manualEntry is a flag, an argument or a command.
type manualEntry struct{ term, text string }

// manualOf returns the page of a program and those of its commands, in the order of its
// help. Hidden commands have none.
func manualOf(app *kong.Application) []manualPage {
	pages := pagesBelow(app.Node)
	pages[0].short = "Judges canaries."
	pages[0].blocks = blocksOf(app.Help)
	return pages
}

func pagesBelow(n *kong.Node) []manualPage {
	name := commandName(n)
	p := manualPage{name: name, short: strings.Join(strings.Fields(n.Help), " "), synopsis: name, blocks: blocksOf(n.Detail)}
	if len(n.Aliases) > 0 {
		p.short = strings.TrimSuffix(p.short, ".") + fmt.Sprintf(" (also: %s).", strings.Join(n.Aliases, ", "))
	}
	for _, arg := range n.Positional {
		p.synopsis += " " + arg.Summary()
		p.args = append(p.args, manualEntry{arg.Summary(), sentenceOf(arg)})
	}
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			if f.Required {
				p.synopsis += " " + f.Summary()
			}
			p.flags = append(p.flags, flagEntry(f))
		}
	}
	if len(n.Children) > 0 {
		p.synopsis += " <command>"
	}
	p.synopsis += " [flags]"
	if n.Parent != nil {
		p.related = append(p.related, commandName(n.Parent))
	}
	below := []manualPage{}
	for _, c := range n.Children {
		if c.Hidden {
			continue
		}
		p.commands = append(p.commands, manualEntry{c.Name, strings.Join(strings.Fields(c.Help), " ")})
		p.related = append(p.related, commandName(c))
		below = append(below, pagesBelow(c)...)
	}
	return append([]manualPage{p}, below...)
}

// commandName is a command as it is written: serin plan check.
func commandName(n *kong.Node) string {
	if n.Parent == nil {
		return n.Name
	}
	return commandName(n.Parent) + " " + n.Name
}

func flagEntry(f *kong.Flag) manualEntry {
	e := manualEntry{term: "--" + f.Name, text: sentenceOf(f.Value)}
	if f.Short != 0 {
		e.term = fmt.Sprintf("-%c, %s", f.Short, e.term)
	}
	if !takesValue(f) {
		return e
	}
	e.term += "=" + valueName(f)
	if f.Required {
		e.text += " Required."
	}
	if f.HasDefault && f.Default != "" && !strings.Contains(strings.ToLower(f.Help), "default") {
		e.text += fmt.Sprintf(" Default: %s.", f.Default)
	}
	if len(f.Envs) > 0 {
		e.text += fmt.Sprintf(" Environment: %s.", strings.Join(f.Envs, ", "))
	}
	return e
}

// valueName is what stands for a flag's value: its words, or a name.
func valueName(f *kong.Flag) string {
	switch {
	case f.Enum != "":
		return strings.Join(strings.FieldsFunc(f.Enum, func(r rune) bool { return r == ',' || r == ' ' }), "|")
	case f.PlaceHolder != "":
		return f.PlaceHolder
	case f.Target.Type().String() == "time.Duration":
		return "DURATION"
	}
	return strings.ToUpper(f.Name)
}

// sentenceOf is a help that ends as a sentence.
func sentenceOf(v *kong.Value) string {
	text := strings.Join(strings.Fields(v.Help), " ")
	if text != "" && !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}

// leastIndent is how far lines are set in that are shown as they are.
const leastIndent = 2

// blocksOf takes a help to pieces: lines that are set in are as they are, others are
// paragraphs.
func blocksOf(help string) []manualBlock {
	var out []manualBlock
	open, indent := false, 0 // whether the last block goes on, and how far its first line is set in
	for line := range strings.Lines(help + "\n") {
		line = strings.TrimRight(line, " \n")
		if line == "" {
			open = false
			continue
		}
		in := len(line) - len(strings.TrimLeft(line, " "))
		code := in >= leastIndent
		if !open || out[len(out)-1].code != code {
			indent = in
			out = append(out, manualBlock{line[in:], code})
			open = true
			continue
		}
		last := &out[len(out)-1]
		if code {
			last.text += "\n" + line[min(in, indent):]
		} else {
			last.text += " " + line[in:]
		}
	}
	return out
}
