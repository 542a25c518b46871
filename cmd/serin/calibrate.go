package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/serin-canary/serin/cmd/serin/app"
	"github.com/serin-canary/serin/cmd/serin/screen"
	"github.com/serin-canary/serin/judge/calibrate"
	"github.com/serin-canary/serin/judge/plan"
	"github.com/serin-canary/serin/judge/rollout"
)

// pastFlags are the flags that say which past is drawn from, and how.
type pastFlags struct {
	Prometheus string `xor:"source" placeholder:"URL" help:"The Prometheus that the plan's queries are put to."`
	Config     string `short:"c" xor:"source" placeholder:"FILE" help:"Configuration file whose source of the plan's name is asked (see serin serve --help)."`
	History    string `xor:"source" placeholder:"FILE" help:"A recorded history instead of a source: a --state file, or what serin demo --history wrote."`
	PerMinute  int    `name:"queries-per-minute" default:"120" placeholder:"N" help:"How often the source is asked at most; 0 is as fast as it answers."`
	Chunk      string `default:"6h" placeholder:"TIME" help:"How much of the past one query asks for."`

	Days   int      `default:"14" placeholder:"N" help:"How many days of history."`
	To     string   `placeholder:"WHEN" help:"When they end: how long ago (26h) or a time (RFC 3339). Default now."`
	Except []string `sep:"none" placeholder:"FROM/TO" help:"A time in which nothing is drawn, as RFC 3339: an incident, a rollout. Repeat it for several."`
	State  string   `placeholder:"FILE" help:"Where everything is kept, to go on from (default: the plan's name with .calibrate)."`

	BaselineLabel []label `sep:"none" placeholder:"NAME=VALUE" help:"Label of the baseline's series; repeat it for several. Wins over the plan's arms."`

	Pods  int    `default:"1" placeholder:"N" help:"How many of the baseline's pods are the canary of a draw."`
	Draws int    `default:"400" placeholder:"N" help:"How many draws are judged."`
	Seed  uint64 `default:"1" help:"Feeds every random choice."`
}

// faults says what is wrong with the flags.
func (c pastFlags) faults() error {
	switch {
	case c.History != "" && (c.State != "" || c.To != "" || len(c.Except) > 0):
		return errors.New("a recorded history has its own time, and is not added to; leave out --state, --to and --except")
	case c.Days < 1 || c.Days > 400:
		return fmt.Errorf("--days %d is no history; take 1 to 400", c.Days)
	case c.Draws < 1:
		return fmt.Errorf("--draws %d leaves nothing to judge; take 1 or more", c.Draws)
	case c.Pods < 1:
		return fmt.Errorf("--pods %d is no canary; take 1 or more", c.Pods)
	}
	return nil
}

// drawn is a past that draws are taken from.
type drawn struct {
	file     *calibrate.File
	history  *calibrate.History
	baseline rollout.Arm
	state    string // the file's name; "" where nothing is kept
}

// open reads the past of plans, the first of which says where. It goes on where a state
// file ends.
func (c pastFlags) open(ctx context.Context, s *streams, live *screen.Live, plans ...plan.Plan) (o drawn, err error) {
	if o.baseline, err = c.sharedArm(plans); err != nil {
		return o, err
	}
	var qs []calibrate.Question
	for _, p := range plans {
		of, err := calibrate.Questions(p, o.baseline)
		if err != nil {
			return o, err
		}
		qs = append(qs, of...)
	}
	if c.History != "" {
		if o.file, err = readHistory(c.History); err == nil {
			o.history, err = o.file.History(qs)
		}
		return o, err
	}
	fetching, err := c.fetching(plans)
	if err != nil {
		return o, err
	}
	if o.state = c.State; o.state == "" {
		o.state = plans[0].Name + ".calibrate"
	}
	if o.file, err = c.openState(o.state, plans[0]); err != nil {
		return o, err
	}
	if at := o.file.Span(); o.file.Resumed() {
		fmt.Fprintf(s.err, "going on with %s, which is of %s to %s\n", o.state, at.From.Format(time.RFC3339), at.To.Format(time.RFC3339))
	}
	fetching.Tell = func(done, of int) {
		live.Update(float64(done)/float64(of), fmt.Sprintf("reading the past: window %d of %d", done, of))
	}
	if err = calibrate.Fetch(ctx, o.file, qs, fetching); err == nil {
		o.history, err = o.file.History(qs)
	}
	return o, err
}

// sharedArm is whose pods are drawn, the same for all plans.
func (c pastFlags) sharedArm(plans []plan.Plan) (rollout.Arm, error) {
	first, err := c.arm(plans[0])
	if err != nil {
		return first, err
	}
	for _, p := range plans[1:] {
		a, err := c.arm(p)
		switch {
		case err != nil:
			return first, err
		case p.Service != plans[0].Service:
			return first, fmt.Errorf("plan %s is of service %s and plan %s of %s; the same draws need one service", plans[0].Name, plans[0].Service, p.Name, p.Service)
		case !sameArm(a, first):
			return first, fmt.Errorf("plan %s and plan %s name different series as the baseline's (arms.baseline); the same draws need the same pods: let both say the same, or name them with --baseline-label", plans[0].Name, p.Name)
		}
	}
	return first, nil
}

func sameArm(a, b rollout.Arm) bool {
	labels := maps.Equal(a.Labels, b.Labels)
	a.Labels, b.Labels = nil, nil
	return labels && reflect.DeepEqual(a, b)
}

// arm is whose pods are drawn.
func (c pastFlags) arm(p plan.Plan) (rollout.Arm, error) {
	a := rollout.Arm(p.Arms.Baseline)
	if err := addLabels("baseline-label", &a, c.BaselineLabel); err != nil {
		return a, err
	}
	if armless(plan.Arm(a)) {
		return a, fmt.Errorf("plan %s does not say which series are the baseline's; add arms.baseline to it, or --baseline-label", p.Name)
	}
	return a, nil
}

// fetching says how the source is asked.
func (c pastFlags) fetching(plans []plan.Plan) (calibrate.Fetching, error) {
	chunk, err := time.ParseDuration(c.Chunk)
	if err != nil || chunk < time.Minute {
		return calibrate.Fetching{}, fmt.Errorf("--chunk %q is no length of a query; write for example 6h", c.Chunk)
	}
	for _, p := range plans[1:] {
		if p.Source != plans[0].Source {
			return calibrate.Fetching{}, fmt.Errorf("plan %s asks source %s and plan %s asks %s; the same draws need one source", plans[0].Name, plans[0].Source, p.Name, p.Source)
		}
	}
	src, err := pastSource{Prometheus: c.Prometheus, Config: c.Config, PerMinute: c.PerMinute}.open(plans[0])
	return calibrate.Fetching{Source: src, Chunk: chunk}, err
}

// span is the time that is drawn from, on bounds of blocks.
func (c pastFlags) span(now time.Time, p plan.Plan) (calibrate.Span, []calibrate.Span, error) {
	to := now.Add(-p.Lag.D())
	if c.To != "" {
		var err error
		if to, err = parseMoment("to", c.To, now); err != nil {
			return calibrate.Span{}, nil, err
		}
	}
	to = to.UTC().Truncate(p.Block.D())
	var except []calibrate.Span
	for _, text := range c.Except {
		from, until, ok := strings.Cut(text, "/")
		a, err1 := time.Parse(time.RFC3339, from)
		b, err2 := time.Parse(time.RFC3339, until)
		if !ok || err1 != nil || err2 != nil || !b.After(a) {
			return calibrate.Span{}, nil, fmt.Errorf("--except %q is no time; write for example 2026-03-01T12:00:00Z/2026-03-01T14:00:00Z", text)
		}
		except = append(except, calibrate.Span{From: a.UTC(), To: b.UTC()})
	}
	return calibrate.Span{From: to.AddDate(0, 0, -c.Days), To: to}, except, nil
}

// goesOnFor is how much later than its end a state file is still that of a command without
// --to: one that was interrupted goes on over the time that it began with.
const goesOnFor = 24 * time.Hour

// openState opens the state file of a plan's source. One that answers for another time
// than is asked for is refused: its report would be of that time.
func (c pastFlags) openState(name string, p plan.Plan) (*calibrate.File, error) {
	span, except, err := c.span(time.Now(), p)
	if err != nil {
		return nil, err
	}
	address, err := c.address(p)
	if err != nil {
		return nil, err
	}
	f, err := calibrate.OpenFile(name, calibrate.Header{Source: address, Span: span, Except: except})
	if err != nil {
		return nil, err
	}
	at := f.Span()
	differs := ""
	switch {
	case len(except) > 0 && !slices.Equal(except, f.Except()):
		differs = "was begun with other exceptions (--except)"
	case at.To.Sub(at.From) != span.To.Sub(span.From):
		differs = fmt.Sprintf("is of %.3g days, and --days says %d", at.To.Sub(at.From).Hours()/24, c.Days)
	case at.To.Equal(span.To):
	case c.To != "":
		differs = fmt.Sprintf("ends at %s, and --to says %s", at.To.Format(time.RFC3339), span.To.Format(time.RFC3339))
	case span.To.Sub(at.To) >= goesOnFor:
		differs = fmt.Sprintf("ends at %s, and the time up to now is asked for (--to %[1]s goes on with it)", at.To.Format(time.RFC3339))
	}
	if differs != "" {
		return nil, errors.Join(fmt.Errorf("%s %s; name another file with --state, or remove it", name, differs), f.Close())
	}
	return f, nil
}

// address says which source a plan's questions are put to, so that a state file is not
// taken for another one's. It has no credentials: accounts that share an address are told
// apart by the tenant's header only.
func (c pastFlags) address(p plan.Plan) (string, error) {
	if c.Prometheus != "" {
		return bare("prometheus", c.Prometheus), nil
	}
	cfg, err := app.Read(c.Config)
	if err != nil {
		return "", err
	}
	for _, s := range cfg.Sources {
		if s.Name != p.Source {
			continue
		}
		switch {
		case s.Prometheus != nil:
			text := bare("prometheus", s.Prometheus.URL)
			for name, value := range s.Prometheus.Headers {
				if strings.EqualFold(name, "X-Scope-OrgID") {
					text += " tenant " + value
				}
			}
			return text, nil
		case s.Datadog != nil:
			return bare("datadog "+s.Datadog.Site, s.Datadog.URL), nil
		case s.CloudWatch != nil:
			return bare("cloudwatch "+s.CloudWatch.Region, s.CloudWatch.URL), nil
		case s.HTTPJSON != nil:
			return bare("http-json", s.HTTPJSON.URL), nil
		}
	}
	return p.Source, nil
}

// bare is a kind of source and its address, without credentials.
func bare(kind, address string) string {
	u, err := url.Parse(address)
	if err != nil || address == "" {
		return strings.TrimSpace(kind)
	}
	return kind + " " + u.Scheme + "://" + u.Host + strings.TrimSuffix(u.Path, "/")
}

func readHistory(name string) (*calibrate.File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read the history: %w", err)
	}
	defer f.Close() // it is only read
	return calibrate.ReadFile(f)
}

// ended explains what an interrupted command leaves behind.
func (o drawn) ended(ctx context.Context, s *streams, err error) error {
	if ctx.Err() == nil || !errors.Is(err, context.Canceled) {
		if err != nil && o.state != "" && o.file != nil {
			return fmt.Errorf("%w\nWhat was read and judged so far is kept in %s; the same command goes on from there", err, o.state)
		}
		return err
	}
	if o.state == "" {
		fmt.Fprintln(s.err, "serin: interrupted; a recorded history is only read, so that nothing was kept")
	} else {
		fmt.Fprintf(s.err, "serin: interrupted; what was read and judged is kept in %s, and the same command goes on from there\n", o.state)
	}
	return exitCode(exitInterrupted)
}

func (o drawn) close() error {
	if o.file == nil {
		return nil
	}
	return o.file.Close()
}

// calibrateCmd holds a plan against the past.
type calibrateCmd struct {
	output
	page
	pastFlags
	Plan  string `short:"p" required:"" placeholder:"FILE" help:"The plan."`
	Paths int    `default:"200" help:"Simulated rollouts for each size of the smallest regression; 0 for no forecast."`
}

// Help implements kong.HelpProvider.
func (calibrateCmd) Help() string {
	return `Examples:

    serin calibrate --plan checkout.yaml --prometheus http://localhost:9090 --days 14
    serin calibrate --plan checkout.yaml --config serin.yaml --pods 3 --draws 1000 --html calibrate.html
    serin demo --history shop.history && serin demo --show-plan > shop.yaml
    serin calibrate --plan shop.yaml --history shop.history

Draws pods of the baseline, at times of the past, and judges them as if they were the canary, by the engine
that judges live ones. They run what the others run, so that every rollback is a false alarm. It reports how
often there is one, with an interval, and how soon a healthy canary is promoted; for each metric what it
does and the smallest regression that it finds; and what would mend the plan.

Each window of the past is read once, and kept in the state file with every judged draw. Interrupted (Ctrl-C,
a failing source, kill -9) the same command goes on where it was, and the result is the same.

The source must tell pods apart. Leave incidents and rollouts out with --except: a pod of a bad revision is no
healthy one. The exit code is 0 where the report could be made, whatever it says, and 5 where it was interrupted.`
}

// Validate implements kong's check of what was parsed.
func (c calibrateCmd) Validate(*kong.Context) error {
	if c.Plan != "" && c.Prometheus == "" && c.Config == "" && c.History == "" {
		return errors.New("there is no past to draw from; add --prometheus URL, --config FILE or --history FILE")
	}
	return c.faults()
}

// Run implements the command.
func (c calibrateCmd) Run(ctx context.Context, s *streams) (err error) {
	p, err := loadPlan(c.Plan)
	if err != nil {
		return err
	}
	if c.Paths == 0 {
		c.Paths = -1
	}
	live := screen.NewLive(s.err, 10*time.Second)
	o, err := c.open(ctx, s, live, p)
	defer func() { err = errors.Join(err, o.close()) }()
	var r calibrate.Report
	if err == nil {
		r, err = calibrate.Study(ctx, o.file, o.history, calibrate.Config{
			Plan: p, Baseline: o.baseline, Pods: c.Pods, Draws: c.Draws, Seed: c.Seed, Paths: c.Paths, Engine: version(),
			Tell: func(done, of int) {
				live.Update(float64(done)/float64(of), fmt.Sprintf("judging healthy pods: draw %d of %d", done, of))
			},
		})
	}
	live.Close()
	if err != nil {
		return o.ended(ctx, s, err)
	}
	if err := c.page.write(func(w io.Writer) error { return calibrate.Write(w, "html", r) }); err != nil {
		return err
	}
	return calibrate.Write(s.out, c.Output, r)
}
