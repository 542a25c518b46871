package app

import (
	"fmt"
	"log/slog"

	"github.com/serin-canary/serin/webhooks/azure"
	"github.com/serin-canary/serin/webhooks/github"
	"github.com/serin-canary/serin/webhooks/reply"
)

// senderKind is a tongue in which callers are told answers later.
type senderKind struct {
	// name is what questions call it by.
	name string
	// open returns nil where the configuration does not have it.
	open func(c Config, log *slog.Logger) (reply.Sender, error)
}

// senderKinds lists them, one a line.
func senderKinds() []senderKind {
	return []senderKind{
		{name: reply.SenderPolled, open: func(Config, *slog.Logger) (reply.Sender, error) { return reply.Polled{}, nil }},
		{name: azure.Name, open: azureSender},
		{name: github.Name, open: githubSender},
	}
}

// openSenders opens those that are configured.
func openSenders(c Config, log *slog.Logger) (map[string]reply.Sender, error) {
	m := map[string]reply.Sender{}
	for _, k := range senderKinds() {
		s, err := k.open(c, log)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.name, err)
		}
		if s != nil {
			m[k.name] = s
		}
	}
	return m, nil
}
