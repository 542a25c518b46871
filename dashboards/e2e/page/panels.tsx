// Draws one panel of a board, unchanged, with Grafana's own components.
import { useEffect, useState } from 'react';
import {
  applyFieldOverrides, dateTime, getFieldDisplayValues, LoadingState, renderTextPanelMarkdown, type DataFrame, type FieldConfigSource, type TimeRange,
} from '@grafana/data';
import { BigValue, PanelChrome, TimeSeries, useTheme2, VizRepeater } from '@grafana/ui';
import { ask, expand, type Clock, type Target, type Variables } from './query';
import { Heat, States } from './standins';

export interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  collapsed?: boolean;
  gridPos: { x: number; y: number; w: number; h: number };
  panels?: Panel[];
  targets?: Target[];
  options?: any;
  fieldConfig?: FieldConfigSource;
}

export interface Shown {
  clock: Clock;
  vars: Variables;
  done: (id: number, what: { empty: boolean; error?: string }) => void;
}

const range = (c: Clock): TimeRange => {
  const from = dateTime(c.from * 1000), to = dateTime(c.to * 1000);
  return { from, to, raw: { from, to } };
};

export function PanelView({ panel, width, height, shown }: { panel: Panel; width: number; height: number; shown: Shown }) {
  const theme = useTheme2();
  const [frames, setFrames] = useState<DataFrame[] | null>(null);
  const [error, setError] = useState<string>();
  useEffect(() => {
    Promise.all((panel.targets ?? []).map((t) => ask(t, shown.clock, width, shown.vars)))
      .then((found) => {
        const data = found.flat();
        const config = panel.fieldConfig ?? { defaults: {}, overrides: [] };
        // What Grafana's plugin of graphs sets where a board does not.
        const fieldConfig = panel.type === 'timeseries' ? { ...config, defaults: { color: { mode: 'palette-classic' }, ...config.defaults } } : config;
        setFrames(applyFieldOverrides({ data, fieldConfig, theme, replaceVariables: (s: string) => s, timeZone: 'utc' }));
      })
      .catch((e) => setError(String(e)));
  }, []);
  useEffect(() => {
    if (error !== undefined || frames !== null) shown.done(panel.id, { empty: (panel.targets ?? []).length > 0 && frames?.length === 0, error });
  }, [frames, error]);
  return (
    <PanelChrome title={panel.title} description={panel.description} width={width} height={height} loadingState={frames ? LoadingState.Done : LoadingState.Loading} statusMessage={error}>
      {(w, h) => (frames ? <Inside panel={panel} frames={frames} width={w} height={h} shown={shown} /> : <>{error}</>)}
    </PanelChrome>
  );
}

function Inside({ panel, frames, width, height, shown }: { panel: Panel; frames: DataFrame[]; width: number; height: number; shown: Shown }) {
  const noValue = panel.fieldConfig?.defaults?.noValue ?? 'No data';
  if (panel.type === 'text') {
    return <div className="markdown-html" data-text={panel.id} style={{ width, height, overflow: 'auto' }} dangerouslySetInnerHTML={{ __html: renderTextPanelMarkdown(expand(panel.options.content, shown.vars)) }} />;
  }
  if (panel.type === 'stat') return <Stat panel={panel} frames={frames} width={width} height={height} />;
  if (frames.length === 0) {
    return <div style={{ width, height, display: 'flex', alignItems: 'center', justifyContent: 'center' }}>{noValue}</div>;
  }
  switch (panel.type) {
    case 'timeseries':
      return <TimeSeries frames={frames} width={width} height={height} timeRange={range(shown.clock)} timeZone="utc" legend={panel.options.legend} options={panel.options} />;
    case 'state-timeline':
      return <States frames={frames} width={width} height={height} />;
    case 'heatmap':
      return <Heat frames={frames} scheme={panel.options.color?.scheme} width={width} height={height} />;
  }
  return <>panels of type {panel.type} are not drawn here</>;
}

function Stat({ panel, frames, width, height }: { panel: Panel; frames: DataFrame[]; width: number; height: number }) {
  const theme = useTheme2();
  const o = panel.options;
  const values = getFieldDisplayValues({
    fieldConfig: panel.fieldConfig!, reduceOptions: o.reduceOptions, replaceVariables: (s: string) => s, theme, data: frames, timeZone: 'utc',
  });
  return (
    <VizRepeater
      renderCounter={0} source={values} getValues={() => values} width={width} height={height} itemSpacing={3} orientation={o.orientation} minVizHeight={10}
      renderValue={({ value, width, height, count }: any) => (
        <BigValue value={value.display} count={count} width={width} height={height} theme={theme} colorMode={o.colorMode} graphMode={o.graphMode} justifyMode={o.justifyMode} textMode={o.textMode} text={o.text} disableWideLayout={!o.wideLayout} />
      )}
    />
  );
}
