package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/serin-canary/serin/judge/journal"
	"github.com/serin-canary/serin/judge/report"
)

// The scripts know nothing of the commands: they ask the hidden command __complete for
// what may come next, so that they need not be made again with every version.
var (
	//go:embed completion/serin.bash
	completionBash string
	//go:embed completion/serin.zsh
	completionZsh string
	//go:embed completion/serin.fish
	completionFish string
)

// completionCmd prints a shell's script.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"The shell: bash, zsh or fish."`
}

// Help implements kong.HelpProvider.
func (completionCmd) Help() string {
	return `Examples:

    source <(serin completion bash)
    serin completion bash > /etc/bash_completion.d/serin
    serin completion zsh > "${fpath[1]}/_serin"
    serin completion fish > ~/.config/fish/completions/serin.fish

The script asks serin itself for what may come next: commands, flags, the words that a flag takes,
files, and, where a server (SERIN_URL) or a journal is within reach, services and the IDs of
rollouts. It stays right when serin is updated. In zsh, compinit must have been loaded.`
}

// Run implements the command.
func (c completionCmd) Run(s *streams) error {
	_, err := io.WriteString(s.out, map[string]string{"bash": completionBash, "zsh": completionZsh, "fish": completionFish}[c.Shell])
	return err
}

// completeCmd is what the scripts ask.
type completeCmd struct {
	Within time.Duration `default:"1s" help:"How long a server or a journal may take to answer: who presses a key waits."`
	Words  []string      `arg:"" optional:"" help:"The words after the program's name, the last of them unfinished."`
}

// Help implements kong.HelpProvider.
func (completeCmd) Help() string {
	return `Examples:

    serin __complete -- plan ch

Shells ask it, by the scripts of serin completion. The first line is what is meant (words, files or
dirs), each further line a word and, behind a tab, what it is.`
}

// Run implements the command.
func (c completeCmd) Run(ctx context.Context, k *kong.Context, s *streams) error {
	ctx, cancel := context.WithTimeout(ctx, c.Within)
	defer cancel()
	words := c.Words
	if len(words) == 0 {
		words = []string{""}
	}
	w := walk(k.Model.Node, words)
	answer := w.candidates(func(of wanted) []candidate { return w.recorded(ctx, of) })
	fmt.Fprintln(s.out, answer.kind)
	for _, one := range answer.words {
		fmt.Fprintf(s.out, "%s\t%s\n", one.word, one.help)
	}
	return nil
}

// recorded returns services or rollouts, the newest first. Nothing that goes wrong is
// worth a word while somebody types.
func (w walked) recorded(ctx context.Context, of wanted) []candidate {
	at := w.place()
	quiet := &streams{out: io.Discard, err: io.Discard}
	var out []candidate
	seen := map[string]bool{}
	_ = at.with(ctx, quiet, func(r record) error {
		list, err := r.list(ctx, journal.Filter{Limit: 100})
		for _, sum := range list {
			word, help := sum.Rollout.Service, "service"
			if of == wantedRollout {
				word, help = sum.Rollout.ID, fmt.Sprintf("%s %s, %s", sum.Rollout.Service, sum.Rollout.Revision, standingOf(sum))
			}
			// A word that a shell would read otherwise is not offered.
			if !seen[word] && harmless(word) {
				seen[word] = true
				out = append(out, candidate{word, report.Plain(help)})
			}
		}
		return err
	})
	return out
}

// standingOf says in a word or two how a rollout stands.
func standingOf(sum journal.Summary) string {
	word := "no look yet"
	if sum.Last != nil {
		word = sum.Last.Outcome.String()
	}
	if sum.Closed.IsZero() {
		word += ", live"
	}
	return word
}

// harmless reports whether no shell makes anything else of a word.
func harmless(word string) bool {
	return word != "" && len(word) <= 100 && word[0] != '-' &&
		strings.Trim(strings.ToLower(word), "abcdefghijklmnopqrstuvwxyz0123456789._-/") == ""
}
