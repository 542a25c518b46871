// A page that draws a board's JSON as it is. It is a preview with Grafana's own panels,
// and no Grafana: the page does the grid, the rows, the variables and the queries.
import { createRoot } from 'react-dom/client';
import { createTheme, dateTimeParse, standardFieldConfigEditorRegistry, ThemeContext } from '@grafana/data';
import { settings } from './registry';
import { GlobalStyles } from '@grafana/ui';
import { PanelView, type Panel, type Shown } from './panels';
import type { Clock, Variables } from './query';

const unit = 38; // pixels of a row of the grid, with the gap of 8: Grafana's own 30 + 8
const asked = new URLSearchParams(location.search);

async function main() {
  standardFieldConfigEditorRegistry.setInit(settings);
  const board = await (await fetch(`/boards/${asked.get('board')}.json`)).json();
  const at = Number(asked.get('at'));
  const vars: Variables = {};
  for (const v of board.templating.list) vars[v.name] = String(v.current?.value ?? '');
  const clock: Clock = { from: at - 150, to: at, scrape: 1 };
  if (!String(board.time.from).startsWith('now')) {
    clock.from = Math.floor(dateTimeParse(board.time.from).valueOf() / 1000);
    clock.to = Math.floor(dateTimeParse(board.time.to).valueOf() / 1000);
  }
  const panels: Panel[] = board.panels.flatMap((p: Panel) => [p, ...(p.panels ?? [])]);
  const waiting = new Set(panels.filter((p) => p.type !== 'row').map((p) => p.id));
  const told: Record<number, unknown> = {};
  const shown: Shown = {
    clock, vars,
    done: (id, what) => {
      told[id] = { ...what, title: panels.find((p) => p.id === id)!.title };
      waiting.delete(id);
      if (waiting.size === 0) requestAnimationFrame(() => requestAnimationFrame(() => ((window as any).drawn = told)));
    },
  };
  const theme = createTheme({ colors: { mode: 'dark' } });
  const width = (window.innerWidth - 32) / 24;
  const height = Math.max(...panels.map((p) => p.gridPos.y + p.gridPos.h)) * unit;
  createRoot(document.getElementById('root')!).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <style>{`body { margin: 0; overflow: auto !important; background: ${theme.colors.background.canvas}; color: ${theme.colors.text.primary}; }`}</style>
      <header style={{ height: 40, padding: '10px 16px', fontSize: 18 }}>{board.title}</header>
      <main style={{ position: 'relative', margin: '0 16px', height: height + 40 }}>
        {panels.map((p) => {
          const place = { position: 'absolute' as const, left: p.gridPos.x * width, top: p.gridPos.y * unit, width: p.gridPos.w * width - 8, height: p.gridPos.h * unit - 8 };
          return p.type === 'row' ? (
            <h2 key={p.id} style={{ ...place, fontSize: 16, margin: 0, lineHeight: '30px' }}>{(p.collapsed ? '▸ ' : '▾ ') + p.title}</h2>
          ) : (
            <div key={p.id} style={place}>
              <PanelView panel={p} width={place.width} height={place.height} shown={shown} />
            </div>
          );
        })}
      </main>
    </ThemeContext.Provider>
  );
}

main().catch((e) => ((window as any).failed = String(e.stack ?? e)));
