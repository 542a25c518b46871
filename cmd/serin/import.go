package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/serin-canary/serin/cmd/serin/adopt"
)

// importCmd groups the tools whose files are read.
type importCmd struct {
	Flagger  importFlaggerCmd  `cmd:"" help:"Read Flagger's Canaries and MetricTemplates."`
	Argo     importArgoCmd     `cmd:"" help:"Read Argo's AnalysisTemplates, ClusterAnalysisTemplates and Rollouts."`
	Kayenta  importKayentaCmd  `cmd:"" help:"Read Kayenta's canary configs."`
	Blackbox importBlackboxCmd `cmd:"" help:"Read blackbox_exporter's modules, and make checks of them."`
}

// importFlags are what all importers have.
type importFlags struct {
	Files   []string `arg:"" name:"file" help:"Files to read; - is standard input."`
	Output  string   `short:"o" placeholder:"FILE" help:"Write the plan there instead of to standard output; a folder gets one file for each plan."`
	Force   bool     `help:"Replace files that exist."`
	Service string   `placeholder:"NAME" help:"The service, where the files do not name it."`
	Report  string   `enum:"text,json" default:"text" help:"Form of the report on standard error: ${enum}."`
}

type importFlaggerCmd struct {
	importFlags
	Provider string `placeholder:"NAME" help:"The mesh or ingress of a Canary that names none: what Flagger's own flag says."`
}

// Help implements kong.HelpProvider.
func (importFlaggerCmd) Help() string {
	return `Examples:

    serin import flagger canary.yaml metric-templates.yaml -o plans/checkout.yaml
    kubectl get canaries,metrictemplates -A -o yaml | serin import flagger - -o plans/

` + importHelp
}

const importHelp = `Each Canary, Rollout or canary config becomes one plan. What is not carried over is said in a comment
of the plan where it would stand, and in the report. Credentials are never copied.`

// Run implements the command.
func (c importFlaggerCmd) Run(s *streams) error {
	return c.run(s, adopt.Flagger, adopt.Options{Service: c.Service, Provider: c.Provider})
}

type importArgoCmd struct {
	importFlags
	Arg map[string]string `placeholder:"NAME=VALUE" help:"Value of a template's argument."`
}

// Help implements kong.HelpProvider.
func (importArgoCmd) Help() string {
	return `Examples:

    serin import argo rollout.yaml analysis-templates.yaml -o plans/checkout.yaml
    serin import argo success-rate.yaml --service checkout --arg service-name=checkout

` + importHelp
}

// Run implements the command.
func (c importArgoCmd) Run(s *streams) error {
	return c.run(s, adopt.Argo, adopt.Options{Service: c.Service, Args: c.Arg})
}

type importKayentaCmd struct {
	importFlags
	Arg map[string]string `placeholder:"NAME=VALUE" help:"Value of a variable of the config's templates."`
}

// Help implements kong.HelpProvider.
func (importKayentaCmd) Help() string {
	return `Example:

    serin import kayenta canary-config.json --service checkout -o plans/checkout.yaml

` + importHelp
}

// Run implements the command.
func (c importKayentaCmd) Run(s *streams) error {
	return c.run(s, adopt.Kayenta, adopt.Options{Service: c.Service, Args: c.Arg})
}

type importBlackboxCmd struct{ importFlags }

// Help implements kong.HelpProvider.
func (importBlackboxCmd) Help() string {
	return `Example:

    serin import blackbox blackbox.yml --service checkout -o smoke.yaml
    serin check run -f smoke.yaml --target http://checkout.shop:8080

Each module of http, tcp, dns and grpc becomes a check of the canary. What is not carried over is said in a
comment of the plan where it would stand, and in the report. Credentials are never copied.`
}

// Run implements the command.
func (c importBlackboxCmd) Run(s *streams) error {
	return c.run(s, adopt.Blackbox, adopt.Options{Service: c.Service})
}

// run reads, translates, writes and reports.
func (c importFlags) run(s *streams, translate func([]adopt.File, adopt.Options) ([]adopt.Translation, error), o adopt.Options) error {
	files, err := readInputs(c.Files)
	if err != nil {
		return err
	}
	plans, err := translate(files, o)
	if err != nil {
		return err
	}
	targets, err := c.targets(plans)
	if err != nil {
		return err
	}
	for i, p := range plans {
		if targets[i] == "" {
			if _, err := s.out.Write(p.Plan); err != nil {
				return err
			}
			continue
		}
		if err := c.write(targets[i], p.Plan); err != nil {
			return err
		}
	}
	if c.Report == "json" {
		return reportJSON(s.err, plans, targets)
	}
	return reportText(s.err, plans, targets)
}

// readInputs reads the files, or standard input.
func readInputs(names []string) ([]adopt.File, error) {
	const most = 4<<20 + 1 // one byte more than is read, so that it is refused
	var out []adopt.File
	var errs []error
	for _, name := range names {
		if name == "-" {
			text, err := io.ReadAll(io.LimitReader(os.Stdin, most))
			out, errs = append(out, adopt.File{Name: "stdin", Text: text}), append(errs, err)
			continue
		}
		if err := fileExists(name); err != nil {
			errs = append(errs, err)
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		text, err := io.ReadAll(io.LimitReader(f, most))
		out, errs = append(out, adopt.File{Name: name, Text: text}), append(errs, err, f.Close())
	}
	return out, errors.Join(errs...)
}

// targets settles where each plan goes; "" is standard output.
func (c importFlags) targets(plans []adopt.Translation) ([]string, error) {
	out := make([]string, len(plans))
	info, err := os.Stat(c.Output)
	folder := err == nil && info.IsDir() || strings.HasSuffix(c.Output, string(filepath.Separator))
	switch {
	case folder:
		taken := map[string]int{}
		for i, p := range plans {
			name := strings.ReplaceAll(p.Service, "/", "-")
			if taken[name]++; taken[name] > 1 {
				name = fmt.Sprintf("%s-%d", name, taken[name])
			}
			out[i] = filepath.Join(c.Output, name+".yaml")
		}
	case len(plans) > 1:
		var names []string
		for _, p := range plans {
			names = append(names, p.Service)
		}
		return nil, fmt.Errorf("these files make %d plans (%s), and a plan is a file of its own; write -o FOLDER%c, or name fewer files", len(plans), strings.Join(names, ", "), filepath.Separator)
	case len(plans) == 1:
		out[0] = c.Output
	}
	return out, nil
}

// write writes one plan, and replaces nothing by accident.
func (c importFlags) write(name string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		return err
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if c.Force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(name, flags, 0o644) //nolint:gosec // a plan is no secret, and the server may be another user
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already; write --force to replace it", name)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// reportText says for people what became of each part.
func reportText(w io.Writer, plans []adopt.Translation, targets []string) error {
	var b strings.Builder
	for i, p := range plans {
		to := ""
		if targets[i] != "" {
			to = " -> " + targets[i]
		}
		fmt.Fprintf(&b, "%s, from %s%s\n", p.Service, p.From, to)
		for _, n := range p.Notes {
			fmt.Fprintf(&b, "  %s: %s\n", n.Fate, n.Text)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// reportJSON says the same for machines, with the place of each part.
func reportJSON(w io.Writer, plans []adopt.Translation, targets []string) error {
	type entry struct {
		adopt.Translation
		File string `json:"file,omitempty"`
	}
	report := struct {
		Plans []entry `json:"plans"`
	}{Plans: []entry{}}
	for i, p := range plans {
		if p.Notes == nil {
			p.Notes = []adopt.Note{}
		}
		report.Plans = append(report.Plans, entry{p, targets[i]})
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(report)
}
