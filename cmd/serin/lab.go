package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/serin-canary/serin/cmd/serin/screen"
	"github.com/serin-canary/serin/judge/lab"
)

// labCmd measures verdicts on simulated rollouts.
type labCmd struct {
	Runs     int       `default:"200" help:"Simulated rollouts for each setting."`
	Seed     uint64    `default:"1" help:"Feeds every pseudo-random choice."`
	Level    []string  `default:"moderate" help:"How rough the service is by itself: clean, moderate, harsh, or all."`
	RPS      []float64 `name:"rps" default:"100" help:"Requests a second of both arms together."`
	Pods     []string  `default:"1" help:"Canary pods of 20, or baseline and canary pods: 3+1."`
	Scenario []string  `default:"aa" help:"What is wrong with the canary: a name from the list below, or all."`
	Rule     []string  `help:"Rules to measure: names from the list below, or all. Without it the product's defaults and all other tools' rules."`
	Output   string    `short:"o" enum:"text,json,csv,markdown" default:"text" help:"How to write the result: text, json, csv or markdown."`
}

// Help implements kong.HelpProvider.
func (labCmd) Help() string {
	var b strings.Builder
	b.WriteString(`Examples:

    serin lab
    serin lab --scenario errors+1pp,latency-x1.5 --rps 20,100,1000
    serin lab --level all --runs 2000 -o markdown

Each run is an hour of a simulated service before a rollout and an hour of the rollout, minute by minute.
Serin's own judge and the rules of other tools decide on the very same numbers. Shown are how often each
rolls back and promotes, after how many minutes, and how many errors the canary served until then.
With several levels, rates, pods or scenarios every combination is measured. Ctrl-C stops early and shows
what was done.

Scenarios:

`)
	for _, s := range lab.Scenarios() {
		fmt.Fprintf(&b, "    %-15s %s\n", s.Name, s.About)
	}
	b.WriteString("\nRules:\n\n")
	for _, r := range lab.Rules() {
		fmt.Fprintf(&b, "    %-18s %s\n", r.Name, r.About)
	}
	return b.String()
}

// Validate implements kong's check of what was parsed.
func (c labCmd) Validate(*kong.Context) error {
	_, err := c.config()
	return err
}

// everyOne is what a list flag says to mean all there is.
const everyOne = "all"

// config lists the settings that the flags ask for.
func (c labCmd) config() (lab.Config, error) {
	if c.Runs < 1 {
		return lab.Config{}, errors.New("--runs must be at least 1")
	}
	levels, err := parseEach(c.Level, lab.ParseLevel, lab.Levels())
	if err != nil {
		return lab.Config{}, err
	}
	pods, err := parseEach(c.Pods, lab.ParsePods, nil)
	if err != nil {
		return lab.Config{}, err
	}
	scenarios, err := parseEach(c.Scenario, lab.ScenarioNamed, lab.Scenarios())
	if err != nil {
		return lab.Config{}, err
	}
	out := lab.Config{Runs: c.Runs, Rules: c.Rule}
	if slices.Contains(c.Rule, everyOne) {
		out.Rules = nil
		for _, r := range lab.Rules() {
			out.Rules = append(out.Rules, r.Name)
		}
	}
	for _, level := range levels {
		for _, rps := range c.RPS {
			for _, p := range pods {
				for _, s := range scenarios {
					out.Settings = append(out.Settings, lab.Setting{Level: level, RPS: rps, Pods: p, Scenario: s, Seed: c.Seed})
				}
			}
		}
	}
	return out, out.Validate()
}

// parseEach parses the values of a list flag.
func parseEach[T any](values []string, parse func(string) (T, error), all []T) ([]T, error) {
	if all != nil && slices.Contains(values, everyOne) {
		return all, nil
	}
	var out []T
	for _, v := range values {
		t, err := parse(v)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// Run implements the command.
func (c labCmd) Run(ctx context.Context, s *streams) error {
	config, err := c.config()
	if err != nil {
		return err
	}
	live := screen.NewLive(s.err, 10*time.Second)
	config.Progress = func(done, total int) {
		live.Update(float64(done)/float64(total), fmt.Sprintf("%d of %d rollouts simulated", done, total))
	}
	cells, err := lab.Run(ctx, config)
	live.Close()
	if errors.Is(err, context.Canceled) && len(cells) > 0 {
		fmt.Fprintln(s.err, "Stopped early; this is what was done.")
		if err := lab.Write(s.out, c.Output, cells); err != nil {
			return err
		}
		return exitCode(exitFailure)
	}
	if err != nil {
		return err
	}
	return lab.Write(s.out, c.Output, cells)
}
