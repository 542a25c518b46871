// Keeps a page that changes up to date, and says so when it cannot.
(() => {
  "use strict";
  const stream = document.body.dataset.live;
  const state = document.getElementById("live");
  if (!stream || !state || !window.EventSource) return;

  let told = Date.now(); // when the server last spoke
  let shown = state.textContent; // what the page says of its own age
  let busy = false, again = false;
  let behind = false; // something has changed that is not shown
  let lost = false; // something may have

  const say = (text, stale) => {
    if (state.textContent === text) return;
    state.textContent = text;
    state.className = stale ? "stale" : "";
  };

  // Where somebody writes, nothing is replaced; but nobody decides on what is old unawares.
  const written = () => {
    const form = document.activeElement && document.activeElement.closest("main form");
    return form && document.activeElement.matches("input, select, textarea") ? form : null;
  };
  const wait = (form) => {
    behind = true;
    say(`NOT UP TO DATE: changed since, not shown while you write (${shown.replace(/;.*/, "")})`, true);
    const note = form.querySelector(".behind");
    if (note) note.hidden = false;
  };

  // What is open stays open, and the keyboard stays where it is.
  const remember = (root) => [...root.querySelectorAll("details")].map((d) => d.open);
  const places = (root) => [...root.querySelectorAll("a, button, input, select, summary, [tabindex]")];
  const place = (root) => {
    const at = document.activeElement;
    const alike = (e) => e.tagName === at.tagName && e.getAttribute("href") === at.getAttribute("href");
    if (!at || !root.contains(at)) return () => {};
    const nth = places(root).filter(alike).indexOf(at);
    return (next) => { const to = places(next).filter(alike)[nth]; if (to) to.focus({ preventScroll: true }); };
  };

  async function refresh() {
    if (busy) { again = true; return; }
    const form = written();
    if (form) { wait(form); return; } // looked after below
    busy = true;
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      if (!answer.ok) throw new Error(answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const writes = written(); // meanwhile
      if (writes) { wait(writes); return; }
      const now = document.getElementById("main"), next = page.getElementById("main");
      const open = remember(now), back = place(now);
      next.querySelectorAll("details").forEach((d, i) => { d.open = !!open[i]; });
      now.replaceWith(next);
      back(next);
      document.dispatchEvent(new Event("serin:replaced")); // the plots are drawn anew
      document.title = page.title;
      const head = page.getElementById("live");
      shown = head.textContent;
      behind = lost = false;
      say(shown, head.className === "stale");
      if (!page.body.dataset.live) source.close();
    } catch {
      lost = true;
      say("NOT UP TO DATE: the server did not answer", true);
    } finally {
      busy = false;
      if (again) { again = false; refresh(); }
    }
  }

  const source = new EventSource(stream);
  source.addEventListener("changed", () => { told = Date.now(); refresh(); });
  source.addEventListener("still", () => { told = Date.now(); if (lost) refresh(); });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) say("NOT UP TO DATE: the server tells nothing any more; load the page again", true);
  });
  setInterval(() => {
    if (source.readyState === EventSource.CLOSED) return;
    const silent = Math.round((Date.now() - told) / 1000);
    if (silent > 45) {
      lost = true;
      say(`NOT UP TO DATE: nothing heard for ${silent} s`, true);
    } else if (behind && !written()) {
      refresh();
    }
  }, 5000);
})();
