package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills
	log.SetFlags(0)
	log.SetOutput(foreign{os.Stderr})
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// foreign takes what libraries write that know the standard logger only. net/http shows
// there what a server sent without being asked; it stays short, inert and on one line.
type foreign struct{ to io.Writer }

// Write implements io.Writer.
func (f foreign) Write(p []byte) (int, error) {
	text := strings.TrimSpace(string(p))
	if _, err := fmt.Fprintf(f.to, "time=%s level=WARN msg=%.200q\n", time.Now().UTC().Format(time.RFC3339), text); err != nil {
		return 0, err
	}
	return len(p), nil
}
