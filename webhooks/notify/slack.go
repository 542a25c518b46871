package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/queries/store"
)

// DefaultSlack is where Slack's API is.
const DefaultSlack = "https://slack.com/api"

// Slack tells a channel of Slack: by an app's bot, whose message is brought up to date, or
// by an incoming webhook, which posts once at the end.
type Slack struct {
	// Token is where the bot's token is (xoxb-…), with the scopes chat:write, files:write
	// for pictures, and channels:history (groups:history) to find a message again.
	Token store.Secret `yaml:"token"`
	// Channel is the channel's ID, such as C0123456789.
	Channel string `yaml:"channel"`
	// Hook is where the address of an incoming webhook is; instead of a token.
	Hook store.Secret `yaml:"hook"`
	// API is where the API is (default [DefaultSlack]).
	API string `yaml:"api"`
}

var slackChannel = regexp.MustCompile(`^[CGD][A-Z0-9]{8,20}$`)

func (s *Slack) check(at string, fault Fault) {
	if (s.Token == "") == (s.Hook == "") {
		fault(at, "Slack is told by a bot's token (token, with channel) or by an incoming webhook (hook); write one of the two")
		return
	}
	if s.Hook != "" {
		if err := s.Hook.Check(); err != nil {
			fault(at+".hook", "%s", err)
		}
		if s.Channel != "" || s.API != "" {
			fault(at+".hook", "an incoming webhook has its own address and channel; take channel and api away")
		}
		return
	}
	if err := s.Token.Check(); err != nil {
		fault(at+".token", "%s", err)
	}
	if !slackChannel.MatchString(s.Channel) {
		fault(at+".channel", "%.40q is no channel's ID; open the channel's details in Slack, where it stands at the end: C0123456789", s.Channel)
	}
	if s.API != "" {
		if err := checkURL(s.API); err != nil {
			fault(at+".api", "%s", err)
		}
	}
}

func (s *Slack) open(o opening) (channel, error) {
	c := caller{o.c.Client, o.c.Now}
	if s.Hook != "" {
		h, err := newHook(s.Hook, c)
		return slackHook{h}, err
	}
	if _, err := s.Token.Read(); err != nil {
		return nil, err
	}
	b := slackBot{Slack: *s, caller: c}
	if b.API == "" {
		b.API = DefaultSlack
	}
	b.API = strings.TrimRight(b.API, "/")
	return b, nil
}

// slackBot posts a message and changes it.
type slackBot struct {
	Slack
	caller
}

func (s slackBot) host() string { return hostOf(s.API) }

// slackSaid is what every answer of the API has, and what is read of some.
type slackSaid struct {
	OK       bool     `json:"ok"`
	Error    string   `json:"error"`
	Errors   []string `json:"errors"`
	Needed   string   `json:"needed"`
	TS       string   `json:"ts"`
	Channel  any      `json:"channel"`
	Team     string   `json:"team"`
	User     string   `json:"user"`
	Upload   string   `json:"upload_url"`
	File     string   `json:"file_id"`
	Messages []struct {
		TS       string         `json:"ts"`
		Metadata *slackMetadata `json:"metadata"`
	} `json:"messages"`
	Metadata struct {
		Cursor string `json:"next_cursor"`
	} `json:"response_metadata"`
}

// slackMetadata marks a message as that of a rollout, so that it can be found again.
type slackMetadata struct {
	Type    string            `json:"event_type"`
	Payload map[string]string `json:"event_payload"`
}

const slackEvent = "serin_rollout"

// slackPost is the body of chat.postMessage and chat.update. Nothing in it is parsed for
// names and links but what is written as such.
type slackPost struct {
	Channel  string         `json:"channel"`
	TS       string         `json:"ts,omitempty"`
	Text     string         `json:"text"`
	Blocks   []slackBlock   `json:"blocks"`
	Parse    string         `json:"parse"`
	Names    bool           `json:"link_names"`
	Unfurl   *bool          `json:"unfurl_links,omitempty"` // of postMessage alone
	Media    *bool          `json:"unfurl_media,omitempty"`
	Metadata *slackMetadata `json:"metadata,omitempty"`
	// Thread is the message that is replied to; Broadcast shows the reply in the channel.
	Thread    string `json:"thread_ts,omitempty"`
	Broadcast bool   `json:"reply_broadcast,omitempty"`
}

// tell implements channel: the message is posted once, then changed; where it turns bad,
// a reply calls the channel; the picture of what failed comes with a change of its own, so
// that nobody waits for it.
func (s slackBot) tell(ctx context.Context, m *message) error {
	if m.entry.handle("ts") == "" {
		if m.entry.Pending == nil && !m.wanted() {
			return nil
		}
		if err := s.post(ctx, m); err != nil {
			return err
		}
	}
	if err := s.change(ctx, m, m.entry.handle("file")); err != nil {
		return err
	}
	if err := s.alarm(ctx, m); err != nil {
		return err
	}
	return s.illustrate(ctx, m)
}

func (s slackBot) post(ctx context.Context, m *message) error {
	no := false
	mark := slackMetadata{slackEvent, map[string]string{"rollout": m.ID, "target": m.Target}}
	p := slackPost{Channel: s.Channel, Text: slackFallback(m), Blocks: slackBlocks(m, ""), Parse: "none", Unfurl: &no, Media: &no, Metadata: &mark}
	if m.entry.Pending == nil { // else what was posted, if it was, called by less
		m.setCalled(m.call())
	}
	find := func(ctx context.Context, since time.Time) (bool, error) {
		ts, err := s.find(ctx, m, mark, since)
		if ts != "" {
			m.entry.set("ts", ts)
		}
		return ts != "", err
	}
	return m.once(ctx, find, func() error {
		said, err := s.ask(ctx, "chat.postMessage", p)
		if err != nil {
			return err
		}
		m.entry.set("ts", said.TS)
		m.entry.Told = digest(slackPost{Text: p.Text, Blocks: p.Blocks})
		return nil
	})
}

// find looks by its mark for what an attempt may have posted, and returns its name or "".
// Where the app may not look, it is posted again.
func (s slackBot) find(ctx context.Context, m *message, mark slackMetadata, since time.Time) (ts string, err error) {
	q := url.Values{
		"channel": {s.Channel}, "include_all_metadata": {"true"}, "limit": {"100"}, "inclusive": {"true"},
		"oldest": {strconv.FormatInt(since.Add(-time.Minute).Unix(), 10) + ".000000"},
	}
	for range 5 {
		said, err := s.ask(ctx, "conversations.history", q)
		var e *slackError
		if errors.As(err, &e) && (e.code == "missing_scope" || e.code == "not_in_channel") {
			m.log.Warn("Serin may not look whether a notice was posted before; it may be there twice. Give the app channels:history or groups:history",
				"target", m.Target, "rollout", m.ID)
			return "", nil
		}
		if err != nil {
			return "", err
		}
		for _, x := range said.Messages {
			if d := x.Metadata; d != nil && d.Type == mark.Type && maps.Equal(d.Payload, mark.Payload) {
				return x.TS, nil
			}
		}
		if said.Metadata.Cursor == "" {
			return "", nil
		}
		q.Set("cursor", said.Metadata.Cursor)
	}
	return "", nil
}

// change brings the message up to date where it says something else.
func (s slackBot) change(ctx context.Context, m *message, file string) error {
	p := slackPost{Text: slackFallback(m), Blocks: slackBlocks(m, file)}
	told := digest(p)
	if m.entry.Told == told {
		return nil
	}
	p.Channel, p.TS, p.Parse = s.Channel, m.entry.handle("ts"), "none"
	return m.change(ctx, untold, func() error {
		_, err := s.ask(ctx, "chat.update", p)
		var e *slackError
		if errors.As(err, &e) && (e.code == "message_not_found" || e.code == "cant_update_message" || e.code == "edit_window_closed") {
			return fmt.Errorf("the message cannot be changed any more (%s), and there is not another one: %w", e.code, outbox.ErrMoot)
		}
		if err != nil {
			return err
		}
		m.updated++
		m.entry.Told = told
		return nil
	})
}

// slackError is a refusal in Slack's own word.
type slackError struct {
	code string
	text string
}

// Error returns the method and Slack's word.
func (e *slackError) Error() string { return e.text }

// ask calls a method of the API, with JSON or with a form, which is all that some take.
func (s slackBot) ask(ctx context.Context, method string, body any) (slackSaid, error) {
	token, err := s.Token.Read()
	if err != nil {
		return slackSaid{}, refused(err)
	}
	k, err := jsonCall(s.API+"/"+method, body)
	if form, ok := body.(url.Values); ok {
		k.body, err = []byte(form.Encode()), nil
		k.header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if err != nil {
		return slackSaid{}, err
	}
	k.header.Set("Authorization", "Bearer "+token)
	k.secrets = []string{token}
	a, err := s.do(ctx, k)
	if err != nil {
		return slackSaid{}, err
	}
	if err := s.judged(a, token); err != nil {
		return slackSaid{}, err
	}
	var said slackSaid
	if err := json.Unmarshal(a.body, &said); err != nil {
		return slackSaid{}, unsureError{fmt.Errorf("%s answered %s what is no answer of Slack's", a.host, method)}
	}
	if !said.OK {
		return said, s.meaning(method, said, token)
	}
	return said, nil
}

// meaning says what a refusal of Slack's means.
func (s slackBot) meaning(method string, said slackSaid, token string) error {
	text := fmt.Sprintf("Slack refused %s: %s", method, said.Error)
	if said.Needed != "" {
		text += ", the app needs the scope " + said.Needed
	}
	if len(said.Errors) > 0 {
		text += " (" + strings.Join(said.Errors, "; ") + ")"
	}
	e := &slackError{said.Error, store.Redact(text, token)}
	switch said.Error {
	case "ratelimited", "rate_limited", "message_limit_exceeded":
		return limited(e, 30*time.Second)
	case "invalid_blocks", "invalid_blocks_format", "msg_too_long", "msg_blocks_too_long", "no_text", "invalid_arguments", "invalid_json", "json_not_object",
		"metadata_too_large", "invalid_metadata_format", "invalid_metadata_schema":
		return fmt.Errorf("%w: %w", e, outbox.ErrPermanent)
	case "internal_error", "fatal_error", "service_unavailable", "request_timeout":
		return unsureError{e}
	}
	return refused(e)
}

// probe implements channel.
func (s slackBot) probe(ctx context.Context) (string, error) {
	said, err := s.ask(ctx, "auth.test", map[string]string{})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("the bot is %s of %s (auth.test); whether it may post to %s is seen with the first message",
		store.Redact(said.User), store.Redact(said.Team), s.Channel), nil
}

// slackHook posts once, to wherever the incoming webhook leads.
type slackHook struct{ hook }

// tell implements channel.
func (s slackHook) tell(ctx context.Context, m *message) error {
	return m.onceEach(ctx, func(int) error {
		return s.post(ctx, map[string]any{"text": slackFallback(m), "blocks": slackBlocks(m, ""), "unfurl_links": false, "unfurl_media": false})
	})
}

// probe implements channel.
func (s slackHook) probe(context.Context) (string, error) { return s.tried("a webhook") }
