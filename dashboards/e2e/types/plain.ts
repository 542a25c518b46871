import type * as schema from '@grafana/schema';

// Plain is T as JSON has it: enums of strings are their values, and a query of no named
// kind is any object (each query is held against its own kind besides).
export type Plain<T> = T extends { _implementsDataqueryVariant(): void }
  ? Record<string, unknown>
  : T extends string
    ? `${T}`
    : T extends readonly (infer U)[]
      ? Plain<U>[]
      : T extends object
        ? { [K in keyof T]: Plain<T[K]> }
        : T;

// Query is a query without the method by which the SDK knows its own.
export type Query<T> = { [K in keyof T as K extends `_${string}` ? never : K]: T[K] };

// Board is @grafana/schema's board, but for what its annotations ask: the veneer takes
// any query there and none of Grafana's own by tags, which the type below it has.
export type Board = Omit<schema.Dashboard, 'annotations'> & {
  annotations?: { list?: (Omit<schema.AnnotationQuery, 'target'> & { target?: schema.AnnotationTarget })[] };
};
