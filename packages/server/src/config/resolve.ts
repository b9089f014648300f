import type { z } from 'zod';
import { ClewError } from '../errors.ts';
import type { ConfigFile } from './config-file.ts';
import { type Environment, findWarnings, isServiceLink } from './environment.ts';
import { suggestName } from './nearest-name.ts';
import { keyOf, type SettingEntry, type SettingTable } from './setting.ts';

export interface SettingSources {
  /** By the names in the code, as the command line gives them; what is undefined is not set. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly env: Environment;
  readonly file: ConfigFile | undefined;
}

/** Where a value comes from. */
export type Origin =
  | { readonly kind: 'flag' | 'variable'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string; readonly line: number }
  | { readonly kind: 'default' };

export interface ResolvedSetting {
  readonly value: unknown;
  readonly origin: Origin;
}

export interface Resolution<Values> {
  /** A value for each setting without a fault. */
  readonly settings: { readonly [Name in keyof Values]?: ResolvedSetting };
  /** Everything that is wrong, not only the first. */
  readonly faults: readonly ClewError[];
  /** What may be a mistake, and keeps nothing from starting. */
  readonly warnings: readonly string[];
}

/**
 * Finds the value of each setting: flags before variables, variables before the file, the file before the default. An
 * empty variable and a key without a value count as not set. A flag or key that does not exist is a fault; of a variable
 * there is only a warning, as others set variables too.
 *
 * @param otherKnown Variables beside those of the table that are no mistakes.
 */
export function resolveSettings<Values extends object>(
  table: SettingTable<Values>,
  { flags, env, file }: SettingSources,
  otherKnown: readonly string[],
): Resolution<Values> {
  const entries = Object.entries<SettingEntry<unknown>>(table);
  const faults: ClewError[] = [...(file?.faults ?? []), ...findUnknown(entries, { flags, file })];
  const settings: Record<string, ResolvedSetting> = {};
  for (const [name, entry] of entries) {
    const { raw, origin } = find(name, entry, { flags, env, file });
    const result = entry.schema.safeParse(raw);
    if (result.success) settings[name] = { value: result.data, origin };
    else faults.push(invalid(entry, raw, origin, locate(result.error.issues)));
  }
  const variables = [...entries.map(([, { variable }]) => variable), ...otherKnown];
  return { settings: settings as Resolution<Values>['settings'], faults, warnings: findWarnings(env, variables) };
}

interface FoundValue {
  readonly raw: unknown;
  readonly origin: Origin;
}

function find(name: string, entry: SettingEntry<unknown>, { flags, env, file }: SettingSources): FoundValue {
  const { flag, variable } = entry;
  if (flags[name] !== undefined) return { raw: flags[name], origin: { kind: 'flag', name: flag } };
  if (env[variable] && !isServiceLink(variable, env[variable]))
    return { raw: env[variable], origin: { kind: 'variable', name: variable } };
  const inFile = file?.values.find(({ key, value }) => key === keyOf(entry) && value !== null);
  if (file === undefined || inFile === undefined) return { raw: undefined, origin: { kind: 'default' } };
  return { raw: inFile.value, origin: { kind: 'file', path: file.path, line: inFile.line } };
}

function invalid(entry: SettingEntry<unknown>, raw: unknown, origin: Origin, where: string): ClewError {
  const setting =
    origin.kind === 'file'
      ? `${origin.path}:${origin.line}: ${keyOf(entry)}`
      : 'name' in origin
        ? origin.name
        : entry.flag;
  const value = JSON.stringify(entry.mask === undefined ? raw : entry.mask(raw));
  return new ClewError('CLEW_CONFIG_INVALID', { name: `${setting}${where}`, value, expected: entry.expected });
}

/** Where in a value the first fault is, such as ` (item 2, kind)`; empty when it is the whole. */
function locate([issue]: readonly z.core.$ZodIssue[]): string {
  if (issue === undefined) return '';
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
  const path = [...issue.path, ...unknown].map((part) =>
    typeof part === 'number' ? `item ${part + 1}` : String(part),
  );
  return path.length === 0 ? '' : ` (${path.join(', ')})`;
}

function findUnknown(
  entries: readonly (readonly [name: string, entry: SettingEntry<unknown>])[],
  { flags, file }: Pick<SettingSources, 'flags' | 'file'>,
): readonly ClewError[] {
  const unknown = (what: string, name: string, known: readonly string[]): ClewError =>
    new ClewError('CLEW_CONFIG_UNKNOWN', { what, hint: suggestName(name, known) });
  const names = entries.map(([name]) => name);
  const keys = entries.map(([, entry]) => keyOf(entry));
  return [
    ...Object.keys(flags)
      .filter((name) => !names.includes(name))
      .map((name) => unknown(`There is no setting ${JSON.stringify(name)}.`, name, names)),
    ...(file?.values ?? [])
      .filter(({ key }) => !keys.includes(key))
      .map(({ key, line }) => unknown(`${file!.path}:${line}: there is no key ${JSON.stringify(key)}.`, key, keys)),
  ];
}
