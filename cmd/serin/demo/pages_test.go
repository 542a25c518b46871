package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	cdp "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
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
	b.list(r.url)
	for id, name := range map[string]string{recordedHealthy: "promoted", recordedFailing: "rolled-back"} {
		b.report(r.url, id, name)
	}
	b.page(r.url+"/s/demo/payments", "service")
	b.page(r.url+"/k/"+judged, "judges")
	b.page(r.url+"/k", "executions")
	b.complaints()
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
	told bool   // the rollouts ended as they should
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
		case *log.EventEntryAdded:
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
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
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
	deadline := time.After(time.Minute)
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
	b.do(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}))
	b.is(name+", dark", `getComputedStyle(document.body).backgroundColor === "rgb(21, 23, 26)"`)
	b.picture(name + "-dark")
	b.do(emulation.SetEmulatedMedia(), chromedp.EmulateViewport(360, 740))
	b.await(`document.documentElement.scrollWidth <= 360`)
	b.picture(name + "-narrow")
	b.do(chromedp.EmulateViewport(1100, 900))
}

// report looks at a rollout's page in every way.
func (b *browser) report(url, id, name string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url+"/r/"+id), chromedp.WaitVisible("section.verdict"))
	b.is(name, `document.querySelectorAll("svg.plot path").length > 20`)
	b.is(name, `[...document.querySelectorAll("svg.plot path")].some(p => getComputedStyle(p).stroke === getComputedStyle(document.querySelector("dd.canary")).color)`)
	b.picture(name)
	b.do(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}))
	b.is(name+", dark", `getComputedStyle(document.body).backgroundColor === "rgb(21, 23, 26)"`)
	b.picture(name + "-dark")
	b.do(emulation.SetEmulatedMedia(), chromedp.EmulateViewport(360, 740))
	b.await(`document.documentElement.scrollWidth <= 360`)
	b.picture(name + "-narrow")
	b.do(chromedp.EmulateViewport(1100, 900), emulation.SetScriptExecutionDisabled(true), chromedp.Reload())
	b.picture(name + "-without-scripts")
	b.do(emulation.SetScriptExecutionDisabled(false), chromedp.Reload())
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
	if n := strings.Count(string(pdf), "/Type /Page\n"); b.told && n != 1 { // a slow machine has more to say
		b.t.Errorf("%s: got %d pages on paper, want 1", name, n)
	}
	b.do(emulation.SetEmulatedMedia().WithMedia("print"), chromedp.EmulateViewport(718, 1047)) // A4 without margins, at 96 dpi
	b.picture(name + "-print")
	b.do(emulation.SetEmulatedMedia(), chromedp.EmulateViewport(1100, 900))
}

// live opens a rollout's page, has it looked at, and waits for the page to say so; then a
// person decides by its form.
func (b *browser) live(url string) {
	b.t.Helper()
	id := b.post(url+"/v1/rollouts", `{"service": "checkout", "namespace": "demo", "revision": "later", "plan": "checkout"}`)
	b.do(chromedp.Navigate(url+"/r/"+id), chromedp.WaitVisible("section.verdict"))
	b.is("before the first look", `document.querySelector("h1").innerText.startsWith("Announced")`)
	b.post(url+"/v1/rollouts/"+id+"/judge", "")
	b.await(`!document.querySelector("h1").innerText.startsWith("Announced")`)
	b.do(chromedp.SetValue("#action", "hold"), chromedp.SendKeys("#reason", "the pager rang"), chromedp.Click("form[method=post] button"))
	b.await(`document.body.innerText.includes("because: the pager rang")`)
	b.picture("live")
}

// post calls the API, and returns the ID of the rollout that it speaks of.
func (b *browser) post(url, body string) string {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil || a.StatusCode/100 != 2 {
		b.t.Fatalf("POST %s: %s %s (%v)", url, a.Status, text, err)
	}
	var is struct {
		Rollout struct{ ID string }
	}
	if err := json.Unmarshal(text, &is); err != nil {
		b.t.Fatal(err)
	}
	return is.Rollout.ID
}
