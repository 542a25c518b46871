package demo

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// What pages are checked with for people who cannot see, or see little: axe-core of npm,
// under the Mozilla Public License 2.0. It is downloaded for the test and no part of Serin.
const (
	axePackage = "axe-core@4.14.1"
	axeSHA256  = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c" // of package/axe.min.js
)

// axe downloads axe-core, and returns "" where npm cannot be reached.
func axe(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "pack", "--silent", "--pack-destination", dir, axePackage)
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "\n!!! npm cannot be reached: NO PAGE IS HELD AGAINST AXE (SKIPPED) !!!\n%v %.300s\n\n", err, out)
		return ""
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(files) != 1 {
		t.Fatalf("got %d packages, error %v", len(files), err)
	}
	text, err := fileOf(files[0], "package/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != axeSHA256 {
		t.Fatalf("got %s with checksum %x, want %s", axePackage, sum, axeSHA256)
	}
	return string(text)
}

// fileOf reads a file of a package of npm.
func fileOf(archive, name string) ([]byte, error) {
	f, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("%s has no %s", archive, name)
		case err != nil:
			return nil, err
		case h.Name == name:
			return io.ReadAll(r)
		}
	}
}

// violation is what axe finds wrong.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct{ HTML, FailureSummary string }
}

// accessible holds the page that is open against axe: nothing in it may be serious.
func (b *browser) accessible(name string) {
	b.t.Helper()
	if b.axe == "" {
		return
	}
	var found []violation
	var there bool
	b.do(chromedp.Evaluate(`typeof axe !== "undefined"`, &there))
	if !there {
		b.do(chromedp.Evaluate(b.axe+"\n;0", nil))
	}
	b.do(chromedp.Evaluate(`axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations)`, &found,
		func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	b.held++
	for _, v := range found {
		if v.Impact != "serious" && v.Impact != "critical" {
			continue
		}
		for _, n := range v.Nodes[:min(len(v.Nodes), 3)] {
			b.t.Errorf("%s: %s (%s): %s\n%.300s\n%s", name, v.ID, v.Impact, v.Help, n.HTML, n.FailureSummary)
		}
	}
}
