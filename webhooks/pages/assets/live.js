// Keeps a page that changes up to date, and says so when it cannot.
(() => {
  "use strict";
  const stream = document.body.dataset.live;
  const state = document.getElementById("live");
  if (!stream || !state || !window.EventSource) return;

  let told = Date.now(); // when the server last spoke
  let busy = false, again = false;

  const say = (text, stale) => {
    if (state.textContent === text) return;
    state.textContent = text;
    state.className = stale ? "stale" : "";
  };

  // What is open stays open, and the keyboard stays where it is.
  const remember = (root) => [...root.querySelectorAll("details")].map((d) => d.open);

  async function refresh() {
    if (busy) { again = true; return; }
    const form = document.querySelector("form[method=post]");
    if (form && form.contains(document.activeElement)) { // somebody writes
      setTimeout(refresh, 5000);
      return;
    }
    busy = true;
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      if (!answer.ok) throw new Error(answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const now = document.getElementById("main"), next = page.getElementById("main");
      const open = remember(now);
      next.querySelectorAll("details").forEach((d, i) => { d.open = !!open[i]; });
      now.replaceWith(next);
      document.dispatchEvent(new Event("serin:replaced")); // the plots are drawn anew
      document.title = page.title;
      say(page.getElementById("live").textContent, false);
      if (!page.body.dataset.live) source.close();
    } catch {
      say("NOT UP TO DATE: the server did not answer", true);
    } finally {
      busy = false;
      if (again) { again = false; refresh(); }
    }
  }

  const source = new EventSource(stream);
  source.addEventListener("changed", () => { told = Date.now(); refresh(); });
  source.addEventListener("still", () => { told = Date.now(); });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) say("NOT UP TO DATE: the server tells nothing any more; load the page again", true);
  });
  setInterval(() => {
    const silent = Math.round((Date.now() - told) / 1000);
    if (source.readyState !== EventSource.CLOSED && silent > 45) say(`NOT UP TO DATE: nothing heard for ${silent} s`, true);
  }, 5000);
})();
