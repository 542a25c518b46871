package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// release is one run.
type release struct {
	source, out, version string
	platforms            []platform
	snapshot             bool
	at                   time.Time // what every file is dated
	log                  io.Writer
}

// platform is what a binary runs on.
type platform struct{ os, arch string }

// String returns the platform as archives are named by it.
func (p platform) String() string { return p.os + "_" + p.arch }

// everywhere lists the platforms of a release.
func everywhere() string {
	return "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64,windows/arm64"
}

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, log io.Writer) error {
	r := release{log: log}
	f := flag.NewFlagSet("release", flag.ContinueOnError)
	f.StringVar(&r.source, "source", "../..", "the folder of the main module")
	f.StringVar(&r.out, "out", "../../dist", "the folder to write to; it must be empty or absent")
	f.StringVar(&r.version, "version", "", "the version, such as v0.1.0")
	f.BoolVar(&r.snapshot, "snapshot", false, "build what is there, whatever the commit and its tag")
	platforms := f.String("platforms", everywhere(), "what to build for, with commas")
	if err := f.Parse(args); err != nil {
		return err
	}
	if !strings.HasPrefix(r.version, "v") {
		return fmt.Errorf("--version %q is not a version; write for example v0.1.0", r.version)
	}
	for p := range strings.SplitSeq(*platforms, ",") {
		system, arch, ok := strings.Cut(p, "/")
		if !ok {
			return fmt.Errorf("--platforms: %q is not a platform; write for example linux/amd64", p)
		}
		r.platforms = append(r.platforms, platform{system, arch})
	}
	var err error
	if r.at, err = r.moment(ctx); err != nil {
		return err
	}
	if left, _ := os.ReadDir(r.out); len(left) > 0 {
		return fmt.Errorf("%s is not empty; remove it, or name another folder with --out", r.out)
	}
	return r.make(ctx)
}

// make builds everything.
func (r release) make(ctx context.Context) error {
	if err := os.MkdirAll(r.out, 0o755); err != nil { // #nosec G301 -- what is made is public
		return err
	}
	work, err := os.MkdirTemp("", "serin-release-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	var built []binary
	for _, p := range r.platforms {
		b, err := r.build(ctx, work, p)
		if err != nil {
			return err
		}
		built = append(built, b)
	}
	licences, err := r.licences(ctx, built)
	if err != nil {
		return err
	}
	pages, err := r.pages(ctx, work)
	if err != nil {
		return err
	}
	for _, b := range built {
		bill, err := r.bill(b, licences)
		if err != nil {
			return err
		}
		goods := goods{binary: b, notices: licences.text(), bill: bill, pages: pages}
		if err := r.pack(goods); err != nil {
			return err
		}
	}
	if err := r.image(built, licences.text()); err != nil {
		return err
	}
	return r.checksums()
}

// moment says how every file is dated: SOURCE_DATE_EPOCH, or when the commit was made.
func (r release) moment(ctx context.Context) (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		out, err := r.git(ctx, "log", "-1", "--format=%ct")
		if err != nil {
			return time.Time{}, fmt.Errorf("there is no commit to date files by (%w); set SOURCE_DATE_EPOCH", err)
		}
		text = out
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH: %q is no number of seconds", text)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

func (r release) git(ctx context.Context, args ...string) (string, error) {
	c := exec.CommandContext(ctx, "git", args...) // #nosec G204 -- the arguments are ours
	c.Dir = r.source
	out, err := c.Output()
	return strings.TrimSpace(string(out)), err
}

// name returns what a file of this release is called: serin_0.1.0_linux_amd64.tar.gz.
func (r release) name(p platform, end string) string {
	return fmt.Sprintf("serin_%s_%s%s", strings.TrimPrefix(r.version, "v"), p, end)
}

// file writes one of the files that are released, and says so.
func (r release) file(name string, text []byte) error {
	fmt.Fprintf(r.log, "%s, %.1f MB\n", name, float64(len(text))/1e6)
	return os.WriteFile(filepath.Join(r.out, name), text, 0o644) // #nosec G306 -- it is public
}

// sorted returns the values in an order that does not change.
func sorted[T any](in []T, key func(T) string) []T {
	return slices.SortedFunc(slices.Values(in), func(a, b T) int { return cmp.Compare(key(a), key(b)) })
}
