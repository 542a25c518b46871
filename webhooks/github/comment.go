package github

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/serin-canary/serin/webhooks/reply"
)

// maxComment bounds a comment. GitHub's bound is in characters; in bytes it holds
// whatever a character is.
const maxComment = 1024

// headline is an answer in two or three words.
func headline(a reply.Answer) string {
	head := map[bool]string{true: "approved", false: "rejected"}[a.Yes]
	switch {
	case a.Fallback:
		head += ", undecided"
	case a.Outcome != "":
		head += ": " + a.Outcome
	}
	return head
}

// comment writes Markdown of at most [maxComment] bytes. The reason is what is cut.
func comment(head, reason, link string) string {
	head = "**Serin: " + escape(plain(head, 100)) + "**"
	tail := ""
	if strings.HasPrefix(link, "http") && len(link) < maxComment/2 && !strings.ContainsAny(link, "<> \n\r\t") {
		tail = "\n\n<" + link + ">"
	}
	body := escape(plain(reason, maxComment))
	if body == "" {
		return head + tail
	}
	const between = "\n\n"
	return head + between + cut(body, maxComment-len(head)-len(between)-len(tail)) + tail
}

// escape takes the meaning of Markdown and of mentions out of a text: it speaks of
// services and metrics, whose names nobody chose for that.
func escape(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch r {
		case '\\', '`', '*', '_', '[', ']', '<', '>', '#', '|', '~', '!', '&':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '@':
			b.WriteString("@\u2060") // a word joiner: nobody is called
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// plain brings a text into one line of at most max bytes.
func plain(text string, max int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	return cut(strings.Join(strings.Fields(text), " "), max)
}

// cut shortens a text to at most max bytes, between characters, and never leaves half
// of an escape behind.
func cut(text string, max int) string {
	if len(text) <= max {
		return text
	}
	const more = "…"
	end := max - len(more)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	text = text[:end]
	if n := len(text) - len(strings.TrimRight(text, `\`)); n%2 == 1 {
		text = text[:len(text)-1]
	}
	return text + more
}
