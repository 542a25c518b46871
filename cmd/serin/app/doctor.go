package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/journal"
)

// Health is how one part of a server's surroundings stands.
type Health string

// What a part may be.
const (
	Well    Health = "ok"
	Doubt   Health = "warning" // it works, but somebody should know
	Ill     Health = "fault"
	Unknown Health = "skipped"
)

// Diagnosis is what was found out about one part, and what to do about it.
type Diagnosis struct {
	Part   string `json:"part"`
	Health Health `json:"health"`
	Text   string `json:"text"`
	Next   string `json:"next,omitempty"` // what to do; empty where nothing is
}

// Limits of an examination.
const (
	examineTime = 10 * time.Second // for each part
	worrySkew   = 5 * time.Second
	badSkew     = time.Minute
)

// Examine looks at everything that a server of this configuration would need: it
// reads the plans, asks every source and its clock, and looks at the journal, the
// token files and the addresses. It changes nothing, and makes no journal where
// there is none.
func Examine(ctx context.Context, c Config) []Diagnosis {
	c = c.WithDefaults()
	x := examination{c: c, now: time.Now}
	for _, f := range c.Check() {
		x.add(Diagnosis{"configuration", Ill, f.Path + ": " + f.Text, "mend the configuration; serin config check shows the line"})
	}
	x.plans()
	x.sources(ctx)
	x.journal(ctx)
	x.tokens()
	x.secrets()
	x.callbacks()
	x.publishing(ctx)
	x.notices(ctx)
	x.azure()
	x.github()
	x.aws(ctx)
	x.address(ctx)
	x.links(ctx)
	x.traces(ctx)
	return x.found
}

type examination struct {
	c     Config
	now   func() time.Time
	found []Diagnosis
}

func (x *examination) add(d Diagnosis) { x.found = append(x.found, d) }

// plans reads the folder, and compares the sources that are asked with those there are.
func (x *examination) plans() {
	set, err := LoadPlans(x.c.Plans)
	if err != nil {
		x.add(Diagnosis{"plans", Ill, oneLine(err), "serin plan check " + filepath.Join(x.c.Plans, "*.yaml") + " shows every fault"})
		return
	}
	asked := map[string][]string{}
	for _, n := range set.Names() {
		p, err := set.Find(n, "", "")
		if err != nil {
			continue // it is in the set
		}
		asked[p.Source] = append(asked[p.Source], n)
	}
	x.add(Diagnosis{Part: "plans", Health: Well, Text: fmt.Sprintf("%d in %s: %s", len(set.Names()), x.c.Plans, strings.Join(set.Names(), ", "))})
	have := map[string]bool{}
	for _, s := range x.c.Sources {
		have[s.Name] = true
		if asked[s.Name] == nil {
			x.add(Diagnosis{"source " + s.Name, Doubt, "no plan asks it", "remove it, or name it as source in a plan"})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		if !have[name] {
			x.add(Diagnosis{"source " + name, Ill, "asked by " + strings.Join(asked[name], ", ") + ", and not configured", "add it to sources"})
		}
	}
}

// sources asks every source whether it is there and what its clock says.
func (x *examination) sources(ctx context.Context) {
	opened, err := OpenSources(x.c.Sources, slog.New(slog.DiscardHandler))
	if err != nil {
		x.add(Diagnosis{"sources", Ill, oneLine(err), "mend it under sources in the configuration"})
		return
	}
	for _, s := range x.c.Sources {
		if s.Scrape != nil {
			x.targets(ctx, s)
			continue
		}
		x.source(ctx, s.Name, opened.Store(s.Name))
	}
}

func (x *examination) source(ctx context.Context, name string, s Store) {
	ctx, cancel := context.WithTimeout(ctx, examineTime)
	defer cancel()
	part := "source " + name
	before := x.now()
	if err := s.Ping(ctx); err != nil {
		x.add(Diagnosis{part, Ill, oneLine(err), "check its URL, its credentials and the network between here and there"})
		return
	}
	took := x.now().Sub(before)
	x.add(Diagnosis{Part: part, Health: Well, Text: fmt.Sprintf("answers in %s", took.Round(time.Millisecond))})
	c, ok := s.(clock)
	if !ok {
		return
	}
	there, err := c.Clock(ctx)
	if err != nil {
		x.add(Diagnosis{part + " clock", Doubt, "it does not tell its time: " + oneLine(err), "compare the clocks by hand; blocks are cut by the source's"})
		return
	}
	x.add(skewed(part+" clock", x.now().Sub(there)))
}

// skewed judges by how much our clock is ahead of a source's.
func skewed(part string, skew time.Duration) Diagnosis {
	d := Diagnosis{Part: part, Health: Well, Text: fmt.Sprintf("differs from this machine's by %s", skew.Abs().Round(time.Second))}
	where := "ahead of"
	if skew < 0 {
		where = "behind"
	}
	switch a := skew.Abs(); {
	case a > badSkew:
		d.Health, d.Next = Ill, "run NTP on both machines"
	case a > worrySkew:
		d.Health, d.Next = Doubt, "run NTP on both machines"
	default:
		return d
	}
	d.Text = fmt.Sprintf("this machine's clock is %s %s it", skew.Abs().Round(time.Second), where)
	return d
}

// targets fetches each page once.
func (x *examination) targets(ctx context.Context, s Source) {
	client := &http.Client{Timeout: examineTime}
	defer client.CloseIdleConnections()
	for _, t := range s.Scrape.Targets {
		x.add(page(ctx, client, "target "+redact(t.URL)+" of "+s.Name, t.URL))
	}
}

// page fetches a URL and says whether it was there.
func page(ctx context.Context, client *http.Client, part, at string) Diagnosis {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return Diagnosis{part, Ill, "it is no URL", "mend it in the configuration"}
	}
	resp, err := client.Do(req)
	if err != nil {
		var ue *url.Error // names the URL, credentials included
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return Diagnosis{part, Ill, oneLine(err), "check that it runs and can be reached from here"}
	}
	defer resp.Body.Close()
	n, _ := io.Copy(io.Discard, io.LimitReader(resp.Body, 10<<20)) // what was read is what counts
	if resp.StatusCode != http.StatusOK {
		return Diagnosis{part, Ill, "answers with status " + resp.Status, "check its path and what it asks for"}
	}
	return Diagnosis{Part: part, Health: Well, Text: fmt.Sprintf("answers with %d bytes", n)}
}

// journal opens the journal where there is one.
func (x *examination) journal(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, examineTime)
	defer cancel()
	part := "journal"
	if _, err := os.Stat(x.c.Journal); errors.Is(err, fs.ErrNotExist) && IsJournalFile(x.c.Journal) {
		x.add(creatable(part, x.c.Journal))
		return
	}
	j, err := OpenJournal(ctx, x.c.Journal, journal.Options{})
	if err != nil {
		x.add(Diagnosis{part, Ill, oneLine(err), "a journal that cannot be opened stops the server: restore it, or name another one"})
		return
	}
	defer j.Close() // nothing was written
	before := x.now()
	if err := j.Ping(ctx); err != nil {
		x.add(Diagnosis{part, Ill, oneLine(err), "this user must be able to read and write it"})
		return
	}
	x.add(Diagnosis{Part: part, Health: Well, Text: fmt.Sprintf("can be read and written, in %s", x.now().Sub(before).Round(time.Millisecond))})
}

// creatable says whether a file could be made.
func creatable(part, path string) Diagnosis {
	f, err := os.CreateTemp(filepath.Dir(path), ".serin-doctor-*")
	if err != nil {
		return Diagnosis{part, Ill, "it does not exist, and cannot be made: " + oneLine(err), "make the folder, and let this user write to it"}
	}
	err = errors.Join(f.Close(), os.Remove(f.Name()))
	if err != nil {
		return Diagnosis{part, Doubt, oneLine(err), "look at the folder " + filepath.Dir(path)}
	}
	return Diagnosis{Part: part, Health: Well, Text: "does not exist yet; serin serve makes it"}
}

// tokens reads every secret of callers, and says which files others can read.
func (x *examination) tokens() {
	files := slices.Clone(x.c.TokenFiles)
	for _, t := range x.c.Tokens {
		if t.File != "" {
			files = append(files, t.File)
		}
		if _, err := t.read(); err != nil {
			x.add(Diagnosis{"token " + t.Name, Ill, oneLine(err), "serin token new makes one, and prints the entry for the configuration"})
		}
	}
	for _, f := range files {
		part := "token file " + f
		if secretive(f) {
			part = "a token file"
		}
		if _, err := readSecret(f); err != nil {
			x.add(Diagnosis{part, Ill, oneLine(err), "write one token of at least 16 characters into it"})
			continue
		}
		info, err := os.Stat(f)
		if err == nil && info.Mode().Perm()&0o004 != 0 {
			x.add(Diagnosis{part, Doubt, "every user of this machine can read it (" + info.Mode().Perm().String() + ")", "chmod 640 " + f})
			continue
		}
		x.add(Diagnosis{Part: part, Health: Well, Text: "holds a token"})
	}
}

// address tries whether the server could listen.
func (x *examination) address(ctx context.Context) {
	part := "address " + x.c.Listen
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", x.c.Listen)
	if err != nil {
		x.add(Diagnosis{part, Doubt, oneLine(err), "if that is Serin itself, all is well; if not, choose another address with --listen"})
		return
	}
	if err := l.Close(); err != nil {
		x.add(Diagnosis{part, Doubt, oneLine(err), ""})
		return
	}
	x.add(Diagnosis{Part: part, Health: Well, Text: "is free"})
}

// links tries the address that people are sent to.
func (x *examination) links(ctx context.Context) {
	if x.c.BaseURL == "" {
		x.add(Diagnosis{"baseURL", Unknown, "not configured, so links in answers are relative", ""})
		return
	}
	client := &http.Client{Timeout: examineTime}
	defer client.CloseIdleConnections()
	d := page(ctx, client, "baseURL "+x.c.BaseURL, strings.TrimRight(x.c.BaseURL, "/")+"/healthz")
	if d.Health == Ill {
		d.Health, d.Next = Doubt, "once the server runs, this address must lead to it"
	}
	x.add(d)
}

// traces tries whether the collector can be reached.
func (x *examination) traces(ctx context.Context) {
	u, err := url.Parse(x.c.Trace.Endpoint)
	if x.c.Trace.Endpoint == "" || err != nil {
		return
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	}
	ctx, cancel := context.WithTimeout(ctx, examineTime)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", host)
	if err != nil {
		x.add(Diagnosis{"traces", Doubt, oneLine(err), "spans are dropped until the collector can be reached; verdicts do not need it"})
		return
	}
	x.add(Diagnosis{Part: "traces", Health: Well, Text: "the collector takes connections"})
	_ = conn.Close() // nothing was sent
}

// oneLine writes an error on one line.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
