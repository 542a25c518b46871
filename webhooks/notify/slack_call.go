package notify

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/serin-canary/serin/judge"
)

// slackCall marks a reply that calls the channel.
const slackCall = "serin_call"

// How grave it is what a channel is called by. Each is called by once, and after it only
// by what is graver.
const (
	callNone     = iota
	callPage     // a person must look now
	callRollback // it is rolled back, or judged bad
)

// call is what the channel is called by as it is now. Nothing follows from what is only
// watched, and nobody must look any more at what is over.
func (m *message) call() int {
	switch {
	case m.Shadow:
		return callNone
	case m.Outcome == judge.Rollback.String():
		return callRollback
	case m.Page != "" && !m.Over:
		return callPage
	}
	return callNone
}

// called is what the channel was called by.
func (m *message) called() int {
	n, _ := strconv.Atoi(m.entry.handle("called")) // "" is none
	return n
}

func (m *message) setCalled(what int) { m.entry.set("called", strconv.Itoa(what)) }

// alarm replies to the message where it turned bad, and shows the reply in the channel:
// Slack notifies nobody of a message that is changed.
func (s slackBot) alarm(ctx context.Context, m *message) error {
	what := m.call()
	if what <= m.called() {
		return nil
	}
	mark := slackMetadata{slackCall, map[string]string{"rollout": m.ID, "target": m.Target, "call": strconv.Itoa(what)}}
	p := slackPost{
		Channel: s.Channel, Thread: m.entry.handle("ts"), Broadcast: true, Text: slackFallback(m), Parse: "none", Metadata: &mark,
		Blocks: []slackBlock{{Type: "section", Text: slackPlain(m.Mark+" "+m.Headline+". "+m.brief(), slackSection)}},
	}
	if text := m.text(slackEscape); text != "" {
		w := slackMarkup(text, slackSection)
		p.Blocks = []slackBlock{{Type: "header", Text: slackPlain(m.Mark+" "+m.Headline, slackHeader)}, {Type: "section", Text: &w}}
	}
	find := func(ctx context.Context, since time.Time) (bool, error) {
		ts, err := s.find(ctx, m, mark, since)
		if ts != "" {
			m.setCalled(what)
		}
		return ts != "", err
	}
	err := m.once(ctx, find, func() error {
		_, err := s.ask(ctx, "chat.postMessage", p)
		if err == nil {
			m.setCalled(what)
		}
		return err
	})
	var e *slackError
	if errors.As(err, &e) && slices.Contains([]string{"cannot_reply_to_message", "restricted_action_thread_locked", "thread_not_found"}, e.code) {
		m.log.Warn("a notice cannot be replied to; nobody is called", "target", m.Target, "rollout", m.ID, "error", err)
		m.setCalled(what)
		return m.note(ctx)
	}
	return err
}
