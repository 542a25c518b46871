package app

import (
	"context"
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(childConfig) != "" {
		os.Exit(serveChild(context.Background()))
	}
	if os.Getenv(benchConfig) != "" {
		os.Exit(serveBench(context.Background()))
	}
	flag.Parse()
	given := os.Getenv("SERIN_E2E") == ""
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given { // the suites that kill servers wait more than they work
		if err := flag.Set("test.parallel", "4"); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}
