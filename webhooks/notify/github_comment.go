package notify

import (
	"fmt"
	"strings"
)

// gitMark is the hidden beginning of a rollout's comment, by which it is found again.
func gitMark(m *message) string { return fmt.Sprintf("<!-- serin %s %s -->", m.ID, m.Target) }

// gitEscape takes the meaning of Markdown, HTML and mentions out of a text: it speaks of
// services and metrics, whose names nobody chose for that. References to issues (#1, GH-1)
// and commits are broken, too.
func gitEscape(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch r {
		case '\\', '`', '*', '_', '[', ']', '(', ')', '<', '>', '|', '~', '!', '&', '{', '}', '$':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '@', '#':
			b.WriteRune(r)
			b.WriteRune('\u2060') // a word joiner: nobody and nothing is called
		case ':': // no address becomes a link by itself, and no :name: a picture
			b.WriteString(":\u2060")
		case '\r', '\n':
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	out := strings.ReplaceAll(b.String(), "www.", "www\u2060.")
	return strings.ReplaceAll(out, "GH-", "GH\u2060-")
}

// gitBody writes the comment.
func gitBody(m *message) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("%s", gitMark(m))
	say("### %s\n", strings.TrimSpace(m.Mark+" "+fit(m.Headline, 300, gitEscape)))
	if text := m.text(gitEscape); text != "" {
		say("%s\n", text)
	} else {
		gitText(m, say)
	}
	var foot []string
	for _, l := range m.links() {
		foot = append(foot, "["+l.Name+"]("+strings.NewReplacer("(", "%28", ")", "%29").Replace(l.Value)+")")
	}
	if m.Over {
		foot = append(foot, "over since "+m.Ended.Format("2006-01-02 15:04 MST")+": "+fit(m.Why, 300, gitEscape))
	} else {
		foot = append(foot, "as of "+m.At.Format("2006-01-02 15:04 MST"))
	}
	say("<sub>%s</sub>", strings.Join(foot, " · "))
	return cutMarkup(b.String(), gitComment)
}

// gitText is the comment where there is no template.
func gitText(m *message, say func(format string, args ...any)) {
	say("%s\n", fit(m.Sentence, 2000, gitEscape))
	if m.Page != "" {
		say("> **A person must look now.** %s\n", fit(m.Page, 1000, gitEscape))
	}
	if len(m.Findings) > 0 {
		say("| | Finding | | Canary | Baseline | Canary ÷ baseline | Evidence of harm |")
		say("|---|---|---|--:|--:|--:|--:|")
		for _, f := range m.Findings {
			e := func(text string) string { return fit(text, 200, gitEscape) }
			say("| %s | **%s** | %s | %s | %s | %s | %s |", f.Mark, e(f.Name), e(f.Class), e(f.Canary), e(f.Baseline), e(f.Ratio), e(f.Odds))
		}
		say("")
	}
	facts := make([]string, len(m.Facts))
	for i, f := range m.Facts {
		facts[i] = f.Name + ": " + fit(f.Value, 200, gitEscape)
	}
	say("%s\n", strings.Join(facts, " · "))
}
