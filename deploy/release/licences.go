package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
)

// notice is the licence of one thing that the binaries are made of.
type notice struct {
	name, version string
	ids           []string // of SPDX
	texts         []string
}

type notices []notice

// licences finds the licences of every module that a binary has in it, of Go's own
// library, and of what was copied. One without a licence is a fault.
func (r release) licences(ctx context.Context, built []binary) (notices, error) {
	dirs, err := r.modules(ctx)
	if err != nil {
		return nil, err
	}
	used := map[string]*debug.Module{}
	for _, b := range built {
		for _, m := range b.info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			used[m.Path+"@"+m.Version] = m
		}
	}
	goroot, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	out := notices{}
	add := func(name, version, dir string, patterns ...string) error {
		n := notice{name: name, version: version}
		if err := n.read(dir, patterns...); err != nil {
			return err
		}
		out = append(out, n)
		return nil
	}
	usual := []string{"LICENSE*", "LICENCE*", "License*", "license*", "COPYING*", "NOTICE*", "licenses/ftl.txt"}
	if err := add("Go's standard library", built[0].info.GoVersion, strings.TrimSpace(string(goroot)), "LICENSE"); err != nil {
		return nil, err
	}
	for key, m := range used {
		if err := add(m.Path, m.Version, dirs[key], usual...); err != nil {
			return nil, err
		}
	}
	copied, err := r.copied()
	if err != nil {
		return nil, err
	}
	for _, file := range copied {
		name := strings.TrimSuffix(filepath.Base(file), ".LICENSE.txt")
		if err := add(name, "", filepath.Dir(file), filepath.Base(file)); err != nil {
			return nil, err
		}
	}
	return sorted(out, func(n notice) string { return n.name + "@" + n.version }), nil
}

// modules returns where each module of the build list is.
func (r release) modules(ctx context.Context) (map[string]string, error) {
	c := exec.CommandContext(ctx, "go", "list", "-m", "-json", "all")
	c.Dir = r.source
	pipe, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("go list -m all: %w", err)
	}
	out := map[string]string{}
	for d := json.NewDecoder(strings.NewReader(string(pipe))); d.More(); {
		var m struct{ Path, Version, Dir string }
		if err := d.Decode(&m); err != nil {
			return nil, err
		}
		out[m.Path+"@"+m.Version] = m.Dir
	}
	return out, nil
}

// copied lists the licences of files of others that are in our own folders.
func (r release) copied() ([]string, error) {
	var out []string
	for _, dir := range []string{"cmd", "dashboards", "judge", "webhooks"} {
		err := filepath.WalkDir(filepath.Join(r.source, dir), func(p string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata"):
				return fs.SkipDir
			case strings.HasSuffix(p, ".LICENSE.txt"):
				out = append(out, p)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (n *notice) read(dir string, patterns ...string) error {
	var files []string
	for _, p := range patterns {
		found, err := filepath.Glob(filepath.Join(dir, p))
		if err != nil {
			return err
		}
		files = append(files, found...)
	}
	slices.Sort(files)
	for _, f := range slices.Compact(files) {
		if info, err := os.Stat(f); err != nil || info.IsDir() || strings.HasSuffix(f, ".go") {
			continue
		}
		text, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		n.texts = append(n.texts, strings.ReplaceAll(strings.TrimSpace(string(text)), "\r\n", "\n"))
		if id := identify(string(text)); id != "" && !slices.Contains(n.ids, id) {
			n.ids = append(n.ids, id)
		}
	}
	if dir == "" || len(n.texts) == 0 {
		return fmt.Errorf("no licence was found for %s %s in %q; it cannot be handed on", n.name, n.version, dir)
	}
	return nil
}

// identify returns the SPDX identifier of a licence's text, or nothing. It goes by what
// tells the usual ones apart.
func identify(text string) string {
	text = regexp.MustCompile(`\s+`).ReplaceAllString(text, " ")
	has := func(s string) bool { return strings.Contains(text, s) }
	switch {
	case has("Apache License") && has("Version 2.0"):
		return "Apache-2.0"
	case has("Mozilla Public License") && has("2.0"):
		return "MPL-2.0"
	case has("Permission is hereby granted, free of charge, to any person obtaining a copy"):
		return "MIT"
	case has("Redistribution and use in source and binary forms"):
		if has("Neither the name") || has("names of its contributors may") || has("name of the copyright holder may not") || has("may not be used to endorse") {
			return "BSD-3-Clause"
		}
		return "BSD-2-Clause"
	case has("Permission to use, copy, modify, and") && has("with or without fee"):
		return "ISC"
	case has("This is free and unencumbered software"):
		return "Unlicense"
	case has("Creative Commons Attribution 4.0"):
		return "CC-BY-4.0"
	case has("The FreeType License") || has("FreeType Project LICENSE"): // the one of two that is chosen
		return "FTL"
	case has("CC0 1.0 Universal"):
		return "CC0-1.0"
	}
	return ""
}

// text returns the file THIRD_PARTY.txt.
func (ns notices) text() []byte {
	var b strings.Builder
	b.WriteString("Serin is under the Apache License 2.0 (LICENSE). Its binaries have the following in them.\n")
	b.WriteString("Where a text tells of several licences, it holds for the parts that it names.\n\n")
	for _, n := range ns {
		fmt.Fprintf(&b, "  %s  %s\n", strings.TrimSpace(n.name+" "+n.version), strings.Join(n.ids, ", "))
	}
	for _, n := range ns {
		fmt.Fprintf(&b, "\n%s\n%s\n\n", strings.Repeat("=", 79), strings.TrimSpace(n.name+" "+n.version))
		b.WriteString(strings.Join(n.texts, "\n\n"+strings.Repeat("-", 79)+"\n\n") + "\n")
	}
	return []byte(b.String())
}
