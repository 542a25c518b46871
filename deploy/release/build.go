package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// binary is the command, built for a platform.
type binary struct {
	platform
	file string
	text []byte
	info *buildinfo.BuildInfo
}

// build builds the command for a platform: static, without paths of this machine.
func (r release) build(ctx context.Context, work string, p platform) (binary, error) {
	b := binary{platform: p, file: filepath.Join(work, p.String(), "serin")}
	if p.os == "windows" {
		b.file += ".exe"
	}
	stamp := "-buildvcs=true" // also where Go is set not to: the version comes from the tag
	if r.snapshot {
		stamp = "-buildvcs=auto"
	}
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", stamp, "-ldflags=-s -w -buildid=", "-o", b.file, "./cmd/serin") // #nosec G204 -- the arguments are ours
	c.Dir = r.source
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.os, "GOARCH="+p.arch, "GOFLAGS=", "GOAMD64=v1")
	if out, err := c.CombinedOutput(); err != nil {
		return b, fmt.Errorf("building for %s: %w\n%s", p, err, out)
	}
	var err error
	if b.text, err = os.ReadFile(b.file); err != nil {
		return b, err
	}
	if b.info, err = buildinfo.ReadFile(b.file); err != nil {
		return b, err
	}
	if is := b.info.Main.Version; is != r.version && !r.snapshot {
		return b, fmt.Errorf("this is not %s: Go calls it %q; release a clean commit with that tag, or try with --snapshot", r.version, is)
	}
	return b, nil
}

// pages are manual pages and completions, by where they are installed below /usr/share.
type pages map[string][]byte

// pages asks the command itself for them, as it is on this machine.
func (r release) pages(ctx context.Context, work string) (pages, error) {
	b, err := r.build(ctx, work, platform{runtime.GOOS, runtime.GOARCH})
	if err != nil {
		return nil, err
	}
	out := pages{}
	for at, shell := range map[string]string{
		"bash-completion/completions/serin":    "bash",
		"zsh/site-functions/_serin":            "zsh",
		"fish/vendor_completions.d/serin.fish": "fish",
	} {
		text, err := exec.CommandContext(ctx, b.file, "completion", shell).Output() // #nosec G204 -- our own command
		if err != nil {
			return nil, fmt.Errorf("serin completion %s: %w", shell, err)
		}
		out[at] = text
	}
	manual := filepath.Join(work, "man1")
	if said, err := exec.CommandContext(ctx, b.file, "man", "--output", manual).CombinedOutput(); err != nil { // #nosec G204 -- our own command
		return nil, fmt.Errorf("serin man: %w\n%s", err, said)
	}
	files, err := os.ReadDir(manual)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if out["man/man1/"+f.Name()], err = os.ReadFile(filepath.Join(manual, f.Name())); err != nil {
			return nil, err
		}
	}
	return out, nil
}
