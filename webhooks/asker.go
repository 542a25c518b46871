package webhooks

import (
	"context"

	"github.com/serin-canary/serin/webhooks/reply"
)

// Asker is what handlers need whose caller is told later; [*reply.Desk] is one.
type Asker interface {
	// Ask takes a question. It will be answered once this returns nil, so the caller
	// may be acknowledged then; asked again, the first asking counts.
	Ask(ctx context.Context, q reply.Question) error
	// Given returns the answer that was fixed for a question, and false where there
	// is none yet.
	Given(ctx context.Context, id string) (reply.Answer, bool, error)
	// Asked returns a question as it was asked first, and false where it never was.
	Asked(ctx context.Context, id string) (reply.Question, bool, error)
}

var _ Asker = (*reply.Desk)(nil)
