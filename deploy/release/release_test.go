package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// released builds a release of a small program in a folder of its own, and returns where
// it is. It goes the way of a real one, which takes minutes to build.
func released(t *testing.T, platforms string) string {
	t.Helper()
	source, out := t.TempDir(), filepath.Join(t.TempDir(), "dist")
	if err := os.CopyFS(source, os.DirFS("testdata/source")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(source, "deploy", "systemd"), os.DirFS("../systemd")); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"--snapshot", "--version", "v1.2.3", "--source", source, "--out", out, "--platforms", platforms}, io.Discard); err != nil {
		t.Fatal(err)
	}
	return out
}

func read(t *testing.T, elem ...string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// untar returns the files of a tar by their names.
func untar(t *testing.T, from io.Reader) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for r := tar.NewReader(from); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if out[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTwiceTheSame(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1795000000")
	// Two folders, so that no path is in what is made.
	one, other := released(t, "linux/amd64"), released(t, "linux/amd64")
	sums := string(read(t, one, "checksums.txt"))
	if d := cmp.Diff(sums, string(read(t, other, "checksums.txt"))); d != "" {
		t.Errorf("two runs differ\n%s", d)
	}
	var names []string
	for line := range strings.Lines(sums) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		digest := sha256.Sum256(read(t, one, name))
		if hex.EncodeToString(digest[:]) != sum {
			t.Errorf("%s has another sum than %s", name, sum)
		}
		names = append(names, name)
	}
	want := []string{
		"serin_1.2.3_linux_amd64.cdx.json", "serin_1.2.3_linux_amd64.deb", "serin_1.2.3_linux_amd64.rpm",
		"serin_1.2.3_linux_amd64.tar.gz", "serin_1.2.3_oci.tar",
	}
	if d := cmp.Diff(want, names); d != "" {
		t.Errorf("checksums.txt (-want +got)\n%s", d)
	}
}

func TestWhatIsReleased(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1795000000")
	platforms := "windows/amd64," + runtime.GOOS + "/" + runtime.GOARCH
	dist := released(t, platforms)
	base := filepath.Join(dist, "serin_1.2.3_"+runtime.GOOS+"_"+runtime.GOARCH)

	z, err := gzip.NewReader(bytes.NewReader(read(t, base+".tar.gz")))
	if err != nil {
		t.Fatal(err)
	}
	files := untar(t, z)
	for _, name := range []string{"LICENSE", "serin", "share/bash-completion/completions/serin", "share/man/man1/serin.1"} {
		if len(files[name]) == 0 {
			t.Errorf("the archive has no %s", name)
		}
	}
	for _, want := range []string{"github.com/google/go-cmp v0.7.0  BSD-3-Clause", "Go's standard library go1", "plot  MIT", "The Go Authors"} {
		if !strings.Contains(string(files["THIRD_PARTY.txt"]), want) {
			t.Errorf("THIRD_PARTY.txt has no %q", want)
		}
	}
	windows, err := zip.OpenReader(filepath.Join(dist, "serin_1.2.3_windows_amd64.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = windows.Close() }()
	if got := windows.File[0].Name; got != "serin.exe" {
		t.Errorf("the archive for Windows begins with %s, want serin.exe", got)
	}
	t.Run("its bill", func(t *testing.T) { checkBill(t, read(t, base+".cdx.json"), files["serin"]) })
	if runtime.GOOS == "linux" {
		t.Run("Debian's package", func(t *testing.T) { checkDeb(t, base+".deb") })
		t.Run("the image", func(t *testing.T) { checkImage(t, filepath.Join(dist, "serin_1.2.3_oci.tar")) })
	}
}

func checkBill(t *testing.T, text, binary []byte) {
	t.Helper()
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(text), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(binary)
	if got := (*bom.Metadata.Component.Hashes)[0].Value; got != hex.EncodeToString(sum[:]) {
		t.Errorf("got the sum %s, want the binary's %x", got, sum)
	}
	got := map[string]string{}
	for _, c := range *bom.Components {
		got[c.PackageURL] = (*c.Licenses)[0].License.ID
	}
	want := map[string]string{
		"pkg:golang/std@" + strings.TrimPrefix(runtime.Version(), "go"): "BSD-3-Clause",
		"pkg:golang/github.com/google/go-cmp@v0.7.0":                    "BSD-3-Clause",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("components (-want +got)\n%s", d)
	}
}

func checkDeb(t *testing.T, file string) {
	t.Helper()
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip("there is no dpkg-deb here")
	}
	out, err := exec.Command("dpkg-deb", "--contents", file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"-rwxr-xr-x root/root", "./usr/bin/serin\n", "./usr/lib/systemd/system/serin.service\n", "./usr/lib/sysusers.d/serin.conf\n",
		"./usr/lib/tmpfiles.d/serin.conf\n", "./etc/serin/serin.yaml\n", "./usr/share/doc/serin/copyright\n", "./usr/share/zsh/site-functions/_serin\n",
		"./usr/share/man/man1/serin.1\n",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the package has no %q\n%s", want, out)
		}
	}
	fields, err := exec.Command("dpkg-deb", "--field", file, "Version", "Architecture").Output()
	if want := "Version: 1.2.3\nArchitecture: " + runtime.GOARCH + "\n"; err != nil || string(fields) != want {
		t.Errorf("got %q, %v, want %q", fields, err, want)
	}
}

// checkImage reads the image as a registry's client does, and runs it as a container
// would be: in its own root, without an environment, as its own user.
func checkImage(t *testing.T, file string) {
	t.Helper()
	dir := t.TempDir()
	unpack(t, dir, bytes.NewReader(read(t, file)))
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	all, err := index.ImageIndex(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	inner, err := all.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if got := inner.Manifests[0].Platform; got.OS != "linux" || got.Architecture != runtime.GOARCH {
		t.Errorf("got platform %v", got)
	}
	img, err := all.Image(inner.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Config.User != "65532:65532" || !slices.Equal(config.Config.Entrypoint, []string{"/serin"}) {
		t.Errorf("got user %q and entrypoint %v", config.Config.User, config.Config.Entrypoint)
	}
	root := t.TempDir()
	whole := mutate.Extract(img)
	defer func() { _ = whole.Close() }()
	unpack(t, root, whole)
	if n := bytes.Count(read(t, root, "etc/ssl/certs/ca-certificates.crt"), []byte("BEGIN CERTIFICATE")); n < 80 {
		t.Errorf("got %d authorities, want those of a browser", n)
	}
	if os.Getuid() != 0 {
		t.Skip("only root may change the root of a process")
	}
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(root), 0o755); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("/serin")
	c.Dir, c.Env = "/", []string{}
	c.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	if out, err := c.CombinedOutput(); err != nil || string(out) != "small true\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

func unpack(t *testing.T, dir string, from io.Reader) {
	t.Helper()
	for name, text := range untar(t, from) {
		to := filepath.Join(dir, name)
		if strings.HasSuffix(name, "/") {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, 0o755); err != nil { // #nosec G306 -- one of them is run
			t.Fatal(err)
		}
	}
}

func TestReleasesThatAreRefused(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1795000000")
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "a"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	empty := t.TempDir()
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no version":            {[]string{"--out", empty}, `--version "" is not a version`},
		"a folder in use":       {[]string{"--version", "v1.0.0", "--out", full}, "is not empty"},
		"not the tagged commit": {[]string{"--version", "v1.0.0", "--out", empty, "--source", "testdata/source", "--platforms", "linux/amd64"}, "this is not v1.0.0"},
		"half a platform":       {[]string{"--version", "v1.0.0", "--out", empty, "--platforms", "linux"}, `"linux" is not a platform`},
	} {
		t.Run(name, func(t *testing.T) {
			if err := run(t.Context(), c.args, io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	t.Run("a date that is none", func(t *testing.T) {
		t.Setenv("SOURCE_DATE_EPOCH", "today")
		if err := run(t.Context(), []string{"--version", "v1.0.0", "--out", empty}, io.Discard); err == nil || !strings.Contains(err.Error(), "SOURCE_DATE_EPOCH") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a module without a licence", func(t *testing.T) {
		n := notice{name: "example.com/a", version: "v1.0.0"}
		if err := n.read(t.TempDir(), "LICENSE*"); err == nil || !strings.Contains(err.Error(), "example.com/a v1.0.0") {
			t.Errorf("got %v", err)
		}
	})
}

func TestLicencesAreTold(t *testing.T) {
	for want, text := range map[string]string{
		"Apache-2.0":   "Apache License\n   Version 2.0, January 2004",
		"MPL-2.0":      "Mozilla Public License Version 2.0",
		"MIT":          "Permission is hereby granted, free of charge, to any person\nobtaining a copy",
		"BSD-2-Clause": "Redistribution and use in source and binary forms, with or without",
		"BSD-3-Clause": "Redistribution and use in source and binary forms … Neither the name of",
		"CC-BY-4.0":    "Creative Commons Attribution 4.0 International Public License",
		"FTL":          "The FreeType Project LICENSE",
		"ISC":          "Permission to use, copy, modify, and distribute this software for any purpose with or without fee",
		"":             "All rights reserved.",
	} {
		if got := identify(text); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
