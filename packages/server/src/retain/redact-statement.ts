import { attributeColumns, buildScalarMatch } from '../query/conditions.ts';
import type { Statement } from '../query/statement.ts';
import { type BytesRedaction, buildBytesRedaction, redactedText } from './redact-bytes.ts';
import type { RedactionTarget } from './redaction-request.ts';

/** What the text of a mutation of ours contains, so that it is found again among all mutations. */
export function markerOf(id: string): string {
  return `redaction-${id}`;
}

/** Replaces the attribute in spans, their scopes, events and links. */
export function buildRedactSpans(id: string, target: RedactionTarget): Statement {
  const bytes = buildBytesRedaction(target.key, target.value);
  const holds = buildHolds(target);
  const rewriteEach = (column: string) =>
    `${column} = arrayMap(list -> if(${bytes.mayHold('list')}, ${bytes.rewrite('list')}, list), ${column})`;
  const mayHoldAny = (column: string) => `arrayExists(list -> ${bytes.mayHold('list')}, ${column})`;
  const conditions = [
    `(${[holds.sql, bytes.mayHold('scope_attributes'), mayHoldAny('event_attributes'), mayHoldAny('link_attributes')].join('\n    OR ')})`,
    ...(target.startMs === undefined ? [] : ["start >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')"]),
    ...(target.endMs === undefined ? [] : ["start < fromUnixTimestamp64Milli({end:Int64}, 'UTC')"]),
  ];
  return {
    sql: `ALTER TABLE spans UPDATE
  ${[
    ...buildMapUpdates(holds.sql),
    rewriteWhole('scope_attributes', bytes),
    rewriteEach('event_attributes'),
    rewriteEach('link_attributes'),
  ].join(',\n  ')}
WHERE ${[...conditions, `{marker:String} != ''`].join('\n  AND ')}`,
    params: {
      ...holds.params,
      ...bytes.params,
      redacted: redactedText,
      marker: markerOf(id),
      ...(target.startMs !== undefined && { start: target.startMs }),
      // The last millisecond belongs to the window.
      ...(target.endMs !== undefined && { end: target.endMs + 1 }),
    },
  };
}

/** Replaces the attribute in resources, which have no time. */
export function buildRedactResources(id: string, target: RedactionTarget): Statement {
  const bytes = buildBytesRedaction(target.key, target.value);
  const holds = buildHolds(target);
  return {
    sql: `ALTER TABLE resources UPDATE
  ${[...buildMapUpdates(holds.sql), rewriteWhole('attributes', bytes)].join(',\n  ')}
WHERE (${holds.sql}
    OR ${bytes.mayHold('attributes')})
  AND {marker:String} != ''`,
    params: { ...holds.params, ...bytes.params, redacted: redactedText, marker: markerOf(id) },
  };
}

/** True for a row that has the attribute in one of its maps. */
function buildHolds({ key, value }: RedactionTarget): Statement {
  const params: Record<string, string | number | readonly string[]> = { key0: key };
  if (value !== undefined) return { sql: buildScalarMatch({ key, value }, 0, params), params };
  return {
    sql: `(${attributeColumns.map((name) => `mapContains(attr_${name}, {key0:String})`).join(' OR ')})`,
    params,
  };
}

/** Whatever its type was, it is a string afterwards. */
function buildMapUpdates(holds: string): readonly string[] {
  return attributeColumns.map((name) => {
    const column = `attr_${name}`;
    const without = `mapFilter((k, v) -> k != {key0:String}, ${column})`;
    const updated = name === 'string' ? `mapUpdate(${without}, map({key0:String}, {redacted:String}))` : without;
    return `${column} = if(${holds}, ${updated}, ${column})`;
  });
}

function rewriteWhole(column: string, bytes: BytesRedaction): string {
  const text = `toString(${column})`;
  return `${column} = if(${bytes.mayHold(text)}, ${bytes.rewrite(text)}, ${text})`;
}
