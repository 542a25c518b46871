package app

import (
	"context"
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
	goleak.VerifyTestMain(m)
}
