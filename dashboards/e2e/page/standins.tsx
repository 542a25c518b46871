// Stand-ins for the two panels that npm does not have. They are no Grafana code: they
// show which data reach the panel, their mappings and colours, and say what they are.
import type { DataFrame, Field, GrafanaTheme2 } from '@grafana/data';
import { useTheme2 } from '@grafana/ui';

const note = (theme: GrafanaTheme2) => ({ position: 'absolute' as const, right: 4, bottom: 2, fontSize: 10, color: theme.colors.text.disabled });

function valueField(f: DataFrame): Field {
  return f.fields[1];
}

// States stands in for the state timeline: a bar for each series, a piece for each run
// of one text and colour.
export function States({ frames, width, height }: { frames: DataFrame[]; width: number; height: number }) {
  const theme = useTheme2();
  const names = Math.min(220, width / 4);
  const high = (height - 18) / Math.max(1, frames.length);
  return (
    <div style={{ position: 'relative', width, height }}>
      {frames.map((f, row) => {
        const v = valueField(f);
        const runs: { from: number; n: number; text: string; color?: string; gap: boolean }[] = [];
        v.values.forEach((x: number | null, i: number) => {
          const d = x === null ? null : v.display!(x);
          const text = d ? d.text + (d.suffix ?? '') : '';
          const last = runs[runs.length - 1];
          if (last && last.gap === (d === null) && last.text === text && last.color === d?.color) last.n++;
          else runs.push({ from: i, n: 1, text, color: d?.color, gap: d === null });
        });
        const per = (width - names - 8) / v.values.length;
        return (
          <div key={row} style={{ position: 'absolute', top: row * high, height: high - 4 }}>
            <span style={{ position: 'absolute', width: names - 8, textAlign: 'right', overflow: 'hidden', whiteSpace: 'nowrap', textOverflow: 'ellipsis', fontSize: 12, lineHeight: `${high - 4}px` }}>
              {v.config.displayName ?? v.config.displayNameFromDS}
            </span>
            {runs.filter((r) => !r.gap).map((r) => (
              <span key={r.from} style={{ position: 'absolute', left: names + r.from * per, width: Math.max(1, r.n * per - 1), height: high - 4, background: r.color, opacity: 0.8, overflow: 'hidden', fontSize: 12, lineHeight: `${high - 4}px`, paddingLeft: r.n * per > 30 ? 4 : 0, color: theme.colors.getContrastText(r.color ?? '#000') }}>
                {r.n * per > 30 ? r.text : ''}
              </span>
            ))}
          </div>
        );
      })}
      <span style={note(theme)}>stand-in for state-timeline</span>
    </div>
  );
}

// Heat stands in for the heatmap: buckets made from cumulative ones, darker is more, in the
// colour that the panel's scheme is named after.
export function Heat({ frames, scheme, width, height }: { frames: DataFrame[]; scheme: string; width: number; height: number }) {
  const rgb = scheme === 'Blues' ? '87,148,242' : '255,152,48';
  const theme = useTheme2();
  const rows = [...frames].filter((f) => f.name !== undefined).sort((a, b) => bound(a.name!) - bound(b.name!));
  const counts = rows.map((f, i) => valueField(f).values.map((x: number | null, t: number) => Math.max(0, (x ?? 0) - (i ? (valueField(rows[i - 1]).values[t] ?? 0) : 0))));
  const most = Math.max(...counts.flat(), 1e-12);
  const cell = (height - 16) / Math.max(1, rows.length);
  return (
    <div style={{ position: 'relative', width, height }}>
      {rows.map((f, i) => (
        <div key={i} style={{ position: 'absolute', top: height - 16 - (i + 1) * cell, height: cell, width }}>
          <span style={{ position: 'absolute', width: 54, textAlign: 'right', fontSize: 9, lineHeight: `${cell}px` }}>{short(f.name!)}</span>
          {counts[i].map((x: number, t: number) =>
            x > 0 ? <span key={t} style={{ position: 'absolute', left: 58 + (t * (width - 60)) / counts[i].length, width: (width - 60) / counts[i].length + 0.5, height: cell, background: `rgba(${rgb},${(0.08 + 0.92 * Math.sqrt(x / most)).toFixed(2)})` }} /> : null
          )}
        </div>
      ))}
      <span style={note(theme)}>stand-in for heatmap</span>
    </div>
  );
}

const bound = (le: string) => (le === '+Inf' ? Infinity : Number(le));
const short = (le: string) => (le === '+Inf' ? '+Inf' : Number(Number(le).toPrecision(3)).toString());
