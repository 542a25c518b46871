// The settings that fields may have. In Grafana the panels' plugins list them; npm does
// not have those, so here every setting is taken as it is written.
import type { FieldConfigPropertyItem } from '@grafana/data';

const standard = ['unit', 'min', 'max', 'decimals', 'displayName', 'noValue', 'color', 'thresholds', 'mappings', 'links'];
const graph = [
  'drawStyle', 'lineInterpolation', 'lineWidth', 'lineStyle', 'fillOpacity', 'gradientMode', 'showPoints', 'pointSize', 'spanNulls', 'stacking',
  'axisPlacement', 'axisLabel', 'axisSoftMin', 'axisSoftMax', 'scaleDistribution', 'thresholdsStyle', 'hideFrom',
];

function item(path: string, isCustom: boolean): FieldConfigPropertyItem {
  return {
    id: isCustom ? `custom.${path}` : path, path, name: path, isCustom,
    editor: () => null, override: () => null, process: (value: unknown) => value, shouldApply: () => true, settings: {},
  } as unknown as FieldConfigPropertyItem;
}

export const settings = (): FieldConfigPropertyItem[] => [...standard.map((p) => item(p, false)), ...graph.map((p) => item(p, true))];
