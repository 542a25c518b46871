package publish

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/serin-canary/serin/alerts"
)

// read reads a file of Serin's; nil says that there is none. Somebody else's is an
// error.
func read(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, &Error{Err: fmt.Errorf("alerts: %w", err)}
	case !ours(text):
		return nil, &Error{Permanent: true, Err: fmt.Errorf("alerts: %s was not written by Serin, so it is left alone", file)}
	}
	return text, nil
}

// restore makes a file what it was before; nil means that there was none.
func restore(file string, before []byte) error {
	if before != nil {
		return replace(file, before)
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// list returns the rule files of a folder, by name.
func list(dir string) ([]string, error) {
	all, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &Error{Err: fmt.Errorf("alerts: %w", err)}
	}
	var out []string
	for _, f := range all {
		if !f.IsDir() && slices.Contains([]string{".yml", ".yaml"}, filepath.Ext(f.Name())) {
			out = append(out, f.Name())
		}
	}
	return out, nil
}

// broken says which rule files of a folder no Prometheus can read.
func broken(dir string) string {
	names, err := list(dir)
	if err != nil {
		return ""
	}
	var out []string
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = alerts.Readable(text)
		}
		if err != nil {
			out = append(out, name+" ("+strings.Join(strings.Fields(err.Error()), " ")+")")
		}
	}
	return strings.Join(out, ", ")
}

// ours reports whether Serin wrote a file.
func ours(text []byte) bool { return strings.HasPrefix(string(text), "# Written by Serin ") }

// replace writes a file beside and renames it. The name that it has meanwhile matches
// no glob of rule files.
func replace(file string, text []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // Prometheus runs as somebody else
		return err
	}
	t, err := os.CreateTemp(filepath.Dir(file), ".serin-*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(t.Name()))
		}
	}()
	_, err = t.Write(text)
	for _, step := range []func() error{func() error { return t.Chmod(0o644) }, t.Sync, t.Close} {
		if e := step(); err == nil {
			err = e
		}
	}
	if err != nil {
		return err
	}
	return os.Rename(t.Name(), file)
}
