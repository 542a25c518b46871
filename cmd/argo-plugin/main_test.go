package main

import (
	"flag"
	"os"
	"testing"
)

// atOnce is how many stories run at once. They wait more than they work, so that the
// machine's cores are no bound.
const atOnce = "12"

// TestMain lets the stories run beside each other, unless the command line says how
// many.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", atOnce); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
