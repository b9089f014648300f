import type { Session } from 'chdb';

/** What one request sets for the time of its statement. Values are as ClickHouse's HTTP interface takes them. */
export interface StatementContext {
  readonly settings: ReadonlyMap<string, string>;
  /** Values of `{name:Type}` in the statement, without the `param_` prefix. */
  readonly params: ReadonlyMap<string, string>;
  readonly database: string | undefined;
}

/** Thrown when a name in a request is not one that can be set. */
export class SettingNameError extends Error {
  override readonly name = 'SettingNameError';
}

/** Thrown when the statement needs a parameter that the request does not give. */
export class MissingParamError extends Error {
  override readonly name = 'MissingParamError';
}

const namePattern = /^[A-Za-z_]\w*$/;

/** Parameters that were once set in a session. The engine cannot unset them, so they must be kept from later statements. */
const staleParams = new WeakMap<Session, Set<string>>();

/** Sets what the request wants. On an error nothing is certain; call {@link resetContext} all the same. */
export async function applyContext(session: Session, context: StatementContext, sql: string): Promise<void> {
  const stale = staleParams.get(session) ?? new Set();
  for (const name of stale) {
    if (!context.params.has(name) && new RegExp(`\\{\\s*${name}\\s*:`).test(sql)) {
      throw new MissingParamError(`Substitution \`${name}\` is not set.`);
    }
  }
  for (const name of context.params.keys()) stale.add(name);
  staleParams.set(session, stale);
  if (context.database !== undefined) await session.queryAsync(`USE ${quoteName(context.database)}`);
  const assignments = [
    ...[...context.settings].map(([name, value]) => `${checkName(name)} = ${quoteText(value)}`),
    ...[...context.params].map(([name, value]) => `param_${checkName(name)} = ${quoteText(value)}`),
  ];
  if (assignments.length > 0) await session.queryAsync(`SET ${assignments.join(', ')}`);
}

/** Undoes {@link applyContext}: `base` are the settings that hold when a request sets nothing. */
export async function resetContext(
  session: Session,
  context: StatementContext,
  base: ReadonlyMap<string, string>,
): Promise<void> {
  if (context.database !== undefined) await session.queryAsync('USE default');
  const assignments = [
    ...[...context.settings.keys()].map((name) => `${checkName(name)} = ${renderBase(base.get(name))}`),
    // A large value would stay in memory for as long as the session lives.
    ...[...context.params.keys()].map((name) => `param_${checkName(name)} = ''`),
  ];
  if (assignments.length > 0) await session.queryAsync(`SET ${assignments.join(', ')}`);
}

/** A string literal of ClickHouse's SQL. */
export function quoteText(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

function quoteName(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
}

function renderBase(value: string | undefined): string {
  return value === undefined ? 'DEFAULT' : quoteText(value);
}

function checkName(name: string): string {
  if (!namePattern.test(name))
    throw new SettingNameError(`${JSON.stringify(name)} is not a name of a setting or parameter.`);
  return name;
}
