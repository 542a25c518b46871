package notify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/serin-canary/serin/queries/store"
)

// hook is an address that is a credential itself: who knows it may post there.
type hook struct {
	address store.Secret
	at      string // the host, which may be shown
	caller
}

// newHook reads the address once, to find out whether there is one.
func newHook(address store.Secret, c caller) (hook, error) {
	text, err := secretURL(address)
	return hook{address, hostOf(text), c}, err
}

func (h hook) host() string { return h.at }

// tried says how far it can be told that a hook works.
func (h hook) tried(what string) (string, error) {
	_, err := secretURL(h.address)
	return fmt.Sprintf("has an address; %s cannot be tried without posting", what), err
}

// post posts JSON to the address as it is now.
func (h hook) post(ctx context.Context, body any) error {
	address, err := secretURL(h.address)
	if err != nil {
		return err
	}
	k, err := jsonCall(address, body)
	if err != nil {
		return err
	}
	k.secrets = []string{address, strings.TrimPrefix(address, "https://")}
	a, err := h.do(ctx, k)
	if err != nil {
		return err
	}
	return h.judged(a, k.secrets...)
}

// onceEach tells what cannot be changed later: the first final verdict, and after it only
// what is graver; before it, once, that a person must look now.
func (m *message) onceEach(ctx context.Context, send func(rank int) error) error {
	rank := m.grade()
	told := rank <= m.entry.Rank
	if rank == rankPage {
		told = m.entry.Paged || m.entry.Rank > 0
	}
	if told {
		return nil
	}
	return m.once(ctx, nil, func() error {
		err := send(rank)
		switch {
		case err == nil && rank == rankPage:
			m.entry.Paged = true
		case err == nil:
			m.entry.Rank = rank
		}
		return err
	})
}

// grade is the rank of what is asked for of the rollout as it is; 0 is nothing.
func (m *message) grade() int {
	switch {
	case slices.Contains(m.outcomes, m.word()), m.pages() && m.Final:
		return m.rank()
	case m.pages():
		return rankPage
	}
	return 0
}
