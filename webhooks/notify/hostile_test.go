package notify

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"
)

// hostile names, as somebody may call a service or a metric.
func hostile() []string {
	return []string{
		"<!channel>", "<!here|x>", "<@U012AB3CD>", "<#C024BE7LR>", "<https://evil.example|click>", "@everyone", "@octocat", "org/repo#1", "GH-12",
		"<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "![x](https://evil.example/p.png)", "[x](javascript:alert(1))", "[x]: https://evil.example",
		"https://evil.example/x", "www.evil.example", "a@evil.example", "```\ncode", "`<!channel>`", "| a | b |", "-->", "<!-- serin x -->", "\r\nBcc: a@b", "\u202eabc", ":tada:",
		"$(rm)", "{{.}}", "***", "# head", "> quote", "\\<b>", "&lt;b&gt;", "~~x~~", "$\\sqrt{3}$", strings.Repeat("<!channel>", 2000), "\xff\xfe", "",
	}
}

func hostileMessage(name string) *message {
	n := example()
	for _, s := range []*string{&n.Service, &n.Revision, &n.Headline, &n.Sentence, &n.Page, &n.Why, &n.Ref} {
		*s = "a " + name + " b"
	}
	n.Over = true
	n.Findings[0].Name, n.Findings[0].Reason, n.Findings[0].Canary = name, name, name
	n.Facts[0].Value = name
	return &message{Notice: n, entry: &entry{}}
}

// markup is what Slack reads as a mention, a channel or a link.
var markup = regexp.MustCompile(`<[^>]*>`)

func TestSlackReadsNoNames(t *testing.T) {
	for _, name := range hostile() {
		m := hostileMessage(name)
		text, err := json.Marshal(slackFallback(m))
		if err != nil || markup.Match(text) {
			t.Errorf("%.60q: the fallback is %s", name, text)
		}
		for _, b := range slackBlocks(m, "") {
			words := append([]slackWords{}, b.Fields...)
			words = append(words, b.Elements...)
			if b.Text != nil {
				words = append(words, *b.Text)
			}
			for _, w := range words {
				if w.Type == "plain_text" {
					continue // nothing is read in it
				}
				left := markup.FindAllString(w.Text, -1)
				for _, l := range left {
					if l != "<"+m.Report+"|Report>" && l != "<"+m.Dashboard+"|Dashboard>" {
						t.Errorf("%.60q: Slack reads %q in %.300q", name, l, w.Text)
					}
				}
				if !w.Verbatim {
					t.Errorf("%.60q: names and links are looked for in %.300q", name, w.Text)
				}
			}
		}
	}
}

// rendered is Markdown as GitHub's dialect has it, with links made of addresses, and HTML
// let through: what is dangerous must not come to be.
func rendered(t testing.TB, text string) string {
	t.Helper()
	md := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe()))
	var b bytes.Buffer
	if err := md.Convert([]byte(text), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// written are the elements that a comment of ours has.
var (
	written  = regexp.MustCompile(`^</?(h3|p|em|strong|blockquote|table|thead|tbody|tr|th|td|sub|br)( style="text-align:right")?>$`)
	elements = regexp.MustCompile(`<[^>]*>`)
	called   = regexp.MustCompile(`@[A-Za-z0-9]|[A-Za-z0-9_./-]#[0-9]|(^|[^A-Za-z])#[0-9]|GH-[0-9]`)
)

func checkComment(t testing.TB, name string, m *message) {
	t.Helper()
	body := gitBody(m)
	out := rendered(t, body)
	for _, e := range elements.FindAllString(out, -1) {
		ours := e == gitMark(m) || e == `<a href="`+m.Report+`">` || e == `<a href="`+m.Dashboard+`">` || e == "</a>"
		if !ours && !written.MatchString(e) {
			t.Errorf("%.60q: the comment has %q: %.1500s", name, e, out)
		}
	}
	if c := called.FindString(out); c != "" {
		t.Errorf("%.60q: the comment calls %q: %.1500s", name, c, out)
	}
	if strings.Contains(out, "@evil") || !strings.HasPrefix(body, gitMark(m)) {
		t.Errorf("%.60q: the comment is %.1500s", name, body)
	}
}

func TestGitHubReadsNoNames(t *testing.T) {
	for _, name := range hostile() {
		checkComment(t, name, hostileMessage(name))
	}
}

func FuzzGitHubReadsNoNames(f *testing.F) {
	for _, name := range hostile() {
		if utf8.ValidString(name) && len(name) < 200 {
			f.Add(name)
		}
	}
	f.Fuzz(func(t *testing.T, name string) {
		// What composes a notice has made one printable line of every name.
		checkComment(t, name, hostileMessage(plainly(name)))
	})
}

// plainly is what becomes of a name before it is in a notice.
func plainly(name string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return ' '
		}
		return r
	}, name)), " ")
}

func TestTeamsReadsNoNames(t *testing.T) {
	for _, name := range hostile() {
		card, err := teamsCard(hostileMessage(name))
		if err != nil {
			t.Fatal(err)
		}
		text, err := encode(card)
		if err != nil || len(text) > 28<<10 || bytes.Contains(text, []byte(`"TextBlock"`)) || bytes.Contains(text, []byte(`"msteams"`)) {
			t.Errorf("%.60q: got %d bytes, %v: %.500s", name, len(text), err, text)
		}
	}
}

func FuzzFit(f *testing.F) {
	f.Add("a&b<c>😀", 5)
	f.Add(strings.Repeat("<", 100), 40)
	f.Fuzz(func(t *testing.T, text string, most int) {
		if most < 8 || most > 5000 {
			return
		}
		for name, escape := range map[string]func(string) string{"slack": slackEscape, "github": gitEscape, "none": asIs} {
			got := fit(text, most, escape)
			if length(got) > most {
				t.Errorf("%s: got %d characters, want at most %d", name, length(got), most)
			}
			if name == "slack" && strings.ContainsAny(got, "<>") {
				t.Errorf("got %q", got)
			}
			if short := escape(text); length(short) <= most && got != short {
				t.Errorf("%s: got %q of a text that fits, want %q", name, got, short)
			}
		}
	})
}
