package notify_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"

	"github.com/serin-canary/serin/judge"
	"github.com/serin-canary/serin/judge/rollout"
	"github.com/serin-canary/serin/webhooks/notify"
	"github.com/serin-canary/serin/webhooks/notify/notifytest"
)

// update writes the golden files anew, and with Chromium the pictures of docs.
var update = flag.Bool("update", false, "write the golden files, and the pictures in docs/screens")

// story is a rollback of a checkout, as the pictures show it.
func story(t *testing.T, change func(*notify.Config), targets ...notify.Target) *world {
	w := newWorld(t, change, targets...)
	w.announce(func(r *rollout.Rollout) { r.Revision = "v2" })
	w.work()
	w.look(judge.Continue, nil)
	w.pass(28 * time.Minute)
	w.look(judge.Rollback, func(v *judge.Verdict) {
		weight, latency := 20.0, -0.8
		v.Progress.Weight = &weight
		v.Reason = "of 30,000 requests to the canary 3.9 % failed, of 270,000 to the baseline 0.41 %: 9.5 times as many, where 1.1 times and 0.05 pp are tolerated"
		v.Evidence, *v.Findings[0].Worse = 5.2, 5.2
		v.Findings[0].Effect = &judge.Effect{Canary: 0.039, Baseline: 0.0041, Unit: "ratio", Ratio: 9.5, Blocks: blocks}
		v.Findings[0].Reason = v.Reason
		v.Findings = append(v.Findings, judge.Finding{Name: "latency p99", About: judge.AboutMetric, Class: judge.NotWorse, Required: true, Worse: &latency,
			Reason: "212 ms against 208 ms", Effect: &judge.Effect{Canary: 0.212, Baseline: 0.208, Unit: "s", Ratio: 1.02, Blocks: blocks}})
	})
	w.work()
	w.end("rolled back by the controller")
	w.work()
	return w
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); look at it, then run with -update:\n%s", file, diff)
	}
}

// drawn shows a page as a picture in docs, with -update alone.
func drawn(t *testing.T, name, html string) {
	t.Helper()
	if !*update {
		return
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.WindowSize(760, 600), chromedp.WSURLReadTimeout(2*time.Minute))
	alloc, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	defer cancel()
	ctx, cancel := chromedp.NewContext(alloc)
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, html)
	}))
	defer server.Close()
	var png []byte
	err := chromedp.Run(ctx, chromedp.EmulateViewport(760, 200, chromedp.EmulateScale(1.5)), chromedp.Navigate(server.URL), chromedp.WaitReady("main"), chromedp.FullScreenshot(&png, 100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("..", "..", "docs", "screens", name), png, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestSlackIsDrawn(t *testing.T) {
	f := notifytest.NewSlack(t)
	story(t, nil, slackTarget(t, f))
	got := f.Messages()
	if len(got) != 1 {
		t.Fatalf("got %d messages, want one", len(got))
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(map[string]any{"text": got[0].Text, "blocks": got[0].Blocks, "metadata": got[0].Metadata}); err != nil {
		t.Fatal(err)
	}
	golden(t, "slack.json", b.Bytes())
	drawn(t, "notify-slack.png", slackPage(t, got[0], f))
}

// slackLook is how a message looks about, in Slack; it is drawn here, and Slack has no part in it.
const slackLook = `<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Slack, drawn</title><style>
body{margin:0;background:#fff;font:15px/1.46 "Liberation Sans",Arial,sans-serif;color:#1d1c1d}main{display:flex;gap:10px;padding:18px 22px 14px;max-width:690px}
.face{width:36px;height:36px;border-radius:6px;background:#f2c744;font:700 20px/36px "Liberation Sans";text-align:center;color:#5a4300;flex:none}
.who b{font-weight:900}.who i{font:11px "Liberation Sans";background:#ececec;border-radius:2px;padding:1px 3px;color:#616061;vertical-align:2px}.who span{color:#616061;font-size:12px}
h3{font-size:18px;margin:6px 0 4px}p{margin:4px 0 8px;white-space:pre-line}.fields{display:grid;grid-template-columns:1fr 1fr;gap:6px 16px;margin:6px 0 10px}
.fields div{white-space:pre-line}img{width:100%%;border:1px solid #ddd;border-radius:8px}.context{font-size:12px;color:#616061}a{color:#1264a3;text-decoration:none}.edited{color:#868686;font-size:12px}
.said{background:#f6f6f6;color:#616061;font-size:11px;padding:5px 22px;border-top:1px solid #ddd}</style>
<main><div class="face">S</div><div><div class="who"><b>Serin</b> <i>APP</i> <span>12:00</span></div>%s<span class="edited">(edited)</span></div></main>
<div class="said">A drawing of the blocks in webhooks/notify/testdata/slack.json, not a picture of Slack.</div></html>`

var (
	slackLink = regexp.MustCompile(`&lt;(https?://[^|]*)\|([^&]*)&gt;`)
	slackBold = regexp.MustCompile(`\*([^*\n]+)\*`)
)

// slackWordsOf renders a text object: mrkdwn's bold and links, and nothing else that we use.
func slackWordsOf(w map[string]any) string {
	text, _ := w["text"].(string)
	if w["type"] == "plain_text" {
		return template.HTMLEscapeString(text)
	}
	out := template.HTMLEscapeString(text)
	out = slackLink.ReplaceAllString(out, `<a href="$1">$2</a>`)
	out = strings.NewReplacer("&amp;lt;", "&lt;", "&amp;gt;", "&gt;", "&amp;amp;", "&amp;").Replace(out)
	return slackBold.ReplaceAllString(out, "<b>$1</b>")
}

func slackPage(t *testing.T, m notifytest.SlackMessage, f *notifytest.Slack) string {
	t.Helper()
	var b strings.Builder
	for _, raw := range m.Blocks {
		var k struct {
			Type             string
			Text             map[string]any
			Fields, Elements []map[string]any
			File             *struct{ ID string } `json:"slack_file"`
		}
		if err := json.Unmarshal(raw, &k); err != nil {
			t.Fatal(err)
		}
		switch {
		case k.Type == "header":
			fmt.Fprintf(&b, "<h3>%s</h3>", slackWordsOf(k.Text))
		case k.Type == "section" && len(k.Fields) > 0:
			b.WriteString(`<div class="fields">`)
			for _, w := range k.Fields {
				fmt.Fprintf(&b, "<div>%s</div>", slackWordsOf(w))
			}
			b.WriteString("</div>")
		case k.Type == "section":
			fmt.Fprintf(&b, "<p>%s</p>", slackWordsOf(k.Text))
		case k.Type == "image":
			fmt.Fprintf(&b, `<img alt="" src="data:image/png;base64,%s">`, base64.StdEncoding.EncodeToString(f.File(k.File.ID)))
		case k.Type == "context":
			fmt.Fprintf(&b, `<div class="context">%s</div>`, slackWordsOf(k.Elements[0]))
		}
	}
	return fmt.Sprintf(slackLook, b.String())
}

const gitLook = `<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>GitHub, drawn</title><style>
body{margin:0;background:#fff;font:14px/1.5 "Liberation Sans",Arial,sans-serif;color:#1f2328}main{margin:18px 22px 12px;border:1px solid #d1d9e0;border-radius:6px;max-width:714px}
.head{background:#f6f8fa;border-bottom:1px solid #d1d9e0;padding:8px 16px;color:#59636e;border-radius:6px 6px 0 0}.head b{color:#1f2328}.body{padding:8px 16px 14px}
h3{font-size:1.2em;margin:8px 0}table{border-collapse:collapse;margin:8px 0 14px;font-size:13px}td,th{border:1px solid #d1d9e0;padding:5px 10px}th{background:#f6f8fa}
blockquote{border-left:.25em solid #d1d9e0;color:#59636e;margin:0 0 12px;padding:0 1em}sub{color:#59636e;font-size:12px}a{color:#0969da}
.status{margin:0 22px 14px;border:1px solid #d1d9e0;border-radius:6px;padding:9px 16px;max-width:682px;color:#59636e}.status b{color:#1f2328}.dot{color:#d1242f;font-weight:700}
.said{background:#f6f8fa;color:#59636e;font-size:11px;padding:5px 22px;border-top:1px solid #d1d9e0}</style>
<main><div class="head"><b>serin-bot</b> commented · edited</div><div class="body">%s</div></main>
<div class="status"><span class="dot">✗</span> <b>%s</b> — %s</div>
<div class="said">A drawing of the Markdown in webhooks/notify/testdata/github.md and of the commit status, not a picture of GitHub.</div></html>`

func TestGitHubIsDrawn(t *testing.T) {
	f := notifytest.NewGitHub(t)
	story(t, nil, gitTarget(t, f))
	all, states := f.Comments(), f.Statuses()
	if len(all) != 1 || len(states) == 0 {
		t.Fatalf("got %d comments and %d statuses", len(all), len(states))
	}
	golden(t, "github.md", []byte(all[0].Body))
	var b bytes.Buffer
	if err := goldmark.New(goldmark.WithExtensions(extension.GFM)).Convert([]byte(all[0].Body), &b); err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("<!-- raw HTML omitted -->", "").Replace(b.String())
	last := states[len(states)-1]
	drawn(t, "notify-github.png", fmt.Sprintf(gitLook, text, template.HTMLEscapeString(last.Context), template.HTMLEscapeString(last.Description)))
}

func TestMailIsDrawn(t *testing.T) {
	p := newPost(t, "starttls")
	story(t, func(c *notify.Config) { c.Roots = p.roots }, p.target(t, "starttls"))
	all := p.got()
	if len(all) != 1 {
		t.Fatalf("got %d letters, want one", len(all))
	}
	leaves := leavesOf(t, all[0])
	golden(t, "mail.txt", []byte(strings.ReplaceAll(leaves["text/plain"], "\r\n", "\n")))
	html := strings.ReplaceAll(leaves["text/html"], "\r\n", "\n")
	golden(t, "mail.html", []byte(html))
	html = strings.Replace(html, "cid:evidence.png", "data:image/png;base64,"+strings.Join(strings.Fields(leaves["image/png"]), ""), 1)
	drawn(t, "notify-mail.png", strings.NewReplacer("<body", "<body><main", "</body>", "</main></body>").Replace(html))
}
