package demo

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	cdp "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestPagesInABrowser looks at the pages of a recorded run of the demo as people do, in
// Chromium. With SERIN_PAGES, a folder, it leaves pictures there.
func TestPagesInABrowser(t *testing.T) {
	if os.Getenv("SERIN_E2E") == "" {
		t.Skip("drives a browser for half a minute; set SERIN_E2E=1 to run it")
	}
	hasBrowser(t)
	t.Parallel()
	r := newRecording(t)
	r.history()
	judged := r.executions()
	b := newBrowser(t)
	b.axe = axe(t)
	b.list(r.url)
	b.report(r.url, recordedHealthy, "promoted")
	b.report(r.url, recordedFailing, "report")
	b.values()
	b.page(r.url+"/s/demo/checkout", "service")
	b.page(r.url+"/k/"+judged, "judges")
	b.page(r.url+"/k", "executions")
	b.page(r.url+"/r/aaaaaaaaaaaaaaaa", "failure")
	b.live(r)
	b.hostile(r)
	b.complaints()
	t.Run("accessible", func(t *testing.T) {
		if b.axe == "" {
			t.Skip("!!! npm cannot be reached: NO PAGE IS HELD AGAINST AXE !!!")
		}
		t.Logf("%d pages held against %s", b.held, axePackage)
	})
}

// hasBrowser skips where there is no Chromium, unless tools are required.
func hasBrowser(t *testing.T) {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if _, err := exec.LookPath(name); err == nil {
			return
		}
	}
	if os.Getenv("SERIN_REQUIRE_TOOLS") != "" {
		t.Fatal("there is no Chromium; install Debian's package chromium")
	}
	t.Skip("there is no Chromium")
}

// browser is Chromium, and what it complained about.
type browser struct {
	t    *testing.T
	ctx  context.Context
	dir  string // for pictures; empty: none are left
	axe  string // the script; empty: there is none
	held int    // pages that axe was asked about
	mu   sync.Mutex
	said []string
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.WindowSize(1100, 900), chromedp.WSURLReadTimeout(2*time.Minute))
	alloc, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, dir: os.Getenv("SERIN_PAGES")}
	chromedp.ListenTarget(ctx, func(e any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch e := e.(type) {
		case *runtime.EventExceptionThrown:
			b.said = append(b.said, e.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			b.said = append(b.said, fmt.Sprintf("%s: %v", e.Type, e.Args))
		case *cdp.EventJavascriptDialogOpening:
			b.said = append(b.said, "a dialog: "+e.Message)
		case *log.EventEntryAdded:
			if strings.HasSuffix(e.Entry.URL, "/r/aaaaaaaaaaaaaaaa") {
				return // it is asked for, and is not there
			}
			b.said = append(b.said, e.Entry.Text+" "+e.Entry.URL)
		}
	})
	if err := chromedp.Run(ctx, log.Enable()); err != nil { // the browser lives as long as the context of its first call
		t.Fatalf("the browser does not start: %v", err)
	}
	return b
}

// do runs actions, in bounded time.
func (b *browser) do(actions ...chromedp.Action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 2*time.Minute)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		b.t.Fatalf("the browser: %v", err)
	}
}

// is checks an expression of JavaScript.
func (b *browser) is(what, expression string) {
	b.t.Helper()
	var yes bool
	b.do(chromedp.Evaluate(expression, &yes))
	if !yes {
		b.t.Errorf("%s: %s is not so", what, expression)
	}
}

// await waits until an expression is true. A page that is being left has no answer.
func (b *browser) await(expression string) {
	b.t.Helper()
	deadline := time.After(2 * time.Minute)
	for {
		var yes bool
		if err := chromedp.Run(b.ctx, chromedp.Evaluate(expression, &yes)); err == nil && yes {
			return
		}
		select {
		case <-deadline:
			b.t.Fatalf("the browser: %s did not become so", expression)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// picture leaves a picture of the whole page.
func (b *browser) picture(name string) {
	b.t.Helper()
	var png []byte
	b.do(chromedp.FullScreenshot(&png, 100))
	if b.dir == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(b.dir, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// complaints are what the browser said that nobody asked it for.
func (b *browser) complaints() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.said {
		b.t.Errorf("the browser complains: %s", s)
	}
}

// list opens the list, narrows it, turns its pages, and goes from it to a report.
func (b *browser) list(url string) {
	b.t.Helper()
	const rows = `document.querySelectorAll("table.rollouts tbody tr").length`
	b.do(chromedp.Navigate(url+"/"), chromedp.WaitVisible("table.rollouts"))
	b.is("list", rows+` === 38`)
	b.looks("list")
	b.do(chromedp.SetValue(`select[name=outcome]`, "rollback"), chromedp.SetValue(`input[name=service]`, "payments"), chromedp.Submit("form.filter"))
	b.await(`location.search.includes("rollback") && document.readyState === "complete"`)
	b.is("narrowed list", rows+` < 38 && [...document.querySelectorAll("table.rollouts .outcome")].every(o => o.innerText === "rollback")`)
	b.do(chromedp.Click("table.rollouts td a"), chromedp.WaitVisible("section.verdict"))
	b.is("report of the narrowed list", `document.querySelector("h1").innerText.startsWith("Rollback payments")`)
}

// page looks at a page in every way.
func (b *browser) page(url, name string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url), chromedp.WaitVisible("main h1"))
	b.looks(name)
}

// looks looks at the page that is open: light and dark, narrow and wide.
func (b *browser) looks(name string) {
	b.t.Helper()
	b.picture(name)
	b.accessible(name)
	if slices.Contains([]string{"list", "report", "service", "judges"}, name) {
		b.golden(name)
	}
	b.do(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}))
	b.drawn()
	b.is(name+", dark", `getComputedStyle(document.body).backgroundColor === "rgb(21, 23, 26)"`)
	b.picture(name + "-dark")
	b.accessible(name + ", dark")
	if name == "report" {
		b.golden(name + "-dark")
	}
	b.do(emulation.SetEmulatedMedia(), chromedp.EmulateViewport(360, 740))
	b.drawn()
	b.await(`document.documentElement.scrollWidth <= 360`)
	b.picture(name + "-narrow")
	b.do(chromedp.EmulateViewport(1100, 900))
	b.drawn()
}

// drawn waits until the plots are as wide as the page is now, and in its colours.
func (b *browser) drawn() {
	b.t.Helper()
	b.await(`(() => {
		const f = [...document.querySelectorAll("figure[data-plot]")];
		const hue = getComputedStyle(document.documentElement).getPropertyValue("--canary").trim();
		return f.every(x => x.dataset.drawn === Math.round(x.clientWidth) + hue);
	})()`)
}

// report looks at a rollout's page in every way.
func (b *browser) report(url, id, name string) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(1100, 1250), chromedp.Navigate(url+"/r/"+id), chromedp.WaitVisible("section.verdict"))
	b.drawn()
	b.is(name, `document.querySelectorAll("svg.plot path").length > 20`)
	b.is(name, `[...document.querySelectorAll("svg.plot path")].some(p => getComputedStyle(p).stroke === getComputedStyle(document.querySelector("dd.canary")).color)`)
	b.looks(name)
	b.do(emulation.SetScriptExecutionDisabled(true), chromedp.Reload(), chromedp.WaitVisible("section.verdict"))
	b.is(name+", without scripts", `!document.querySelector(".chart") && document.querySelector("figure svg.plot").getBoundingClientRect().height > 50`)
	b.picture(name + "-without-scripts")
	b.print(name)
	b.do(emulation.SetScriptExecutionDisabled(false), chromedp.Reload(), chromedp.WaitVisible("section.verdict"))
	b.drawn()
	b.print(name)
}

// print prints on A4.
func (b *browser) print(name string) {
	b.t.Helper()
	var pdf []byte
	b.do(chromedp.ActionFunc(func(ctx context.Context) (err error) {
		pdf, _, err = cdp.PrintToPDF().WithPreferCSSPageSize(true).WithPrintBackground(true).Do(ctx)
		return err
	}))
	if n := strings.Count(string(pdf), "/Type /Page\n"); n != 1 {
		b.t.Errorf("%s: got %d pages on paper, want 1", name, n)
	}
	b.do(emulation.SetEmulatedMedia().WithMedia("print"), chromedp.EmulateViewport(718, 1047)) // A4 without margins, at 96 dpi
	b.is(name+", printed", `[...document.querySelectorAll("figure svg.plot")].some(p => p.getBoundingClientRect().height > 20) && ![...document.querySelectorAll(".chart")].some(c => c.getBoundingClientRect().height > 0)`)
	b.picture(name + "-print")
	b.do(emulation.SetEmulatedMedia(), chromedp.EmulateViewport(1100, 900))
}

// values reads values off a plot of the report that is open: by the arrow keys, and by
// pointing at it.
func (b *browser) values() {
	b.t.Helper()
	const said = `document.querySelector("figure[data-plot] .said").textContent`
	b.is("at rest", said+` === "Canary over baseline, so far"`)
	b.do(chromedp.Focus(".chart"), chromedp.SendKeys(".chart", kb.ArrowLeft))
	b.is("by the keyboard", `/^03:34:\d\d: canary [\d.]+ %, baseline [\d.]+ %, /.test(`+said+`)`)
	b.do(chromedp.Evaluate(`document.activeElement.blur()`, nil))
	b.is("left", said+` === "Canary over baseline, so far"`)
	var at []float64
	b.do(chromedp.ScrollIntoView(".chart"), chromedp.Evaluate(`(() => { const r = document.querySelector(".chart .u-over").getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2]; })()`, &at))
	b.do(chromedp.MouseEvent(input.MouseMoved, at[0], at[1]))
	b.await(said + `.includes(": canary ")`)
	b.picture("report-pointed-at")
}

// live opens a rollout's page, has a look recorded, and waits for the page to say so; then
// a person decides by its form, and in the end the page says that it has heard nothing.
func (b *browser) live(r *recording) {
	b.t.Helper()
	roll := r.announce(recordedHealthy, "later", recordedNow().Add(-2*time.Minute))
	b.do(chromedp.Navigate(r.url+"/r/"+roll.ID), chromedp.WaitVisible("section.verdict"))
	b.is("before the first look", `document.querySelector("h1").innerText.startsWith("Announced")`)
	r.look(roll, recordedHealthy, nil)
	b.await(`!document.querySelector("h1").innerText.startsWith("Announced")`)
	b.do(chromedp.SetValue("#action", "hold"), chromedp.SendKeys("#reason", "the pager rang"), chromedp.Click("form[method=post] button"))
	b.await(`document.body.innerText.includes("because: the pager rang")`)
	b.looks("live")
	// To the page, a minute goes by each time that it asks for the time.
	b.do(chromedp.Evaluate(`(() => { const now = Date.now; let minutes = 0; Date.now = () => now() + 60000 * minutes++; })()`, nil))
	b.await(`document.querySelector("#live.stale")?.textContent.startsWith("NOT UP TO DATE: nothing heard for ")`)
}

// hostile opens the pages of a rollout whose every text is an attack.
func (b *browser) hostile(r *recording) {
	b.t.Helper()
	id := r.hostile()
	for name, at := range map[string]string{"hostile-list": "/", "hostile-report": "/r/" + id} {
		b.do(chromedp.Navigate(r.url+at), chromedp.WaitVisible("main h1"))
		b.is(name, `document.querySelectorAll("img[src=x], main script, main b, main i").length === 0`)
		b.is(name, `document.body.textContent.includes("<img src=x onerror=alert(1)>")`)
		b.is(name, `!/[\u202a-\u202e\u2066-\u2069\u001b]/.test(document.documentElement.outerHTML)`)
		b.is(name+", not too wide", `document.documentElement.scrollWidth <= 1100`)
		b.accessible(name)
		b.picture(name)
	}
}
