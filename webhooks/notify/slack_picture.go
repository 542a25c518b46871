package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/journal/outbox"
)

// triesOfPicture is how often a picture that Slack still works on is shown again.
const triesOfPicture = 8

// errSoon is a failure that was expected.
var errSoon = errors.New("Slack still works on the picture")

// illustrate adds the picture of what failed. Slack takes a file in three steps, and works
// on it for a moment after: a block that shows it earlier is refused, and shown again. A
// picture that cannot be had is no reason to say less.
func (s slackBot) illustrate(ctx context.Context, m *message) error {
	done := m.entry.handle("pictureOf") == m.Outcome
	if !m.Final || m.Outcome == judge.Promote.String() || done {
		return nil
	}
	of, file, _ := strings.Cut(m.entry.handle("uploaded"), ":")
	if of != m.Outcome {
		p, err := m.draw(ctx)
		if err == nil && len(p.PNG) == 0 {
			return nil
		}
		if err == nil {
			file, err = s.upload(ctx, m, p)
		}
		if err != nil {
			return s.withoutPicture(ctx, m, err)
		}
		m.entry.set("uploaded", m.Outcome+":"+file)
		if err := m.note(ctx); err != nil {
			return err
		}
	}
	err := s.change(ctx, m, file)
	var e *slackError
	if errors.As(err, &e) && strings.HasPrefix(e.code, "invalid_blocks") {
		tries, _ := strconv.Atoi(m.entry.handle("tries")) // "" is none
		if tries++; tries >= triesOfPicture {
			return s.withoutPicture(ctx, m, err)
		}
		m.entry.set("tries", strconv.Itoa(tries))
		return errors.Join(&outbox.LaterError{Err: fmt.Errorf("%w: %s", errSoon, e.text), After: 3 * time.Second, Refused: true}, m.note(ctx))
	}
	if err != nil {
		return err
	}
	m.entry.set("file", file)
	m.entry.set("pictureOf", m.Outcome)
	return m.note(ctx)
}

// withoutPicture leaves the picture out for good, where trying again is of no use.
func (s slackBot) withoutPicture(ctx context.Context, m *message, why error) error {
	var limit *limitedError
	var unsure unsureError
	if errors.As(why, &limit) || errors.As(why, &unsure) {
		return why
	}
	m.log.Warn("a notice goes without its picture", "target", m.Target, "rollout", m.ID, "error", why)
	m.entry.set("pictureOf", m.Outcome)
	return m.note(ctx)
}

// upload gives Slack a file and returns its ID. It is shared with nobody but through the
// message that shows it. The bot's token goes to the API only.
func (s slackBot) upload(ctx context.Context, m *message, p Picture) (string, error) {
	where, err := s.ask(ctx, "files.getUploadURLExternal", url.Values{
		"filename": {"serin-" + m.ID + ".png"}, "length": {strconv.Itoa(len(p.PNG))}, "alt_txt": {fit(p.Alt, slackAlt/2, asIs)},
	})
	if err != nil {
		return "", err
	}
	if err := checkURL(where.Upload); err != nil || where.File == "" {
		return "", errors.New("Slack named no place for the picture")
	}
	a, err := s.do(ctx, call{method: http.MethodPost, url: where.Upload, body: p.PNG, header: http.Header{"Content-Type": {"application/octet-stream"}}, secrets: []string{where.Upload}})
	if err != nil {
		return "", err
	}
	if err := s.judged(a, where.Upload); err != nil {
		return "", err
	}
	_, err = s.ask(ctx, "files.completeUploadExternal", map[string]any{
		"files": []map[string]string{{"id": where.File, "title": fit("Evidence: "+m.Headline, 200, asIs)}},
	})
	return where.File, err
}
