package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	"github.com/goreleaser/nfpm/v2/rpm"
)

// packages writes a package for Debian's systems and one for Red Hat's.
func (r release) packages(g goods, licence []byte) error {
	dir, err := os.MkdirTemp("", "serin-package-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for _, p := range []struct {
		format, end string
		packager    nfpm.Packager
	}{{"deb", ".deb", deb.Default}, {"rpm", ".rpm", rpm.DefaultRPM}} {
		contents, err := r.contents(dir, g, licence)
		if err != nil {
			return err
		}
		info := &nfpm.Info{
			Name: "serin", Arch: g.arch, Platform: "linux", Version: r.version, Section: "admin", Priority: "optional",
			Maintainer:  "The Serin authors <maintainers@serin-canary.example>",
			Description: "Judge of canary releases\nSerin compares a canary with its baseline and answers promote, rollback,\ncontinue or inconclusive, with evidence.",
			Vendor:      "The Serin authors", Homepage: "https://github.com/serin-canary/serin", License: "Apache-2.0", MTime: r.at,
		}
		info.Contents = contents
		system := filepath.Join(r.source, "deploy", "systemd")
		info.Scripts = nfpm.Scripts{PostInstall: filepath.Join(system, "postinstall.sh"), PreRemove: filepath.Join(system, "preremove.sh")}
		info.RPM.BuildHost = "reproducible"
		info = nfpm.WithDefaults(info) // it reads the version
		if err := nfpm.PrepareForPackager(info, p.format); err != nil {
			return fmt.Errorf("%s: %w", p.format, err)
		}
		var out bytes.Buffer
		if err := p.packager.Package(info, &out); err != nil {
			return fmt.Errorf("%s: %w", p.format, err)
		}
		if err := r.file(r.name(g.platform, p.end), out.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// contents lists what a package installs.
func (r release) contents(dir string, g goods, licence []byte) (files.Contents, error) {
	var out files.Contents
	put := func(from, to, kind string, mode os.FileMode) {
		out = append(out, &files.Content{Source: from, Destination: to, Type: kind, FileInfo: &files.ContentFileInfo{Mode: mode, MTime: r.at, Owner: "root", Group: "root"}})
	}
	system := filepath.Join(r.source, "deploy", "systemd")
	put(g.file, "/usr/bin/serin", "", 0o755)
	put(filepath.Join(system, "serin.service"), "/usr/lib/systemd/system/serin.service", "", 0o644)
	put(filepath.Join(system, "serin.sysusers"), "/usr/lib/sysusers.d/serin.conf", "", 0o644)
	put(filepath.Join(system, "serin.tmpfiles"), "/usr/lib/tmpfiles.d/serin.conf", "", 0o644)
	put(filepath.Join(system, "serin.yaml"), "/etc/serin/serin.yaml", files.TypeConfigNoReplace, 0o640)
	put(filepath.Join(system, "serin.default"), "/etc/default/serin", files.TypeConfigNoReplace, 0o644)
	texts := map[string][]byte{"/usr/share/doc/serin/copyright": licence, "/usr/share/doc/serin/THIRD_PARTY.txt": g.notices}
	for at, text := range g.pages {
		texts["/usr/share/"+at] = text
	}
	for _, to := range slices.Sorted(maps.Keys(texts)) {
		from := filepath.Join(dir, strings.ReplaceAll(to, "/", "_"))
		if err := os.WriteFile(from, texts[to], 0o600); err != nil {
			return nil, err
		}
		put(from, to, "", 0o644)
	}
	return out, nil
}
