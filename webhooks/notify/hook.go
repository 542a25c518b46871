package notify

import (
	"context"
	"fmt"
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
