package plan

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with a file, or writes it.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (write it with -update)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", file, diff)
	}
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("no files %s (%v)", pattern, err)
	}
	return found
}

// TestBadPlans ensures that every fault of a file is reported at its place, with what
// to write instead.
func TestBadPlans(t *testing.T) {
	for _, name := range files(t, "testdata/bad/*/*.yaml") {
		t.Run(strings.TrimPrefix(name, "testdata/bad/"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			p, err := Parse(filepath.Base(name), text)
			var faults Faults
			if !errors.As(err, &faults) || len(faults) == 0 {
				t.Fatalf("got %v, want faults", err)
			}
			if p.Name != "" || p.Metrics != nil {
				t.Errorf("got plan %+v beside faults, want the zero plan", p)
			}
			for _, f := range faults {
				if f.Line < 1 || f.Column < 1 || f.Text == "" {
					t.Errorf("fault without a place or text: %#v", f)
				}
			}
			golden(t, strings.TrimSuffix(name, ".yaml")+".want", err.Error()+"\n")
		})
	}
}

// TestGoodPlans ensures that what is right loads, and is what it says.
func TestGoodPlans(t *testing.T) {
	for _, name := range files(t, "testdata/good/*.yaml") {
		t.Run(filepath.Base(name), func(t *testing.T) {
			p, err := Load(name)
			if err != nil {
				t.Fatalf("got faults, want none:\n%v", err)
			}
			sound(t, p)
		})
	}
}

func TestLoadOfMissingFile(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "absent.yaml"))
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want an error that the file does not exist", err)
	}
}

func TestFileTooLong(t *testing.T) {
	name := filepath.Join(t.TempDir(), "long.yaml")
	text := "service: checkout\npreset: istio\n" + strings.Repeat("# a comment\n", maxFile/12)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(name)
	if err == nil || !strings.Contains(err.Error(), "longer than 1024 KiB") {
		t.Errorf("got %v, want that the file is too long", err)
	}
}
