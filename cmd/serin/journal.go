package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/serin-canary/serin/cmd/serin/app"
	"github.com/serin-canary/serin/judge/journal"
)

// journalCmd groups what is done with the record itself.
type journalCmd struct {
	Export journalExportCmd `cmd:"" help:"Write everything that is recorded as JSON Lines."`
	Import journalImportCmd `cmd:"" help:"Add what an export has."`
	Verify journalVerifyCmd `cmd:"" help:"Hold the record against its digests and list every fault."`
	Prune  journalPruneCmd  `cmd:"" help:"Remove closed rollouts that are older than some time, and compress the others."`

	Compact journalCompactCmd `cmd:"" help:"Compress the looks at closed rollouts, and remove what old ones rested on."`
}

// Help implements kong.HelpProvider.
func (journalCmd) Help() string {
	return `Examples:

    serin journal verify
    serin journal export --gzip backup.jsonl.gz
    serin journal import backup.jsonl.gz --journal file:/run/secrets/journal-url
    serin journal prune --older-than 90d
    serin journal compact --inputs-older-than 30d

A journal is a SQLite file, or a PostgreSQL database: postgres://serin@db/serin without a password, or
file:PATH or env:NAME of where the whole URL is. All of it can be done while a server runs.`
}

// journalIn names a journal that exists.
type journalIn struct {
	Journal string `env:"SERIN_JOURNAL" default:"${journal}" placeholder:"JOURNAL" help:"The server's journal: a file, a database's URL without password, or file:PATH or env:NAME of where the URL is (default ./${journal})."`
}

// with calls do with the journal.
func (c journalIn) with(ctx context.Context, s *streams, do func(*journal.Journal) error) error {
	if app.IsJournalFile(c.Journal) {
		if err := fileExists(c.Journal); err != nil {
			return fmt.Errorf("%w; name the server's journal with --journal", err)
		}
	}
	return c.open(ctx, s, do)
}

// open does so, and creates the journal where there is none.
func (c journalIn) open(ctx context.Context, s *streams, do func(*journal.Journal) error) (err error) {
	j, err := app.OpenJournal(ctx, c.Journal, journal.Options{Log: newLog(s.err, slog.LevelWarn, "text")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	return do(j)
}

// journalExportCmd exports.
type journalExportCmd struct {
	journalIn
	File string `arg:"" optional:"" placeholder:"FILE" help:"Where to write; default: standard output. A file that exists is refused."`
	Gzip bool   `help:"Compress it; import knows by itself."`
}

// Help implements kong.HelpProvider.
func (journalExportCmd) Help() string {
	return `Examples:

    serin journal export --gzip backup.jsonl.gz
    serin journal export --journal file:/run/secrets/journal-url | wc -l

A server may run meanwhile; each rollout is one snapshot, and the lines are the same whichever database
the journal is in. Work that is still to be done is not part of it. serin journal import reads it.`
}

// Run implements the command.
func (c journalExportCmd) Run(ctx context.Context, s *streams) error {
	return c.with(ctx, s, func(j *journal.Journal) (err error) {
		out := s.out
		if c.File != "" {
			f, err := os.OpenFile(c.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return fmt.Errorf("cannot write the export: %w", err)
			}
			defer func() {
				if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
					err = errors.Join(err, os.Remove(c.File)) // a part is of no use
				}
			}()
			out = f
		}
		done, err := export(ctx, j, out, c.Gzip)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.err, "exported %v\n", done)
		return err
	})
}

func export(ctx context.Context, j *journal.Journal, w io.Writer, compressed bool) (journal.Counted, error) {
	if !compressed {
		return j.Export(ctx, w)
	}
	z := gzip.NewWriter(w)
	done, err := j.Export(ctx, z)
	return done, errors.Join(err, z.Close())
}

// journalImportCmd imports.
type journalImportCmd struct {
	journalIn
	File string `arg:"" help:"The export, compressed or not; - is standard input."`
}

// Help implements kong.HelpProvider.
func (journalImportCmd) Help() string {
	return `Examples:

    serin journal import backup.jsonl.gz
    serin journal import backup.jsonl.gz --journal file:/run/secrets/journal-url

What is there already is left as it is, so that an import that was interrupted is simply done again.
This is also how a journal moves from SQLite to PostgreSQL.`
}

// Run implements the command.
func (c journalImportCmd) Run(ctx context.Context, s *streams) error {
	in := io.Reader(os.Stdin)
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return fmt.Errorf("cannot read the export: %w", err)
		}
		defer f.Close() // it is only read
		in = f
	}
	in, err := plain(in)
	if err != nil {
		return fmt.Errorf("cannot read the export: %w", err)
	}
	return c.open(ctx, s, func(j *journal.Journal) error {
		added, err := j.Import(ctx, in)
		fmt.Fprintf(s.err, "added %v\n", added)
		return err
	})
}

// journalVerifyCmd verifies.
type journalVerifyCmd struct{ journalIn }

// Help implements kong.HelpProvider.
func (journalVerifyCmd) Help() string {
	return `Examples:

    serin journal verify
    serin journal verify --journal /var/lib/serin/serin.db

Every look has digests of what it rested on and of what it said. The exit code is 0 where everything is
as it was recorded, and 1 otherwise.`
}

// Run implements the command.
func (c journalVerifyCmd) Run(ctx context.Context, s *streams) error {
	return c.with(ctx, s, func(j *journal.Journal) error {
		faults := 0
		read, err := j.Verify(ctx, func(err error) {
			faults++
			fmt.Fprintln(s.out, err)
		})
		if err != nil {
			return err
		}
		if faults > 0 {
			fmt.Fprintf(s.err, "%d faults in %v; restore the journal from a backup, or import an export of before\n", faults, read)
			return exitCode(exitFailure)
		}
		_, err = fmt.Fprintf(s.out, "sound: %v\n", read)
		return err
	})
}

// journalPruneCmd prunes.
type journalPruneCmd struct {
	journalIn
	OlderThan string `required:"" placeholder:"90d" help:"Remove rollouts that were closed longer ago than this."`
}

// Help implements kong.HelpProvider.
func (journalPruneCmd) Help() string {
	return `Examples:

    serin journal prune --older-than 90d

Live rollouts stay, whatever their age. A server does the same every hour where its configuration says
retention. To keep verdicts and drop what they rested on there is serin journal compact.`
}

// Run implements the command.
func (c journalPruneCmd) Run(ctx context.Context, s *streams) error {
	keep, err := app.ParseRetention(c.OlderThan)
	if err != nil {
		return err
	}
	if keep == 0 {
		return errors.New("--older-than is empty; write for example 90d")
	}
	return c.with(ctx, s, func(j *journal.Journal) error {
		done, err := j.Prune(ctx, time.Now().Add(-keep))
		fmt.Fprintf(s.out, "removed %v\n", done)
		if err != nil {
			return err
		}
		return compact(ctx, s, j)
	})
}

// compact compresses, and says what was done.
func compact(ctx context.Context, s *streams, j *journal.Journal) error {
	done, err := j.Compact(ctx)
	fmt.Fprintf(s.out, "compressed %v\n", done)
	return err
}

// journalCompactCmd compresses.
type journalCompactCmd struct {
	journalIn
	InputsOlderThan string `placeholder:"30d" help:"Remove also what the looks at rollouts rested on that were closed longer ago than this. Their verdicts stay, and cannot be replayed any more."`
}

// Help implements kong.HelpProvider.
func (journalCompactCmd) Help() string {
	return `Examples:

    serin journal compact
    serin journal compact --inputs-older-than 30d

A server does so by itself every hour, with the inputs: of its configuration for the flag. Nothing that is
read changes by compression: digests are over what was compressed. Rollouts that are live, and those that
are damaged, are left alone.`
}

// Run implements the command.
func (c journalCompactCmd) Run(ctx context.Context, s *streams) error {
	keep, err := app.ParseRetention(c.InputsOlderThan)
	if err != nil {
		return err
	}
	return c.with(ctx, s, func(j *journal.Journal) error {
		err := compact(ctx, s, j)
		if keep == 0 {
			return err
		}
		done, errRemove := j.RemoveInputs(ctx, time.Now().Add(-keep))
		fmt.Fprintf(s.out, "removed the inputs of %d looks at %d rollouts\n", done.Looks, done.Rollouts)
		return errors.Join(err, errRemove)
	})
}

// plain returns what a file holds, uncompressed where it is compressed.
func plain(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	head, err := b.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		return gzip.NewReader(b)
	}
	return b, nil
}
