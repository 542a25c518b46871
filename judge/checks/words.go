package checks

import (
	"maps"
	"slices"
	"strings"
)

// Words are the names that an assertion may use. They depend on the kind of its check,
// so that none speaks of what no answer to it has.
type Words int

// The words of the kinds that have assertions.
const (
	// OfHTTP: of an HTTP answer.
	OfHTTP Words = iota
	// OfGRPC: of the answer to a unary call.
	OfGRPC
	// OfMessage: of a message over a WebSocket.
	OfMessage
	// OfQuery: of what a store answers to a query.
	OfQuery
)

// names returns the words.
func (w Words) names() []string {
	switch w {
	case OfHTTP:
		return []string{"status", "headers", "body", "json", "latency", "tls", "proto"}
	case OfGRPC:
		return []string{"code", "json", "latency"}
	case OfMessage:
		return []string{"body", "json", "latency"}
	case OfQuery:
		return []string{"value", "values", "count"}
	}
	return nil
}

// only takes what these words do not name out of an environment.
func (w Words) only(env map[string]any) map[string]any {
	maps.DeleteFunc(env, func(name string, _ any) bool {
		return !strings.HasPrefix(name, "__") && !slices.Contains(w.names(), name)
	})
	return env
}

// listed writes the words.
func (w Words) listed() string {
	all := w.names()
	return strings.Join(all[:len(all)-1], ", ") + " and " + all[len(all)-1]
}

// Names reports whether an assertion uses a word.
func (a *Assertion) Names(word string) bool { return a.named[word] }
