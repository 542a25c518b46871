package notify

import (
	"strings"
)

// The bounds of Slack's blocks, in characters.
const (
	slackHeader  = 150
	slackSection = 3000
	slackField   = 2000
	slackAlt     = 2000
	slackText    = 4000 // of the whole message's text, as is recommended
)

// slackBlock is a block of a message.
type slackBlock struct {
	Type     string       `json:"type"`
	Text     *slackWords  `json:"text,omitempty"`
	Fields   []slackWords `json:"fields,omitempty"`
	Elements []slackWords `json:"elements,omitempty"`
	File     *slackFile   `json:"slack_file,omitempty"`
	Alt      string       `json:"alt_text,omitempty"`
}

type slackFile struct {
	ID string `json:"id"`
}

// slackWords is a text object. Verbatim mrkdwn is not searched for names and links.
type slackWords struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Verbatim bool   `json:"verbatim,omitempty"`
	Emoji    *bool  `json:"emoji,omitempty"`
}

// slackPlain is text without any markup.
func slackPlain(text string, most int) *slackWords {
	no := false // :name: stays what it is
	return &slackWords{Type: "plain_text", Text: fit(text, most, asIs), Emoji: &no}
}

// slackMarkup is text with Slack's markup, its foreign parts escaped already.
func slackMarkup(text string, most int) slackWords {
	return slackWords{Type: "mrkdwn", Text: cutMarkup(text, most), Verbatim: true}
}

// cutMarkup cuts at a line, so that no markup is cut in two.
func cutMarkup(text string, most int) string {
	for length(text) > most {
		at := strings.LastIndexByte(text, '\n')
		if at < 0 {
			r := []rune(text)
			text = string(r[:min(len(r), most/2)])
			break
		}
		text = text[:at]
	}
	return text
}

// slackEscape takes the meaning out of the three characters that Slack reads: mentions,
// channels and links begin with <.
func slackEscape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

// slackFallback is what phones and screen readers show.
func slackFallback(m *message) string {
	return fit(m.Headline+". "+m.brief(), slackText/4, slackEscape)
}

// slackBlocks writes the message. What others named is in plain text, or escaped; file is
// the ID of the picture, or "".
func slackBlocks(m *message, file string) []slackBlock {
	mark := ""
	if m.Mark != "" {
		mark = m.Mark + " "
	}
	out := []slackBlock{{Type: "header", Text: slackPlain(mark+m.Headline, slackHeader)}}
	section := func(w slackWords) { out = append(out, slackBlock{Type: "section", Text: &w}) }
	if text := m.text(slackEscape); text != "" {
		section(slackMarkup(text, slackSection))
	} else {
		section(*slackPlain(m.Sentence, slackSection))
		if m.Page != "" {
			section(slackMarkup("*A person must look now:* "+fit(m.Page, slackSection/2, slackEscape), slackSection))
		}
		if lines := slackFindings(m); lines != "" {
			section(slackMarkup(lines, slackSection))
		}
		out = append(out, slackBlock{Type: "section", Fields: slackFields(m)})
	}
	if file != "" {
		out = append(out, slackBlock{Type: "image", File: &slackFile{file}, Alt: fit("How the evidence against "+m.Service+", revision "+m.Revision+", came to be", slackAlt, asIs)})
	}
	return append(out, slackBlock{Type: "context", Elements: []slackWords{slackMarkup(slackFoot(m), slackField)}})
}

func slackFindings(m *message) string {
	var lines []string
	for _, f := range m.Findings {
		line := "*" + fit(f.Name, 100, slackEscape) + "*: " + slackEscape(f.words())
		if f.Mark != "" {
			line = f.Mark + " " + line
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func slackFields(m *message) []slackWords {
	var out []slackWords
	for _, f := range m.Facts {
		out = append(out, slackMarkup("*"+f.Name+"*\n"+fit(f.Value, 300, slackEscape), slackField))
	}
	return out
}

// slackFoot says how it stands, with links.
func slackFoot(m *message) string {
	var parts []string
	for _, l := range m.links() {
		parts = append(parts, "<"+slackEscape(l.Value)+"|"+l.Name+">")
	}
	if m.Over {
		parts = append(parts, "over since "+m.Ended.Format("2006-01-02 15:04 MST")+": "+fit(m.Why, 300, slackEscape))
	} else {
		parts = append(parts, "as of "+m.At.Format("2006-01-02 15:04 MST"))
	}
	return strings.Join(parts, "  ·  ")
}

// links are a message's links that can be written: ours, by a name.
func (n Notice) links() []Fact {
	var out []Fact
	for _, l := range []Fact{{"Report", n.Report}, {"Dashboard", n.Dashboard}} {
		if strings.HasPrefix(l.Value, "http") && !strings.ContainsAny(l.Value, "<>|\" \t\r\n") {
			out = append(out, l)
		}
	}
	return out
}
