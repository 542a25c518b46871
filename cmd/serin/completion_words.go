package main

import (
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

// candidate is a word that may come next, and what it is.
type candidate struct{ word, help string }

// answer is what may come next.
type answer struct {
	kind  string // words, files or dirs
	words []candidate
}

// wanted is something recorded that a word may name.
type wanted int

const (
	wantedNothing wanted = iota
	wantedService
	wantedRollout
)

// walked is where an unfinished command line stands.
type walked struct {
	node    *kong.Node
	partial string            // the unfinished word
	prefix  string            // --flag= where the unfinished word begins so
	flag    *kong.Flag        // whose value is unfinished; nil: none
	args    int               // positional arguments before the unfinished word
	only    bool              // after --: no more flags
	values  map[string]string // of the flags so far
}

// walk reads the words of a command line, the last of them unfinished.
func walk(root *kong.Node, words []string) walked {
	w := walked{node: root, values: map[string]string{}}
	last := len(words) - 1
	for _, word := range words[:last] {
		w.read(word)
	}
	w.partial = words[last]
	if name, value, ok := strings.Cut(w.partial, "="); ok && w.flag == nil && !w.only && strings.HasPrefix(name, "-") {
		if f := w.find(name); f != nil && takesValue(f) {
			w.flag, w.partial, w.prefix = f, value, name+"="
		}
	}
	return w
}

// read takes a finished word.
func (w *walked) read(word string) {
	switch {
	case w.flag != nil:
		w.values[w.flag.Name] = word
		w.flag = nil
	case w.only:
		w.args++
	case word == "--":
		w.only = true
	case strings.HasPrefix(word, "-") && word != "-":
		name, value, whole := strings.Cut(word, "=")
		f := w.find(name)
		switch {
		case f == nil || !takesValue(f):
		case whole:
			w.values[f.Name] = value
		case strings.HasPrefix(name, "--") || len(name) == len("-x"):
			w.flag = f
		}
	default:
		if child := childOf(w.node, word); child != nil && w.args == 0 {
			w.node = child
			return
		}
		w.args++
	}
}

// find returns the flag of a name, long or short, or nil.
func (w *walked) find(name string) *kong.Flag {
	for _, group := range w.node.AllFlags(false) {
		for _, f := range group {
			if name == "--"+f.Name || f.Short != 0 && strings.HasPrefix(name, "-"+string(f.Short)) && !strings.HasPrefix(name, "--") {
				return f
			}
		}
	}
	return nil
}

func takesValue(f *kong.Flag) bool { return !f.IsBool() && !f.IsCounter() }

func childOf(n *kong.Node, word string) *kong.Node {
	for _, c := range n.Children {
		if c.Name == word {
			return c
		}
		for _, a := range c.Aliases {
			if a == word {
				return c
			}
		}
	}
	return nil
}

// candidates returns what may come next. Of what is recorded it asks ask.
func (w walked) candidates(ask func(wanted) []candidate) answer {
	var a answer
	switch {
	case w.flag != nil:
		a = w.valuesOf(w.flag.Value, w.flag.PlaceHolder, ask)
	case strings.HasPrefix(w.partial, "-") && !w.only:
		a = answer{kind: "words", words: w.flags()}
	case len(w.node.Children) > 0 && w.args == 0:
		a = answer{kind: "words", words: commands(w.node)}
	default:
		a = w.argument(ask)
	}
	var fit []candidate
	for _, c := range a.words {
		if c.word = w.prefix + c.word; strings.HasPrefix(c.word, w.prefix+w.partial) {
			fit = append(fit, c)
		}
	}
	a.words = fit
	return a
}

// argument returns what the next positional argument may be.
func (w walked) argument(ask func(wanted) []candidate) answer {
	list := w.node.Positional
	if len(list) == 0 {
		return answer{kind: "words"}
	}
	at := min(w.args, len(list)-1)
	if w.args > at && !list[at].IsCumulative() {
		return answer{kind: "words"}
	}
	placeholder := list[at].Tag.PlaceHolder
	if placeholder == "" {
		placeholder = list[at].Name
	}
	return w.valuesOf(list[at], placeholder, ask)
}

// valuesOf returns what a flag or an argument may be, by its words or by its placeholder.
func (w walked) valuesOf(v *kong.Value, placeholder string, ask func(wanted) []candidate) answer {
	if v.Enum != "" {
		a := answer{kind: "words"}
		for _, word := range v.EnumSlice() {
			if word != "" {
				a.words = append(a.words, candidate{word, v.Name})
			}
		}
		return a
	}
	for _, name := range strings.Split(strings.ToLower(placeholder), "|") {
		switch name {
		case "file", "files", "journal", "plan":
			return answer{kind: "files"}
		case "dir", "folder":
			return answer{kind: "dirs"}
		case "id":
			a := answer{kind: "words", words: ask(wantedRollout)}
			if strings.Contains(placeholder, "|service") {
				a.words = append(ask(wantedService), a.words...)
			}
			return a
		}
	}
	if v.Name == "service" && v.Flag != nil {
		return answer{kind: "words", words: ask(wantedService)}
	}
	return answer{kind: "words"}
}

// flags returns the flags that a command takes.
func (w walked) flags() []candidate {
	var out []candidate
	for _, group := range w.node.AllFlags(true) {
		for _, f := range group {
			out = append(out, candidate{"--" + f.Name, firstSentence(f.Help)})
		}
	}
	return out
}

// commands returns the commands below a node.
func commands(n *kong.Node) []candidate {
	var out []candidate
	for _, c := range n.Children {
		if !c.Hidden {
			out = append(out, candidate{c.Name, firstSentence(c.Help)})
		}
	}
	return out
}

// firstSentence is what a list has room for.
func firstSentence(help string) string {
	first, _, _ := strings.Cut(strings.Join(strings.Fields(help), " "), ". ")
	return strings.TrimSuffix(first, ".")
}

// place says where the command line, or else the environment, has rollouts read.
func (w walked) place() recorded {
	at := recorded{
		Server: os.Getenv("SERIN_URL"), TokenFile: os.Getenv("SERIN_TOKEN_FILE"), Journal: os.Getenv("SERIN_JOURNAL"),
	}
	for name, into := range map[string]*string{
		"server": &at.Server, "token-file": &at.TokenFile, "journal": &at.Journal, "config": &at.Config,
	} {
		if value, ok := w.values[name]; ok {
			*into = value
			if name != "token-file" {
				at.given = append(at.given, name)
			}
		}
	}
	return at
}
