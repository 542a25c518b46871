package journal

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/serin-canary/serin/judge"
)

// An export is JSON Lines. The first line names the format, the last one counts the
// others, so that a part is never taken for the whole. Between them every rollout is
// one run of lines: its plan, where no rollout before had it; itself; its overrides;
// its looks. The documents and the audit log follow. What digests cover is written byte for byte.
type line struct {
	Format   *format       `json:"format,omitempty"`
	Plan     *planLine     `json:"plan,omitempty"`
	Rollout  *rolloutLine  `json:"rollout,omitempty"`
	Override *overrideLine `json:"override,omitempty"`
	Look     *lookLine     `json:"look,omitempty"`
	Document *documentLine `json:"document,omitempty"`
	Audit    *Entry        `json:"audit,omitempty"`
	End      *Counted      `json:"end,omitempty"`
}

// formatName and formatVersion are what an export begins with.
const (
	formatName    = "serin journal"
	formatVersion = 2 // since 2 with documents
)

type format struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
}

type planLine struct {
	Digest string `json:"digest"`
	Data   string `json:"data"`
}

type rolloutLine struct {
	ID     string `json:"id"`
	Closed *int64 `json:"closed"` // nanoseconds since the epoch; null while live
	Why    string `json:"why,omitempty"`
	Data   string `json:"data"`
	// Removed says which looks come without inputs.
	Removed *removedLine `json:"removed,omitempty"`
}

// removedLine is a removal of the inputs of a rollout's first looks.
type removedLine struct {
	At    int64  `json:"at"` // nanoseconds since the epoch
	Looks int    `json:"looks"`
	Seal  string `json:"seal"`
}

type overrideLine struct {
	Rollout  string         `json:"rollout"`
	Override judge.Override `json:"override"`
}

type lookLine struct {
	Rollout       string `json:"rollout"`
	Seq           int    `json:"seq"`
	At            int64  `json:"at"`
	Freeze        []byte `json:"freeze"`
	Checks        string `json:"checks,omitempty"`
	Problems      string `json:"problems,omitempty"`
	Context       string `json:"context,omitempty"`
	Latch         string `json:"latch,omitempty"`
	Promotes      bool   `json:"promotes,omitempty"`
	InputsDigest  string `json:"inputsDigest"`
	VerdictDigest string `json:"verdictDigest"`
	Verdict       string `json:"verdict"`
}

// Counted is how much there is of everything.
type Counted struct {
	Plans     int `json:"plans"`
	Rollouts  int `json:"rollouts"`
	Looks     int `json:"looks"`
	Overrides int `json:"overrides"`
	Audit     int `json:"audit"`
	// Documents are what dialects keep that is no rollout.
	Documents int `json:"documents,omitempty"`
	// Removed is how many of the looks have no inputs any more.
	Removed int `json:"removed,omitempty"`
}

// String writes it for people.
func (c Counted) String() string {
	looks := fmt.Sprintf("%d looks", c.Looks)
	if c.Removed > 0 {
		looks += fmt.Sprintf(" (%d of them without inputs, which were removed by policy)", c.Removed)
	}
	text := fmt.Sprintf("%d plans, %d rollouts, %s, %d overrides, %d audit entries", c.Plans, c.Rollouts, looks, c.Overrides, c.Audit)
	if c.Documents > 0 {
		text += fmt.Sprintf(", %d documents", c.Documents)
	}
	return text
}

// count counts a line.
func (c *Counted) count(l line) {
	switch {
	case l.Plan != nil:
		c.Plans++
	case l.Rollout != nil:
		c.Rollouts++
	case l.Look != nil:
		c.Looks++
		if len(l.Look.Freeze) == 0 {
			c.Removed++
		}
	case l.Override != nil:
		c.Overrides++
	case l.Document != nil:
		c.Documents++
	case l.Audit != nil:
		c.Audit++
	}
}

// sealed returns the look as its row has it.
func (l lookLine) sealed() sealed {
	return sealed{
		seq: l.Seq, at: moment(l.At), freeze: l.Freeze, checks: l.Checks, problems: l.Problems, context: l.Context,
		latch: l.Latch, promotes: l.Promotes, verdict: []byte(l.Verdict),
	}
}

// maxLine bounds one line of an import, in bytes.
const maxLine = 256 << 20

// lineReader reads an export line by line.
type lineReader struct {
	s  *bufio.Scanner
	at int // number of the line that was read last
}

func newLineReader(r io.Reader) *lineReader {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 64<<10), maxLine)
	return &lineReader{s: s}
}

// next returns the next line, or io.EOF.
func (r *lineReader) next() (line, error) {
	var l line
	r.at++
	if !r.s.Scan() {
		if err := r.s.Err(); err != nil {
			return l, r.fault(err)
		}
		return l, io.EOF
	}
	if err := json.Unmarshal(r.s.Bytes(), &l); err != nil {
		return l, r.fault(err)
	}
	if l == (line{}) {
		return l, r.fault(errors.New("it says nothing that this version knows"))
	}
	return l, nil
}

// fault says which line is wrong.
func (r *lineReader) fault(err error) error { return fmt.Errorf("line %d: %w", r.at, err) }

// begin reads the first line.
func (r *lineReader) begin() error {
	l, err := r.next()
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("it is empty")
	case err != nil || l.Format == nil || l.Format.Name != formatName:
		return errors.New("it is no export of a journal: its first line does not say so")
	case l.Format.Version > formatVersion:
		return fmt.Errorf("it is an export of version %d, and this binary reads versions up to %d; use the newer binary", l.Format.Version, formatVersion)
	}
	return nil
}
