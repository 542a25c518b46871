package app

import (
	"context"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if file := os.Getenv(childConfig); file != "" {
		os.Exit(serveChild(context.Background(), file))
	}
	goleak.VerifyTestMain(m)
}
