// Lets people read values off the plots: by pointing at them, or with the arrow keys.
// Without it, and on paper, the pictures that are in the page stand for themselves.
(() => {
  "use strict";
  if (typeof uPlot === "undefined") return;

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  const clock = (s, span) => {
    const t = new Date(s * 1000).toISOString();
    return span > 48 * 3600 ? t.slice(5, 10) : span <= 180 ? t.slice(11, 19) : t.slice(11, 16);
  };

  // What a plot depends on beside its data. As long as it stays, so does whoever is in it.
  const how = (figure) => Math.round(figure.clientWidth) + colour("canary");

  function draw(figure) {
    const plot = JSON.parse(figure.dataset.plot);
    const picture = figure.querySelector("svg.plot");
    const said = figure.querySelector(".said");
    const width = picture.getBoundingClientRect().width;
    if (!(width > 0)) return;
    const span = plot.x[plot.x.length - 1] - plot.x[0];
    const rest = said.dataset.rest ?? (said.dataset.rest = said.textContent);
    const data = [plot.x];
    const series = [{}];
    const bands = [];
    if (plot.band) {
      bands.push({ series: [1, 2], fill: colour("rule") });
      data.push(plot.band.high, plot.band.low);
      series.push({ width: 0, points: { show: false } }, { width: 0, points: { show: false } });
    }
    for (const line of plot.lines) {
      data.push(line.y);
      series.push({ stroke: colour(line.hue), width: line.hue === "canary" ? 2 : 1.25, dash: line.dashed ? [5, 4] : [], points: { show: false } });
    }
    const axis = { stroke: colour("faint"), grid: { stroke: colour("rule"), width: 0.5 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const chart = new uPlot({
      width, height: Math.max(130, width * 0.27), legend: { show: false }, series, bands, padding: [8, 14, 0, 0],
      cursor: { drag: { x: false, y: false }, y: false, points: { show: false } },
      scales: { x: { time: true }, y: { range: () => [plot.low, plot.high] } },
      axes: [
        { ...axis, size: 28, space: 90, values: (u, ticks) => ticks.map((s) => clock(s, span)) },
        { ...axis, size: 64, splits: () => plot.marks.map((m) => m.y), values: () => plot.marks.map((m) => m.text) },
      ],
      hooks: { setCursor: [(u) => { said.textContent = u.cursor.idx == null ? rest : plot.say[u.cursor.idx]; }] },
    }, data);
    const holder = document.createElement("div");
    holder.className = "chart";
    holder.tabIndex = 0;
    holder.setAttribute("role", "application");
    holder.setAttribute("aria-label", picture.getAttribute("aria-label") + " Use the left and right arrow keys to read values.");
    holder.append(chart.root);
    let at = plot.x.length - 1;
    const point = (to) => {
      at = Math.min(Math.max(to, 0), plot.x.length - 1);
      chart.setCursor({ left: chart.valToPos(plot.x[at], "x"), top: 0 });
      said.textContent = plot.say[at];
    };
    holder.addEventListener("keydown", (e) => {
      const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: plot.x.length - 1 }[e.key];
      if (to === undefined) return;
      e.preventDefault();
      point(to);
    });
    holder.addEventListener("blur", () => { chart.setCursor({ left: -10, top: -10 }); said.textContent = rest; });
    figure.querySelector(".chart")?.remove();
    picture.before(holder);
    figure.classList.add("drawn");
    figure.dataset.drawn = how(figure);
  }

  const all = () => document.querySelectorAll("figure[data-plot]").forEach((f) => {
    if (f.dataset.drawn === how(f)) return;
    f.classList.remove("drawn");
    f.querySelector(".chart")?.remove();
    draw(f);
  });
  let later;
  const soon = () => { clearTimeout(later); later = setTimeout(all, 100); };
  all();
  addEventListener("resize", soon);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", soon);
  document.addEventListener("serin:replaced", all);
})();
