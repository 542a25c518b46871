package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// goods are what belongs to one platform.
type goods struct {
	binary
	notices, bill []byte
	pages         pages
}

// entry is a file of an archive.
type entry struct {
	name string
	mode int64
	text []byte
}

// pack writes the archive of a platform and its bill, and the packages for Linux.
func (r release) pack(g goods) error {
	licence, err := os.ReadFile(filepath.Join(r.source, "LICENSE"))
	if err != nil {
		return err
	}
	files := []entry{
		{filepath.Base(g.file), 0o755, g.text},
		{"LICENSE", 0o644, licence},
		{"THIRD_PARTY.txt", 0o644, g.notices},
	}
	for _, at := range slices.Sorted(maps.Keys(g.pages)) {
		files = append(files, entry{"share/" + at, 0o644, g.pages[at]})
	}
	write, end := gzipped, ".tar.gz"
	if g.os == "windows" {
		write, end = zipped, ".zip"
	}
	text, err := write(files, r.at)
	if err != nil {
		return err
	}
	if err := r.file(r.name(g.platform, end), text); err != nil {
		return err
	}
	if err := r.file(r.name(g.platform, ".cdx.json"), g.bill); err != nil {
		return err
	}
	if g.os == "linux" {
		return r.packages(g, licence)
	}
	return nil
}

// gzipped returns files as a compressed tar, of which nothing depends on who made it.
func gzipped(files []entry, at time.Time) ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if err := tarred(tar.NewWriter(z), files, at); err != nil {
		return nil, err
	}
	err = z.Close()
	return out.Bytes(), err
}

func tarred(t *tar.Writer, files []entry, at time.Time) error {
	for _, f := range files {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: f.mode, Size: int64(len(f.text)), ModTime: at, Format: tar.FormatUSTAR}
		if strings.HasSuffix(f.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if _, err := t.Write(f.text); err != nil {
			return err
		}
	}
	return t.Close()
}

func zipped(files []entry, at time.Time) ([]byte, error) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: at}
		h.SetMode(os.FileMode(f.mode)) // #nosec G115 -- one of two constants
		w, err := z.CreateHeader(h)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(f.text); err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return out.Bytes(), err
}

// checksums writes what sha256sum --check reads.
func (r release) checksums() error {
	made, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, f := range made { // by name
		text, err := os.ReadFile(filepath.Join(r.out, f.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(text), f.Name())
	}
	return r.file("checksums.txt", []byte(b.String()))
}
