// Runs live.js with a clock, a stream and a page of its own, and prints what the page said.
const fs = require("fs"), vm = require("vm");
let now = 0, ticks = [], stream, writing = false, away = false, fetches = 0, timers = 0;
const state = { textContent: "as of 03:00:00 UTC; live", className: "" };
const note = { hidden: true };
const form = { querySelector: () => note };
const field = { closest: () => (writing ? form : null), matches: () => writing };
const main = { querySelectorAll: () => [], contains: () => false, replaceWith() {} };
const world = {
  Date: { now: () => now }, Math, Error, Event: class {}, window: { EventSource: 1 }, location: { href: "/" },
  setInterval: (f) => ticks.push(f), setTimeout: () => timers++,
  EventSource: class { constructor() { stream = this; this.on = {}; this.readyState = 1; } addEventListener(n, f) { this.on[n] = f; } close() {} },
  fetch: async () => { fetches++; if (away) throw new Error("away"); return { ok: true, text: async () => "" }; },
  DOMParser: class { parseFromString() { return { title: "", body: { dataset: { live: "/events" } }, getElementById: (id) => (id === "main" ? main : { textContent: `as of page ${fetches}; live`, className: "" }) }; } },
  document: { body: { dataset: { live: "/events" } }, activeElement: field, dispatchEvent() {}, getElementById: (id) => (id === "main" ? main : state), querySelectorAll: () => [] },
};
world.EventSource.CLOSED = 2;
vm.runInNewContext(fs.readFileSync(process.argv[2], "utf8"), world);
const settle = () => new Promise((done) => setImmediate(() => setImmediate(done)));
// So many seconds pass, with the given events so often.
const pass = async (seconds, every) => {
  for (let s = 1; s <= seconds; s++) {
    now += 1000;
    for (const [name, pace] of Object.entries(every)) if (s % pace === 0) stream.on[name]();
    if (s % 5 === 0) ticks.forEach((f) => f());
    await settle();
  }
};
const told = (what) => console.log(`${what}: ${state.textContent} [${state.className}] note ${note.hidden ? "hidden" : "shown"}, ${fetches} fetches, ${timers} timers`);
(async () => {
  stream.on.changed(); await settle(); told("opened");
  writing = true;
  await pass(1800, { still: 15, changed: 60 }); told("half an hour in the form");
  writing = false; note.hidden = true;
  await pass(10, {}); told("left the form");
  await pass(60, {}); told("a minute of silence");
  await pass(30, { still: 15 }); told("heartbeats again");
  away = true; stream.on.changed(); await settle(); told("a server that does not answer");
  away = false; await pass(15, { still: 15 }); told("that answers again");
})();
