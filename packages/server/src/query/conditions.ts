import { type AttributeCondition, type AttributeType, spanKindNames, spanStatusNames } from '@clew/model';
import { Double } from '@clew/wire';
import { encodeValues } from './encoded-value.ts';
import type { Search } from './search-request.ts';
import type { Statement } from './statement.ts';

/** The columns `attr_…`, one a type. */
export const attributeColumns = ['string', 'int', 'double', 'bool', 'other'] as const;

type Parameters = Record<string, string | number | readonly string[]>;

const int64Min = -(2n ** 63n);
const int64Max = 2n ** 63n - 1n;

/** Limits a statement on `spans` to a time slice: `start` and `end` are Unix nanoseconds, the end excluded. */
export const inSlice: readonly string[] = [
  "start >= fromUnixTimestamp64Nano({start:Int64}, 'UTC')",
  "start < fromUnixTimestamp64Nano({end:Int64}, 'UTC')",
];

/** Where an attribute condition holds for anything at all, beside strings, numbers and booleans of spans. */
export interface AttributePlaces {
  readonly onResources: boolean;
  /** Of spans in the window, and in maps. */
  readonly inArrays: boolean;
}

/**
 * Asks for the {@link AttributePlaces} of each condition: one row of two arrays of 1 and 0. Most conditions hold in neither
 * place, and a search that need not look there is several times faster.
 *
 * @param window in Unix nanoseconds, the end excluded
 */
export function buildPlacesStatement(
  attributes: readonly AttributeCondition[],
  window: { readonly startNs: bigint; readonly endNs: bigint },
): Statement {
  const params: Parameters = { start: String(window.startNs), end: String(window.endNs) };
  const onResources = attributes.map((attribute, index) => `max(${buildResourceMatch(attribute, index, params)})`);
  const inArrays = attributes.map((attribute, index) => isAny(buildCompositeMatch(attribute, index, params)));
  return {
    sql: `SELECT [${onResources.join(',\n  ')}] AS onResources,
  [${inArrays.join(',\n  ')}] AS inArrays
FROM resources`,
    params,
  };
}

/**
 * Conditions on a row of `spans`, all to be met, and the values that they name; not the window of time, which
 * {@link inSlice} limits.
 * @param places of each attribute condition
 */
export function buildConditions(
  search: Search,
  places: readonly AttributePlaces[],
): { readonly conditions: readonly string[]; readonly params: Statement['params'] } {
  const conditions: string[] = [];
  const params: Parameters = {};
  const { service, operation, kind, status, minDurationNs, maxDurationNs } = search;
  if (service !== undefined) {
    conditions.push('service = {service:String}');
    params.service = service;
  }
  if (operation !== undefined) {
    conditions.push('name = {operation:String}');
    params.operation = operation;
  }
  if (kind !== undefined) {
    conditions.push('kind = {kind:UInt8}');
    params.kind = spanKindNames.indexOf(kind);
  }
  if (status !== undefined) {
    conditions.push('status_code = {status:UInt8}');
    params.status = spanStatusNames.indexOf(status);
  }
  // The columns as they are, for their index: what is stored below 0 counts as 0, which is never less than 0.
  if (minDurationNs !== undefined && minDurationNs > 0) {
    conditions.push('duration_ns >= {minDuration:Int64}');
    params.minDuration = minDurationNs;
  }
  if (maxDurationNs !== undefined) {
    conditions.push('duration_ns <= {maxDuration:Int64}');
    params.maxDuration = maxDurationNs;
  }
  for (const [index, attribute] of search.attributes.entries()) {
    const { onResources, inArrays } = places[index]!;
    const onSpan = joinOr(
      buildScalarMatch(attribute, index, params),
      buildFieldMatch(attribute, index, params),
      inArrays ? onlyWhereAny(buildCompositeMatch(attribute, index, params)) : '',
    );
    const onResource = onResources ? buildResourceMatch(attribute, index, params) : undefined;
    conditions.push(onResource === undefined ? onSpan : extendToResource(onSpan, onResource, attribute.key, index));
  }
  return { conditions, params };
}

type Bind = (name: string, type: string, operand: string | readonly string[]) => string;

/** Names of values that belong to the condition at this index; adds them to `params`. */
function binder(index: number, params: Parameters): Bind {
  return (name, type, operand) => {
    params[`${name}${index}`] = operand;
    return `{${name}${index}:${type}}`;
  };
}

const valueTypes = { string: 'String', int: 'Int64', double: 'Float64', bool: 'Bool', other: 'String' } as const;

/** The map of attributes of a type, to be asked for a key. */
function mapOf(type: AttributeType, key: string): string {
  // The engine cannot find the empty key among keys of LowCardinality.
  return key === '' ? `CAST(attr_${type}, 'Map(String, ${valueTypes[type]})')` : `attr_${type}`;
}

/** True for a row that has the attribute with this type, and for whose value the condition holds. */
function hasValue(type: AttributeType, key: string, k: string, holds: (value: string) => string): string {
  const map = mapOf(type, key);
  return `(mapContains(${map}, ${k}) AND ${holds(`${map}[${k}]`)})`;
}

/** True for a row that has the attribute as a string, number or boolean with this text. Adds its values to `params`. */
export function buildScalarMatch({ key, value }: AttributeCondition, index: number, params: Parameters): string {
  const bind = binder(index, params);
  const k = bind('key', 'String', key);
  const equals = [hasValue('string', key, k, (column) => `${column} = ${bind('string', 'String', value)}`)];
  for (const number of readNumbers(value)) {
    equals.push(
      typeof number === 'bigint'
        ? hasValue('int', key, k, (column) => `${column} = ${bind('int', 'Int64', String(number))}`)
        : hasValue('double', key, k, (column) => compareDouble(column, number.value, bind)),
    );
  }
  if (value === 'true' || value === 'false') {
    equals.push(hasValue('bool', key, k, (column) => `${column} = ${bind('bool', 'Bool', value)}`));
  }
  return joinOr(...equals);
}

/** True for a row that has the attribute as an array or map with this value in it, or as a whole as this text. */
function buildCompositeMatch({ key, value }: AttributeCondition, index: number, params: Parameters): string {
  const bind = binder(index, params);
  const k = bind('key', 'String', key);
  const bindHex = (name: string, values: readonly string[]): string =>
    `arrayMap(hex -> unhex(hex), ${bind(name, 'Array(String)', values)})`;
  const { elements, wholes } = encodeValues(value, readNumbers(value));
  return hasValue('other', key, k, (column) =>
    joinOr(
      `multiSearchAny(${column}, ${bindHex('elements', elements)})`,
      wholes.length === 0 ? '' : `has(${bindHex('wholes', wholes)}, ${column})`,
    ),
  );
}

function compareDouble(column: string, value: number, bind: Bind): string {
  if (Number.isNaN(value)) return `isNaN(${column})`;
  // Both zeros are equal, but the index of values tells them apart.
  if (value === 0) return `(${column} = 0. OR ${column} = -0.)`;
  return `${column} = ${bind('double', 'Float64', Number.isFinite(value) ? String(value) : value < 0 ? '-inf' : 'inf')}`;
}

/** True for a row of `resources` that has the attribute with this value. */
function buildResourceMatch(attribute: AttributeCondition, index: number, params: Parameters): string {
  return joinOr(buildScalarMatch(attribute, index, params), buildCompositeMatch(attribute, index, params));
}

/**
 * Asks for arrays and maps only if one in the slice matches: their values have no index, and without them that of the
 * others shows which rows to look at. The engine puts the answer in the place of the question before it reads anything else.
 */
function onlyWhereAny(composite: string): string {
  return `(${isAny(composite)} AND ${composite})`;
}

/** Whether a span between `start` and `end` meets the condition. */
function isAny(condition: string): string {
  return `(SELECT count() > 0 FROM (SELECT 1 FROM spans WHERE ${inSlice.join(' AND ')} AND ${condition} LIMIT 1))`;
}

/**
 * Tags of Jaeger and Zipkin that become fields of a span when they are received: who searches for what was sent finds it.
 * False for other keys.
 */
function buildFieldMatch({ key, value }: AttributeCondition, index: number, params: Parameters): string {
  const bind = binder(index, params);
  const indexIn = (names: readonly string[]): number => names.indexOf(value.toLowerCase());
  switch (key) {
    case 'error':
      if (value === 'true') return 'status_code = 2';
      return value === '' || value === 'false'
        ? ''
        : `(status_code = 2 AND status_message = ${bind('field', 'String', value)})`;
    case 'otel.status_code':
      return indexIn(spanStatusNames) === -1
        ? ''
        : `status_code = ${bind('field', 'UInt8', String(indexIn(spanStatusNames)))}`;
    case 'otel.status_description':
      return value === '' ? '' : `status_message = ${bind('field', 'String', value)}`;
    case 'span.kind':
      return indexIn(spanKindNames) === -1 ? '' : `kind = ${bind('field', 'UInt8', String(indexIn(spanKindNames)))}`;
    case 'otel.scope.name':
    case 'otel.library.name':
      return value === '' ? '' : `scope_name = ${bind('field', 'String', value)}`;
    case 'otel.scope.version':
    case 'otel.library.version':
      return value === '' ? '' : `scope_version = ${bind('field', 'String', value)}`;
    case 'w3c.tracestate':
      return value === '' ? '' : `trace_state = ${bind('field', 'String', value)}`;
    default:
      return '';
  }
}

/** Where a span has no attribute of the key, that of its resource decides. */
function extendToResource(onSpan: string, onResource: string, key: string, index: number): string {
  const absent = attributeColumns.map((type) => `NOT mapContains(${mapOf(type, key)}, {key${index}:String})`);
  return `(${onSpan}
    OR (resource_hash IN (SELECT resource_hash FROM resources WHERE ${onResource})
      AND ${absent.join(' AND ')}))`;
}

/** @param alternatives empty ones are never true */
function joinOr(...alternatives: readonly string[]): string {
  const possible = alternatives.filter((alternative) => alternative !== '');
  return possible.length === 1 ? possible[0]! : `(${possible.join(' OR ')})`;
}

/** What a text is as a number: an integer of 64 bits, a double, both or neither. */
function readNumbers(text: string): readonly (bigint | Double)[] {
  const numbers: (bigint | Double)[] = [];
  if (/^(0|-?[1-9]\d*)$/.test(text) && BigInt(text) >= int64Min && BigInt(text) <= int64Max) numbers.push(BigInt(text));
  const infinity = /^([+-]?)inf(?:inity)?$/i.exec(text);
  if (/^nan$/i.test(text)) numbers.push(new Double(Number.NaN));
  else if (infinity !== null) numbers.push(new Double(infinity[1] === '-' ? -Infinity : Infinity));
  else if (/^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text) && isExact(text)) numbers.push(new Double(Number(text)));
  return numbers;
}

/** Whether a double can be what the text says, and not only the neighbour of a whole number that an integer can hold. */
function isExact(text: string): boolean {
  const value = Number(text);
  if (!Number.isFinite(value)) return false;
  if (!/^-?\d+$/.test(text) || Number.isSafeInteger(value)) return true;
  const digits = text.replace(/^-?0*|0+$/g, '');
  return digits.length <= 100 && value.toExponential(digits.length - 1).replace(/e.*|[-.]/g, '') === digits;
}
