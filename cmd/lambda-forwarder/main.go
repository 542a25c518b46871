package main

import (
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	s, err := readSettings(os.Environ(), os.ReadFile)
	if err != nil {
		// The process goes on, to fail what comes at once: a function that does not
		// start leaves a deployment hanging for an hour.
		log.Error("this function is configured wrongly and fails every deployment until that is mended", "faults", lines(err))
	}
	f := newForwarder(s, newReporter(), log)
	f.broken = err
	lambda.Start(f.handle)
}
