// Draws boards in headless Chromium, on a page with Grafana's own panels, and takes
// their pictures. It fails where the page does, where a panel shows an error, and where
// the verdict's text does not fit into its panel on a wide screen.
//
//   PROMETHEUS=http://127.0.0.1:9090 BOARDS=dir node shoot.mjs [DIR]
//
// BOARDS holds board files and index.json, which names them with the time of each.
import { createServer } from 'node:http';
import { createReadStream, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import puppeteer from 'puppeteer-core';

const here = fileURLToPath(new URL('.', import.meta.url));
const { PROMETHEUS: prometheus, BOARDS: boards } = process.env;
if (!prometheus || !boards) throw new Error('set PROMETHEUS to a server and BOARDS to a folder');
const out = process.argv[2] ?? join(here, 'screenshots');
mkdirSync(out, { recursive: true });

const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json' };

async function proxy(req, res) {
  const chunks = [];
  for await (const c of req) chunks.push(c);
  const answer = await fetch(prometheus + req.url.slice('/prometheus'.length), {
    method: req.method, body: Buffer.concat(chunks), headers: { 'content-type': req.headers['content-type'] ?? '' },
  });
  res.writeHead(answer.status, { 'content-type': 'application/json' }).end(Buffer.from(await answer.arrayBuffer()));
}

const server = createServer((req, res) => {
  if (req.url.startsWith('/prometheus/')) return proxy(req, res).catch((e) => res.writeHead(502).end(String(e)));
  const path = normalize(new URL(req.url, 'http://x').pathname);
  const file = path.startsWith('/boards/') ? join(boards, path.slice('/boards/'.length)) : join(here, 'dist', path === '/' ? 'index.html' : path);
  if (!existsSync(file)) return res.writeHead(404).end();
  res.writeHead(200, { 'content-type': types[extname(file)] ?? 'application/octet-stream' });
  createReadStream(file).pipe(res);
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));

const browser = await puppeteer.launch({
  executablePath: ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync),
  timeout: 240000, protocolTimeout: 600000, headless: true, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars', '--force-color-profile=srgb'],
});
const faults = [];

// shoot draws one board in one size, and returns what its panels told.
async function shoot({ name, file, at }, width, height, whole) {
  const page = await browser.newPage();
  const picture = `${name}-${width}${whole ? '-whole' : ''}.png`;
  page.on('pageerror', (e) => faults.push(`${picture}: ${e.message}`));
  await page.setViewport({ width, height });
  await page.goto(`http://127.0.0.1:${server.address().port}/?board=${file.replace('.json', '')}&at=${at}`, { timeout: 240000 });
  await page.waitForFunction('window.drawn || window.failed', { timeout: 240000 });
  const { told, failed, cut } = await page.evaluate(() => ({
    told: window.drawn, failed: window.failed,
    cut: [...document.querySelectorAll('[data-text]')].filter((e) => e.scrollHeight > e.clientHeight + 2 || e.scrollWidth > e.clientWidth + 2)
      .map((e) => `the text of panel ${e.dataset.text} needs ${e.scrollWidth}x${e.scrollHeight} and has ${e.clientWidth}x${e.clientHeight}`),
  }));
  if (failed) faults.push(`${picture}: ${failed}`);
  // A narrower screen may have to scroll.
  if (width >= 1440) faults.push(...cut.map((c) => `${picture}: ${c}`));
  for (const p of Object.values(told ?? {})) if (p.error) faults.push(`${picture}: ${p.title}: ${p.error}`);
  await page.screenshot({ path: join(out, picture), fullPage: whole });
  await page.close();
  return Object.values(told ?? {});
}

for (const shot of JSON.parse(readFileSync(join(boards, 'index.json'), 'utf8'))) {
  const told = await shoot(shot, 1440, 900, false);
  const empty = told.filter((p) => p.empty).map((p) => p.title);
  console.log(`${shot.name}: ${told.length} panels${empty.length ? ', without data: ' + empty.join('; ') : ''}`);
  await shoot(shot, 1024, 768, false);
  await shoot(shot, 1440, 900, true);
}
await browser.close();
server.close();
for (const f of faults) console.error('FAULT ' + f);
process.exit(faults.length ? 1 : 0);
