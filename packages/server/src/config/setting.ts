import type { z } from 'zod';

/** The headings under which help and documentation list the settings, in their order. */
export const settingGroups = [
  'Storage',
  'Addresses',
  'Access',
  'Limits',
  'Sampling',
  'Retention',
  'Log',
  'Other',
] as const;

export type SettingGroup = (typeof settingGroups)[number];

/** One setting: its names, what it must be, and the schema that checks it. */
export interface SettingEntry<Value> {
  readonly variable: `CLEW_${string}`;
  /** Without its dashes it is the key in the configuration file. */
  readonly flag: `--${string}`;
  /** What the value must be, as messages and documentation say it. */
  readonly expected: string;
  readonly group?: SettingGroup;
  /** What it does, in a few words without a full stop; where it is missing, `expected` stands for it. */
  readonly description?: string;
  /** What stands for the value in help and documentation, such as `port`. Default `value`. */
  readonly placeholder?: string;
  /** The default as help and documentation say it, where the schema has none or it is more than a value. */
  readonly defaultText?: string;
  /** What is shown in place of a value that holds a secret: given as it came, before it was checked. */
  readonly mask?: (value: unknown) => string;
  readonly schema: z.ZodType<Value>;
}

/** All rows of a table of settings, by the names in the code. */
export type SettingTable<Values> = { readonly [Name in keyof Values]: SettingEntry<Values[Name]> };

/** The key of a setting in the configuration file: its flag without the dashes. */
export function keyOf({ flag }: Pick<SettingEntry<unknown>, 'flag'>): string {
  return flag.slice(2);
}

/** A value as messages, help and `clew config print` may show it. */
export function showValue({ mask }: Pick<SettingEntry<unknown>, 'mask'>, value: unknown): string {
  if (mask === undefined) return typeof value === 'string' ? value : JSON.stringify(value);
  return mask(value);
}
