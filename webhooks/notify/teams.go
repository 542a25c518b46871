package notify

import (
	"context"
	"fmt"
	"strings"

	"github.com/serin-canary/serin/judge/journal/outbox"
	"github.com/serin-canary/serin/queries/store"
)

// teamsMost bounds a card, in bytes: Teams refuses 28 KiB, and counts what Workflows adds.
const teamsMost = 20 << 10

// Teams tells a channel or chat of Microsoft Teams by a Workflows webhook, once at the end.
type Teams struct {
	// URL is where the address of the workflow is: it is a credential.
	URL store.Secret `yaml:"url"`
}

func (t *Teams) check(at string, fault Fault) {
	if err := t.URL.Check(); err != nil {
		fault(at+".url", "%s", err)
	}
}

func (t *Teams) open(o opening) (channel, error) {
	h, err := newHook(t.URL, caller{o.c.Client, o.c.Now})
	return teamsHook{h}, err
}

type teamsHook struct{ hook }

// tell implements channel.
func (t teamsHook) tell(ctx context.Context, m *message) error {
	return m.onceEach(ctx, func(int) error {
		card, err := teamsCard(m)
		if err != nil {
			return err
		}
		return t.post(ctx, card)
	})
}

// probe implements channel.
func (t teamsHook) probe(context.Context) (string, error) { return t.tried("a workflow") }

// element is a part of an adaptive card. Texts are runs of a RichTextBlock, in which no
// markup is read; a TextBlock would read Markdown, links in it too.
type element map[string]any

func run(text string, more element) element {
	r := element{"type": "TextRun", "text": text}
	for k, v := range more {
		r[k] = v
	}
	return r
}

func paragraph(runs ...element) element {
	return element{"type": "RichTextBlock", "inlines": runs}
}

// teamsCard writes the message as a Workflows webhook takes it. Where it is too long,
// findings are left out, the last first.
func teamsCard(m *message) (element, error) {
	for most := len(m.Findings); ; most-- {
		card := element{"type": "message", "attachments": []element{{
			"contentType": "application/vnd.microsoft.card.adaptive", "content": element{
				"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
				"body": teamsBody(m, max(most, 0)), "actions": teamsActions(m),
			},
		}}}
		text, err := encode(card)
		if err != nil || len(text) <= teamsMost {
			return card, err
		}
		if most < 0 {
			return nil, fmt.Errorf("the card has %d bytes, and Teams takes 28 KiB: %w", len(text), outbox.ErrPermanent)
		}
	}
}

func teamsBody(m *message, findings int) []element {
	colour := map[string]string{"good": "Good", "bad": "Attention", "held": "Warning"}[m.Tone]
	if colour == "" {
		colour = "Default"
	}
	body := []element{paragraph(run(fit(strings.TrimSpace(m.Mark+" "+m.Headline), 300, asIs), element{"weight": "Bolder", "size": "Large", "color": colour}))}
	if text := m.text(asIs); text != "" {
		return append(body, paragraph(run(text, nil)))
	}
	body = append(body, paragraph(run(fit(m.Sentence, 3000, asIs), nil)))
	if m.Page != "" {
		body = append(body, paragraph(run("A person must look now: ", element{"weight": "Bolder"}), run(fit(m.Page, 1000, asIs), nil)))
	}
	for _, f := range m.Findings[:findings] {
		line := ": " + f.words()
		body = append(body, paragraph(run(strings.TrimSpace(f.Mark+" "+fit(f.Name, 200, asIs)), element{"weight": "Bolder"}), run(line, nil)))
	}
	var facts []element
	for i, f := range m.Facts {
		if i > 0 {
			facts = append(facts, run("  ·  ", element{"isSubtle": true}))
		}
		facts = append(facts, run(f.Name+": "+fit(f.Value, 200, asIs), element{"isSubtle": true, "size": "Small"}))
	}
	if m.Over {
		facts = append(facts, run("  ·  over: "+fit(m.Why, 300, asIs), element{"isSubtle": true, "size": "Small"}))
	}
	return append(body, paragraph(facts...))
}

func teamsActions(m *message) []element {
	out := []element{}
	for _, l := range m.links() {
		out = append(out, element{"type": "Action.OpenUrl", "title": l.Name, "url": l.Value})
	}
	return out
}
