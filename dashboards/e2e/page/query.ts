// Asks Prometheus what a panel asks, as Grafana does: variables expanded, a range with a
// step that fits the width, an instant at the end of the range.
import { createDataFrame, FieldType, type DataFrame } from '@grafana/data';

export interface Target {
  refId: string;
  expr: string;
  legendFormat?: string;
  instant?: boolean;
  format?: string;
}

export interface Clock {
  from: number; // Unix seconds
  to: number;
  scrape: number; // seconds
}

export type Variables = Record<string, string>;

// expand puts variables in, and fails where one is not defined.
export function expand(text: string, vars: Variables): string {
  return text.replace(/\$\{(\w+)(?::\w+)?\}|\$(\w+)/g, (whole, braced, bare) => {
    const value = vars[braced ?? bare];
    if (value === undefined) throw new Error(`${whole} is not defined`);
    return value;
  });
}

interface Series {
  metric: Record<string, string>;
  values?: [number, string][];
  value?: [number, string];
}

// legend names a series.
function legend(format: string | undefined, metric: Record<string, string>): string {
  if (!format) {
    const pairs = Object.entries(metric).filter(([k]) => k !== '__name__');
    return (metric.__name__ ?? '') + (pairs.length ? `{${pairs.map(([k, v]) => `${k}="${v}"`).join(', ')}}` : '') || 'Value';
  }
  return format.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, l) => metric[l] ?? '');
}

// ask asks one query; each series becomes a frame with a gap wherever it has no number.
export async function ask(t: Target, clock: Clock, width: number, vars: Variables): Promise<DataFrame[]> {
  const step = Math.max(1, Math.ceil((clock.to - clock.from) / Math.max(width, 100)));
  const rate = Math.max(4 * clock.scrape, step + clock.scrape);
  const all = { ...vars, __rate_interval: `${rate}s`, __interval: `${step}s`, __range: `${clock.to - clock.from}s` };
  const form = new URLSearchParams({ query: expand(t.expr, all) });
  let path = 'api/v1/query';
  if (t.instant) {
    form.set('time', String(clock.to));
  } else {
    path = 'api/v1/query_range';
    form.set('start', String(clock.from));
    form.set('end', String(clock.to));
    form.set('step', String(step));
  }
  const answer = await (await fetch('/prometheus/' + path, { method: 'POST', body: form })).json();
  if (answer.status !== 'success') throw new Error(`${answer.error} in ${form.get('query')}`);
  return (answer.data.result as Series[]).map((s) => {
    const points = new Map((s.values ?? (s.value ? [s.value] : [])).map(([at, v]) => [Math.round(at), number(v)]));
    const times = s.values ? steps(clock, step) : [...points.keys()];
    const name = legend(t.legendFormat, s.metric);
    return createDataFrame({
      refId: t.refId,
      name,
      fields: [
        { name: 'Time', type: FieldType.time, values: times.map((at) => at * 1000), config: {} },
        { name: 'Value', type: FieldType.number, values: times.map((at) => points.get(at) ?? null), labels: s.metric, config: { displayNameFromDS: name } },
      ],
    });
  });
}

function steps(clock: Clock, step: number): number[] {
  const out = [];
  for (let at = clock.from; at <= clock.to; at += step) out.push(at);
  return out;
}

function number(text: string): number | null {
  if (text === '+Inf') return Infinity;
  if (text === '-Inf') return -Infinity;
  const x = Number(text);
  return Number.isNaN(x) ? null : x;
}
