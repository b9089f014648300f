import { parseDurationNs } from '@clew/model';
import type { KeepRule } from '../keep-rules.ts';
import { attributeColumns } from '../query/conditions.ts';
import { spanDuration } from '../query/span-duration.ts';
import type { Statement } from '../query/statement.ts';
import { whereTraceIn } from '../query/trace-rows.ts';

type Parameters = Record<string, string | number>;

const minute = "toDateTime({minute:UInt32}, 'UTC')";

/**
 * Decides on the traces whose last span starts in a minute: the first rule that keeps one, or 0.
 * @param run whose decisions they are
 * @param minuteS Unix seconds
 */
export function buildDecideStatement(run: string, rules: readonly KeepRule[], minuteS: number): Statement {
  const params: Parameters = { run, minute: minuteS };
  const matches: string[] = [];
  const conditions = rules.map((rule, index) => buildCondition(rule, index, matches, params));
  const outcomes = conditions.map((condition, index) => `${condition}, ${index + 1}`);
  const ended = `SELECT trace_id FROM trace_minutes
    WHERE trace_id IN (SELECT trace_id FROM spans WHERE toStartOfMinute(start) = ${minute})
    GROUP BY trace_id HAVING max(minute) = ${minute}`;
  return {
    sql: `INSERT INTO tail_decisions
SELECT {run:String}, multiIf(${outcomes.join(', ')}, 0), trace_id
FROM (
  SELECT trace_id,
    countIf(status_code = 2) AS errors,
    max(toUnixTimestamp64Nano(start) + ${spanDuration}) - toUnixTimestamp64Nano(min(start)) AS duration,
    argMin((service, toString(name)), (parent_span_id != toFixedString('', 8), start, span_id)) AS root${matches.map((match) => `,\n    ${match}`).join('')}
  FROM spans
  WHERE ${whereTraceIn(ended)}
  GROUP BY trace_id
)`,
    params,
  };
}

/** Whether the rule holds for a row of the inner select, to which it may add a column. */
function buildCondition(rule: KeepRule, index: number, matches: string[], params: Parameters): string {
  const all: string[] = [];
  const bind = (name: string, type: string, value: string | number): string => {
    params[`${name}${index}`] = value;
    return `{${name}${index}:${type}}`;
  };
  if (rule.error) all.push('errors > 0');
  if (rule.minDuration !== undefined) {
    all.push(`duration >= ${bind('minDuration', 'Int64', String(parseDurationNs(rule.minDuration)))}`);
  }
  if (rule.rarerThan !== undefined) {
    all.push(`root NOT IN (
    SELECT service, name FROM operation_minutes FINAL
    WHERE minute <= ${minute} AND minute > ${minute} - INTERVAL 1 DAY
    GROUP BY service, name
    HAVING sum(calls) >= ${bind('rarerThan', 'UInt64', rule.rarerThan)}
  )`);
  }
  const ofOneSpan = [
    ...(rule.service === undefined ? [] : [`service LIKE ${bind('service', 'String', toLike(rule.service))}`]),
    ...(rule.name === undefined ? [] : [`name LIKE ${bind('name', 'String', toLike(rule.name))}`]),
    ...Object.entries(rule.attributes ?? {}).map(([key, value], place) =>
      buildAttribute(bind(`key${place}_`, 'String', key), bind(`value${place}_`, 'String', toLike(value))),
    ),
  ];
  if (ofOneSpan.length > 0) {
    matches.push(`countIf(${ofOneSpan.join(' AND ')}) AS matches${index}`);
    all.push(`matches${index} > 0`);
  }
  // A hash, as a sampler in front of it may have decided by the id itself.
  if (rule.share !== undefined) {
    all.push(`cityHash64(trace_id) / 18446744073709551616 < ${bind('share', 'Float64', rule.share)}`);
  }
  return all.join(' AND ');
}

function buildAttribute(key: string, value: string): string {
  const scalars = attributeColumns.filter((type) => type !== 'other');
  const equals = scalars.map(
    (type) => `(mapContains(attr_${type}, ${key}) AND toString(attr_${type}[${key}]) LIKE ${value})`,
  );
  return `(${equals.join(' OR ')})`;
}

/** A pattern of LIKE. */
function toLike(pattern: string): string {
  return pattern.replace(/[\\%_]/g, '\\$&').replaceAll('*', '%');
}

/** How many traces each rule keeps, and how many none does (rule 0). */
export function buildOutcomesStatement(run: string): Statement {
  const sql = 'SELECT rule, uniqExact(trace_id) AS traces FROM tail_decisions WHERE run = {run:String} GROUP BY rule';
  return { sql, params: { run } };
}

/** Minutes that have spans, from one to another without it; in order. */
export function buildMinutesStatement(fromS: number, untilS: number): Statement {
  return {
    sql: `SELECT DISTINCT toUnixTimestamp(minute) AS minute
FROM span_minutes
WHERE minute >= toDateTime({from:UInt32}, 'UTC') AND minute < toDateTime({until:UInt32}, 'UTC')
ORDER BY minute`,
    params: { from: fromS, until: untilS },
  };
}
