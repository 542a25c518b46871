package publish

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/serin-canary/serin/dashboards"
)

// Files publishes into a folder that a Grafana provisions from, or a sidecar reads, or
// a repository that a cluster is made from.
type Files struct {
	// Dir is the folder. Boards of a folder of their own go into one below it, as
	// foldersFromFilesStructure reads them.
	Dir    string
	Format Format
	// Options are for formats that are manifests.
	Options ManifestOptions
}

// Publish implements [Publisher]. The file is there whole or not at all.
func (f Files) Publish(_ context.Context, b dashboards.Board, folder string) (string, error) {
	dir, err := f.below(folder)
	if err != nil {
		return "", &Error{Err: err, Permanent: true}
	}
	o := f.Options
	if folder != "" {
		o.Folder = folder
	}
	text, err := Write(b, f.Format, o)
	if err != nil {
		return "", &Error{Err: err, Permanent: true}
	}
	name := b.UID + f.Format.ending()
	if err := f.others(name, dir); err != nil {
		return "", err
	}
	if err := atomically(filepath.Join(dir, name), text); err != nil {
		return "", &Error{Err: fmt.Errorf("dashboards: %w", err)}
	}
	return "", nil
}

// below returns the folder for boards, which is made where it is missing.
func (f Files) below(folder string) (string, error) {
	if folder != "" && (folder != filepath.Base(folder) || strings.HasPrefix(folder, ".")) {
		return "", fmt.Errorf("dashboards: %q is no name of a folder", folder)
	}
	dir := filepath.Join(f.Dir, folder)
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // Grafana runs as somebody else
		return "", fmt.Errorf("dashboards: %w", err)
	}
	return dir, nil
}

// others removes the board from folders that it was in before, since a UID may be
// provisioned once, and refuses a file that somebody else wrote.
func (f Files) others(name, dir string) error {
	found, err := f.find(name)
	if err != nil {
		return err
	}
	for _, file := range found {
		ours, err := written(file)
		switch {
		case err != nil:
			return &Error{Err: fmt.Errorf("dashboards: %w", err)}
		case !ours && filepath.Dir(file) == dir:
			return &Error{Permanent: true, Err: fmt.Errorf("dashboards: %s was not written by Serin, so it is left alone", file)}
		case ours && filepath.Dir(file) != dir:
			if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return &Error{Err: fmt.Errorf("dashboards: %w", err)}
			}
		}
	}
	return nil
}

// find lists the files of a name, in the folder and one below.
func (f Files) find(name string) ([]string, error) {
	var out []string
	for _, pattern := range []string{name, filepath.Join("*", name)} {
		found, err := filepath.Glob(filepath.Join(f.Dir, pattern))
		if err != nil {
			return nil, &Error{Err: fmt.Errorf("dashboards: the folder's name cannot be searched: %w", err), Permanent: true}
		}
		out = append(out, found...)
	}
	return out, nil
}

// written reports whether Serin wrote a file: it carries the tag.
func written(file string) (bool, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return strings.Contains(string(text), dashboards.Tag), err
}

// Remove implements [Publisher].
func (f Files) Remove(_ context.Context, uid string) error {
	found, err := f.find(uid + f.Format.ending())
	if err != nil {
		return err
	}
	for _, file := range found {
		ours, err := written(file)
		if err == nil && ours {
			err = os.Remove(file)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return &Error{Err: fmt.Errorf("dashboards: %w", err)}
		}
	}
	return nil
}

// Owned implements [Publisher].
func (f Files) Owned(context.Context) ([]string, error) {
	found, err := f.find("serin-*" + f.Format.ending())
	if err != nil {
		return nil, err
	}
	var out []string
	for _, file := range found {
		if ours, err := written(file); err != nil {
			return nil, &Error{Err: fmt.Errorf("dashboards: %w", err)}
		} else if ours {
			out = append(out, strings.TrimSuffix(filepath.Base(file), f.Format.ending()))
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// atomically writes a file beside and renames it: who reads it sees all of it, or what
// was there before. The name that it has meanwhile is read by nobody.
func atomically(file string, text []byte) error {
	t, err := os.CreateTemp(filepath.Dir(file), ".serin-*")
	if err != nil {
		return err
	}
	_, err = t.Write(text)
	if err == nil {
		err = t.Chmod(0o644)
	}
	if err == nil {
		err = t.Sync()
	}
	if closed := t.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(t.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(t.Name()))
	}
	return nil
}
