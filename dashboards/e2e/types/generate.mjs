// Writes every golden board as TypeScript constants with the official types, for tsc
// to hold them against. String enums are written as their values in JSON, so Plain
// takes them as those; everything else is the official type, unknown keys included.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

const golden = new URL('../../testdata/', import.meta.url);
const out = new URL('./out/', import.meta.url);

const head = `// Generated; do not edit.
import type * as common from '@grafana/grafana-foundation-sdk/common';
import type * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import type * as dashboardv2beta1 from '@grafana/grafana-foundation-sdk/dashboardv2beta1';
import type * as heatmap from '@grafana/grafana-foundation-sdk/heatmap';
import type * as prometheus from '@grafana/grafana-foundation-sdk/prometheus';
import type * as resource from '@grafana/grafana-foundation-sdk/resource';
import type * as stat from '@grafana/grafana-foundation-sdk/stat';
import type * as statetimeline from '@grafana/grafana-foundation-sdk/statetimeline';
import type * as text from '@grafana/grafana-foundation-sdk/text';
import type * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';
import type { Spec } from '@grafana/schema/apis/dashboard.grafana.app/v2beta1';
import type { Board, Plain, Query } from '../plain';
`;

// What the panels' own parts are, which the types of a board leave open.
const parts = {
  timeseries: ['timeseries.Options', 'common.GraphFieldConfig'],
  stat: ['stat.Options', null],
  text: ['text.Options', null],
  heatmap: ['heatmap.Options', 'heatmap.FieldConfig'],
  'state-timeline': ['statetimeline.Options', 'statetimeline.FieldConfig'],
};

function constants(file, board) {
  const lines = [];
  let n = 0;
  const say = (type, value) => lines.push(`export const c${n++}: ${type} = ${JSON.stringify(value, null, 1)};\n`);
  if (board.kind === 'Dashboard') {
    say('Plain<resource.Manifest>', board);
    say('Plain<dashboardv2beta1.Dashboard>', board.spec);
    say('Plain<Spec>', board.spec);
    return lines;
  }
  say('Plain<dashboard.Dashboard>', board);
  say('Plain<Board>', board);
  for (const p of board.panels.flatMap((p) => [p, ...(p.panels ?? [])])) {
    if (p.type === 'row') continue;
    const known = parts[p.type];
    if (!known) throw new Error(`${file}: panels of type ${p.type} have no official types here: add them`);
    say(`Plain<${known[0]}>`, p.options ?? {});
    const custom = p.fieldConfig?.defaults?.custom;
    if (known[1]) say(`Plain<${known[1]}>`, custom ?? {});
    else if (custom) throw new Error(`${file}: ${p.title}: panels of type ${p.type} have no fields of their own`);
    for (const t of p.targets ?? []) say('Plain<Query<prometheus.Dataquery>>', t);
  }
  return lines;
}

mkdirSync(out, { recursive: true });
const files = readdirSync(golden).filter((f) => f.endsWith('.json'));
if (files.length < 6) throw new Error(`found ${files.length} golden boards, want all of them`);
let count = 0;
for (const file of files) {
  const lines = constants(file, JSON.parse(readFileSync(new URL(file, golden), 'utf8')));
  count += lines.length;
  writeFileSync(new URL(file.replace('.json', '.ts'), out), head + '\n' + lines.join('\n'));
}
console.log(`${files.length} boards, ${count} constants for tsc`);
