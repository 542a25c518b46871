package main

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(besides{m}, map[string]func(){"serin": func() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		context.AfterFunc(ctx, stop)
		os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
	}})
}

// besides runs the tests that take minutes beside each other: they wait more than they
// work, so that the machine's cores are no bound. The command line may say how many.
type besides struct{ *testing.M }

// Run implements testscript.TestingM.
func (b besides) Run() int {
	// What is printed must not depend on where the tests run. Commands that tests start get
	// what the tests say.
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG", "COLUMNS", "CLICOLOR_FORCE", "SERIN_URL", "SERIN_JOURNAL"} {
		if err := os.Unsetenv(name); err != nil {
			panic(err)
		}
	}
	flag.Parse()
	given := os.Getenv("SERIN_E2E") == ""
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", "6"); err != nil {
			panic(err)
		}
	}
	return b.M.Run()
}

// TestScripts runs the stories in testdata/script: a command line, its input files,
// and what a user sees.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("NO_COLOR", "1")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
		},
		UpdateScripts: *update,
	})
}

// exits runs serin and fails unless it exits with a code: exits 3 judge --plan x.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: exits CODE ARGUMENTS")
	}
	err := ts.Exec("serin", args[1:]...)
	code := "0"
	if err != nil {
		code = exitText(err)
	}
	if code != args[0] {
		ts.Fatalf("serin %v: exit %s, want %s", args[1:], code, args[0])
	}
}
