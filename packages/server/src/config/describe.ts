import { keyOf, type SettingEntry, type SettingGroup, type SettingTable, settingGroups, showValue } from './setting.ts';

/** A setting as help, documentation and `clew config print` show it. */
export interface SettingDescription {
  /** In the code, and in the answers of the command line's parser. */
  readonly name: string;
  /** In the configuration file. */
  readonly key: string;
  readonly flag: string;
  readonly variable: string;
  readonly group: SettingGroup;
  readonly description: string;
  readonly placeholder: string;
  readonly expected: string;
  /** As text; undefined when there is none. */
  readonly defaultText: string | undefined;
  /** A value without what is secret in it. */
  show(value: unknown): string;
}

/** All settings, by group and within it in the order of the table. */
export function describeSettings<Values extends object>(table: SettingTable<Values>): readonly SettingDescription[] {
  const all = Object.entries<SettingEntry<unknown>>(table).map(([name, entry]) => describe(name, entry));
  return settingGroups.flatMap((group) => all.filter((setting) => setting.group === group));
}

function describe(name: string, entry: SettingEntry<unknown>): SettingDescription {
  return {
    name,
    key: keyOf(entry),
    flag: entry.flag,
    variable: entry.variable,
    group: entry.group ?? 'Other',
    description: entry.description ?? entry.expected,
    placeholder: entry.placeholder ?? 'value',
    expected: entry.expected,
    defaultText: describeDefault(name, entry),
    show: (value) => showValue(entry, value),
  };
}

function describeDefault(name: string, entry: SettingEntry<unknown>): string | undefined {
  if (entry.defaultText !== undefined) return entry.defaultText;
  const { data } = entry.schema.safeParse(undefined);
  if (data === undefined || (Array.isArray(data) && data.length === 0)) return undefined;
  return name.endsWith('Bytes') ? describeBytes(Number(data)) : showValue(entry, data);
}

/** `67108864 (64 MiB)`: whole units only, since the value that is set is the exact one. */
function describeBytes(bytes: number): string {
  for (const [unit, size] of [
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ] as const) {
    if (bytes >= size && bytes % size === 0) return `${bytes} (${bytes / size} ${unit})`;
  }
  return String(bytes);
}
