package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	Level    []string  `help:"How rough the service is by itself: clean, moderate (the default), harsh, or all."`
	RPS      []float64 `name:"rps" help:"Requests a second of both arms together (default 100)."`
	Pods     []string  `help:"Canary pods of 20, or baseline and canary pods: 3+1 (default 1)."`
	Scenario []string  `help:"What is wrong with the canary: a name from the list below, or all. Without it, nothing is wrong."`
	Series   string    `placeholder:"DIR" help:"Draw rollouts from the recorded series in this folder instead of simulating them."`
	Rule     []string  `help:"Rules to measure: names from the list below, or all. Without it the product's defaults and all other tools' rules."`
	Output   string    `short:"o" enum:"text,json,csv,markdown,matrix" default:"text" help:"How to write the result: text, json, csv, markdown, or matrix (Markdown with a column for each rule)."`
	Show     string    `enum:"rollback,interval,later,promote,errors,limit" default:"rollback" help:"What a matrix holds: rollback, interval, later (rolled back even after a promotion), promote, errors (served), limit (crossed)."`
	Plot     string    `placeholder:"FILE" help:"Draw the result into this file as well, an .svg or a .png."`
	Chart    string    `enum:",alarms,detection,promotion" default:"" help:"What to draw: alarms, detection or promotion. Without it alarms where all canaries are healthy, and detection elsewhere."`
}

// Help implements kong.HelpProvider.
func (labCmd) Help() string {
	var b strings.Builder
	b.WriteString(`Examples:

    serin lab
    serin lab --scenario errors+1pp,latency-x1.5 --rps 20,100,1000
    serin lab --level all --runs 2000 -o markdown
    serin lab --series recorded/ --scenario all --rule serin,kayenta-any

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
	if c.Plot != "" && !slices.Contains(lab.Images(), c.image()) {
		return lab.Config{}, fmt.Errorf("--plot %s: the name must end in .%s", c.Plot, strings.Join(lab.Images(), " or ."))
	}
	out := lab.Config{Runs: c.Runs, Rules: c.Rule}
	if slices.Contains(c.Rule, everyOne) {
		out.Rules = nil
		for _, r := range lab.Rules() {
			out.Rules = append(out.Rules, r.Name)
		}
	}
	var err error
	if out.Settings, err = c.settings(); err != nil {
		return lab.Config{}, err
	}
	return out, out.Validate()
}

// settings lists every combination of what is simulated, or every scenario of what
// was recorded.
func (c labCmd) settings() ([]lab.Setting, error) {
	if c.Series != "" {
		return c.recorded()
	}
	levels, err := parseEach(orElse(c.Level, lab.Moderate.String()), lab.ParseLevel, lab.Levels())
	pods, err2 := parseEach(orElse(c.Pods, "1"), lab.ParsePods, nil)
	scenarios, err3 := parseEach(orElse(c.Scenario, "aa"), lab.ScenarioNamed, lab.Scenarios())
	if err := cmp.Or(err, err2, err3); err != nil {
		return nil, err
	}
	var out []lab.Setting
	for _, level := range levels {
		for _, rps := range orElse(c.RPS, 100) {
			for _, p := range pods {
				for _, s := range scenarios {
					out = append(out, lab.Setting{Level: level, RPS: rps, Pods: p, Scenario: s, Seed: c.Seed})
				}
			}
		}
	}
	return out, nil
}

// recorded lists the scenarios of the series.
func (c labCmd) recorded() ([]lab.Setting, error) {
	if len(c.Level) > 0 || len(c.RPS) > 0 || len(c.Pods) > 0 {
		return nil, errors.New("--level, --rps and --pods are for simulated rollouts; drop them, or --series")
	}
	series, err := lab.ReadSeries(c.Series)
	if err != nil {
		return nil, err
	}
	all := series.Scenarios()
	wanted := c.Scenario
	if len(wanted) == 0 {
		all, wanted = slices.DeleteFunc(all, func(s lab.Scenario) bool { return s.Bad }), []string{everyOne}
	}
	scenarios, err := parseEach(wanted, series.ScenarioNamed, all)
	if err != nil {
		return nil, err
	}
	var out []lab.Setting
	for _, s := range scenarios {
		out = append(out, s.Setting(c.Seed))
	}
	return out, nil
}

// orElse is a list flag, or its default where it was not given.
func orElse[T any](given []T, def T) []T {
	if len(given) > 0 {
		return given
	}
	return []T{def}
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
	stopped := errors.Is(err, context.Canceled) && len(cells) > 0
	if err != nil && !stopped {
		return err
	}
	if stopped {
		fmt.Fprintln(s.err, "Stopped early; this is what was done.")
	}
	if err := c.write(s, cells); err != nil {
		return err
	}
	if stopped {
		return exitCode(exitFailure)
	}
	return nil
}

// write writes the result, and draws it where that was asked for.
func (c labCmd) write(s *streams, cells []lab.Cell) error {
	if c.Plot != "" {
		var b bytes.Buffer
		if err := lab.Plot(&b, c.image(), c.Chart, cells); err != nil {
			return err
		}
		if err := os.WriteFile(c.Plot, b.Bytes(), 0o644); err != nil { //nolint:gosec // a picture is for everybody
			return err
		}
	}
	if c.Output == "matrix" {
		return lab.WriteMatrix(s.out, c.Show, cells)
	}
	return lab.Write(s.out, c.Output, cells)
}

// image is the format that the name of the plot's file says.
func (c labCmd) image() string { return strings.TrimPrefix(filepath.Ext(c.Plot), ".") }
