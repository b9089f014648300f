/** Formats whose pieces, one after another, are a valid whole: these can be sent while the statement still runs. */
const streamableFormats = new Set([
  'Native',
  'RowBinary',
  'JSONEachRow',
  'JSONCompactEachRow',
  'JSONStringsEachRow',
  'TSV',
  'TabSeparated',
  'CSV',
]);

/** ClickHouse's HTTP interface answers in this format when a statement names none. */
const defaultFormat = 'TabSeparated';

export type Statement =
  /** `INSERT INTO … FORMAT X`: the data comes in the request. */
  | { readonly kind: 'insert-data'; readonly target: string; readonly format: string }
  | { readonly kind: 'select'; readonly sql: string; readonly format: string; readonly streamable: boolean }
  | { readonly kind: 'other'; readonly sql: string; readonly format: string };

/** Tells statements apart by how they must be run. Not a parser: what is malformed is the engine's to refuse. */
export function classifyStatement(sql: string): Statement {
  const text = sql.replace(/[\s;]+$/, '');
  const insert = /^\s*(INSERT\s+INTO\s+[^;]+?)\s+FORMAT\s+(\w+)$/is.exec(text);
  if (insert !== null && !/\bSELECT\b/i.test(insert[1]!)) {
    return { kind: 'insert-data', target: insert[1]!, format: insert[2]! };
  }
  const format = /\bFORMAT\s+(\w+)$/i.exec(text)?.[1] ?? defaultFormat;
  if (/^\s*\(*\s*(SELECT|WITH)\b/i.test(text)) {
    return { kind: 'select', sql: text, format, streamable: streamableFormats.has(format) };
  }
  return { kind: 'other', sql: text, format };
}
