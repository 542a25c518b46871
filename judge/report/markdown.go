package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/serin-canary/serin/judge"
)

// Markdown writes the report for a comment or a page, in GitHub's dialect. What
// comes from outside is escaped: it makes no table, link, mention or HTML.
func Markdown(w io.Writer, v judge.Verdict) error { return markdown(w, v, answers(v)) }

// OverMarkdown writes what [Markdown] writes of a rollout that is over: it asks what was to be
// done, and not what is.
func OverMarkdown(w io.Writer, v judge.Verdict) error { return markdown(w, v, past(answers(v))) }

func markdown(w io.Writer, v judge.Verdict, asked []answer) error {
	var b strings.Builder
	word := word(v)
	fmt.Fprintf(&b, "## %s: %s\n\n", strings.ToUpper(word[:1])+word[1:], md(subject(v)))
	if q := qualifiers(v); len(q) > 0 {
		fmt.Fprintf(&b, "**%s.** ", md(strings.Join(q, ", ")))
	}
	fmt.Fprintf(&b, "%s\n\n", mdStart(sentence(v)))
	if v.Page != "" {
		fmt.Fprintf(&b, "> **A person must look now:** %s\n\n", md(v.Page))
	}
	if shadow(v) {
		b.WriteString("> Shadow mode: this is recorded and drawn; nothing is blocked or rolled back.\n\n")
	}
	for _, a := range asked {
		fmt.Fprintf(&b, "- %s **%s**", md(a.question), yesNo(a.yes))
		if a.reason != "" {
			fmt.Fprintf(&b, ": %s", md(a.reason))
		}
		b.WriteString("\n")
	}
	markdownFindings(&b, v)
	b.WriteString("\n### What it rests on\n\n")
	for _, s := range progress(v) {
		fmt.Fprintf(&b, "- %s\n", mdStart(s))
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("report: write: %w", err)
	}
	return nil
}

func markdownFindings(b *strings.Builder, v judge.Verdict) {
	if len(v.Findings) == 0 {
		b.WriteString("\nThere are no findings.\n")
		return
	}
	rows, show := rowsOf(v.Findings)
	b.WriteString("\n### Findings\n\n")
	head, rule := "| |", "|---|"
	for c, h := range headings() {
		if !show[c] {
			continue
		}
		head += " " + h + " |"
		if c == colName || c == colClass || c == colRatio {
			rule += "---|"
		} else {
			rule += "--:|"
		}
	}
	b.WriteString(head + "\n" + rule + "\n")
	for _, r := range rows {
		b.WriteString("| " + r.tone.mark() + " |")
		for c, cell := range r.cells {
			if show[c] {
				b.WriteString(" " + md(cell) + " |")
			}
		}
		b.WriteString("\n")
	}
	if l := legend(v.Findings); l != "" {
		fmt.Fprintf(b, "\n%s.\n", md(strings.ToUpper(l[:1])+l[1:]))
	}
	b.WriteString("\n### Why\n\n")
	for _, f := range v.Findings {
		words := append([]string{class(f.Class)}, roles(f)...)
		fmt.Fprintf(b, "- %s **%s** (%s)", toneOf(f).mark(), md(nameOf(f)), md(strings.Join(words, ", ")))
		if f.Reason != "" {
			fmt.Fprintf(b, ": %s", md(f.Reason))
		}
		if e := evidence(f, v.Threshold); e != "" {
			fmt.Fprintf(b, " — %s", md(e))
		}
		if f.Next != "" {
			fmt.Fprintf(b, "\n  → %s", md(f.Next))
		}
		b.WriteString("\n")
	}
}

// md escapes a text for the inside of a line or of a table's cell.
func md(s string) string {
	var b strings.Builder
	s = clean(s)
	for i, r := range s {
		switch r {
		case ':': // no link
			if strings.HasPrefix(s[i:], "://") {
				b.WriteString("&#58;")
			} else {
				b.WriteByte(':')
			}
		case '.':
			if i >= 3 && strings.EqualFold(s[i-3:i], "www") {
				b.WriteString("&#46;")
			} else {
				b.WriteByte('.')
			}
		case '&':
			b.WriteString("&amp;")
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '@': // no mention
			b.WriteString("&#64;")
		case '\\', '`', '*', '_', '[', ']', '|', '~', '#', '!', '$', '{', '}':
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// mdStart escapes a text that starts a line, where a number or a dash would make a
// list.
func mdStart(s string) string {
	s = md(s)
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	switch {
	case strings.HasPrefix(s, "-"), strings.HasPrefix(s, "+"), strings.HasPrefix(s, "="):
		return "\\" + s
	case digits > 0 && digits < len(s) && (s[digits] == '.' || s[digits] == ')'):
		return s[:digits] + "\\" + s[digits:]
	}
	return s
}
