import type { AttributeCondition, Search } from './search-request.ts';
import type { Statement } from './statement.ts';

/** The columns `attr_…`, one a type. */
export const attributeColumns = ['string', 'int', 'double', 'bool', 'other'] as const;

const int64Min = -(2n ** 63n);
const int64Max = 2n ** 63n - 1n;

/**
 * Asks which attribute conditions hold for any resource at all: one row, `holds`, with a 1 or 0 for each condition. Most
 * hold for none, and a search that need not look at resources is several times faster.
 */
export function buildResourceStatement(attributes: readonly AttributeCondition[]): Statement {
  const params: Record<string, string> = {};
  const holds = attributes.map((attribute, index) => `max(${buildMatch(attribute, index, params)})`);
  return { sql: `SELECT [${holds.join(',\n  ')}] AS holds\nFROM resources`, params };
}

/**
 * Conditions on a row of `spans`, all to be met, and the values that they name; not the window of time.
 * @param onResources for each attribute condition, whether it holds for any resource
 */
export function buildConditions(
  search: Search,
  onResources: readonly boolean[],
): { readonly conditions: readonly string[]; readonly params: Statement['params'] } {
  const conditions: string[] = [];
  const params: Record<string, string | number> = {};
  const { service, operation, minDurationNs, maxDurationNs } = search;
  if (service !== undefined) {
    conditions.push('service = {service:String}');
    params.service = service;
  }
  if (operation !== undefined) {
    conditions.push('name = {operation:String}');
    params.operation = operation;
  }
  if (minDurationNs !== undefined) {
    conditions.push('duration_ns >= {minDuration:Int64}');
    params.minDuration = minDurationNs;
  }
  if (maxDurationNs !== undefined) {
    conditions.push('duration_ns <= {maxDuration:Int64}');
    params.maxDuration = maxDurationNs;
  }
  for (const [index, attribute] of search.attributes.entries()) {
    const match = buildMatch(attribute, index, params);
    conditions.push(onResources[index] ? extendToResource(match, index) : match);
  }
  return { conditions, params };
}

/** True for a row that has the attribute with this text. Adds its values to `params`. */
export function buildMatch(
  { key, value }: AttributeCondition,
  index: number,
  params: Record<string, string | number>,
): string {
  const k = `{key${index}:String}`;
  params[`key${index}`] = key;
  const equals = readOperands(value).map(({ column, type, operand }) => {
    const name = `${column}${index}`;
    params[name] = operand;
    return `(mapContains(attr_${column}, ${k}) AND attr_${column}[${k}] = {${name}:${type}})`;
  });
  return `(${equals.join(' OR ')})`;
}

/** Where a span has no attribute of the key, that of its resource decides. */
function extendToResource(match: string, index: number): string {
  const absent = attributeColumns.map((column) => `NOT mapContains(attr_${column}, {key${index}:String})`);
  return `(${match}
    OR (resource_hash IN (SELECT resource_hash FROM resources WHERE ${match})
      AND ${absent.join(' AND ')}))`;
}

interface Operand {
  /** Of the column `attr_…` that holds attributes of this type. */
  readonly column: (typeof attributeColumns)[number];
  readonly type: 'String' | 'Int64' | 'Float64' | 'Bool';
  readonly operand: string;
}

/** What the text can mean: always a string, and each other type that it is a value of. */
function readOperands(text: string): readonly Operand[] {
  const operands: Operand[] = [{ column: 'string', type: 'String', operand: text }];
  if (/^(0|-?[1-9]\d*)$/.test(text) && BigInt(text) >= int64Min && BigInt(text) <= int64Max) {
    operands.push({ column: 'int', type: 'Int64', operand: text });
  }
  if (/^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text) && Number.isFinite(Number(text))) {
    operands.push({ column: 'double', type: 'Float64', operand: String(Number(text)) });
  }
  if (text === 'true' || text === 'false') operands.push({ column: 'bool', type: 'Bool', operand: text });
  return operands;
}
