package webhooks

import (
	"context"
	"sync"
	"testing"

	"github.com/serin-canary/serin/webhooks/reply"
)

// noted is a desk that only notes what it is asked.
type noted struct {
	mu     sync.Mutex
	asked  map[string]reply.Question
	given  map[string]reply.Answer
	failed error
}

func newNoted() *noted {
	return &noted{asked: map[string]reply.Question{}, given: map[string]reply.Answer{}}
}

func (n *noted) Ask(_ context.Context, q reply.Question) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, again := n.asked[q.ID]; !again && n.failed == nil {
		n.asked[q.ID] = q
	}
	return n.failed
}

func (n *noted) Given(_ context.Context, id string) (reply.Answer, bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	a, ok := n.given[id]
	return a, ok, nil
}

func (n *noted) Asked(_ context.Context, id string) (reply.Question, bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	q, ok := n.asked[id]
	return q, ok, nil
}

// only returns the one question that there must be.
func (n *noted) only(t *testing.T) reply.Question {
	t.Helper()
	if len(n.asked) != 1 {
		t.Fatalf("got %d questions, want 1", len(n.asked))
	}
	for _, q := range n.asked {
		return q
	}
	return reply.Question{}
}
