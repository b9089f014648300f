import { listSettings, type Origin, resolveConfig } from '@clew/server/config';
import { CliError } from './cli-error.ts';

/** Flags of `clew config print`: those of `clew serve`, and `--json`. */
export interface PrintConfigOptions extends Record<string, unknown> {
  readonly json?: boolean;
}

/** Prints each setting with its value and origin. Fails, after that, when there are faults. */
export function printConfig({ json, ...flags }: PrintConfigOptions): void {
  const { settings, faults } = resolveConfig({ flags, env: process.env });
  const rows = listSettings().flatMap(({ name, key, show }) => {
    const setting = settings[name as keyof typeof settings];
    if (setting === undefined) return [];
    const { value, origin } = setting;
    return [{ key, value: value === undefined ? null : show(value), origin }];
  });
  if (json) {
    const byKey = Object.fromEntries(rows.map(({ key, value, origin }) => [key, { value, from: origin }]));
    process.stdout.write(`${JSON.stringify(byKey, null, 2)}\n`);
  } else {
    const cells = rows.map(({ key, value, origin }) => [key, value || '-', describeOrigin(origin)] as const);
    process.stdout.write(renderTable([['SETTING', 'VALUE', 'FROM'], ...cells]));
  }
  failOn(faults);
}

/** Says that the configuration is good, or fails with all its faults. */
export function checkConfig(file: string | undefined): void {
  failOn(resolveConfig({ flags: { config: file }, env: process.env }).faults);
  process.stdout.write(`${file ?? process.env.CLEW_CONFIG ?? 'The environment'} has no faults.\n`);
}

function describeOrigin(origin: Origin): string {
  if (origin.kind === 'default') return 'default';
  return origin.kind === 'file' ? `${origin.path}:${origin.line}` : origin.name;
}

/** @throws {CliError} */
function failOn(faults: readonly Error[]): void {
  if (faults.length === 0) return;
  const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
  throw new CliError(`the configuration has ${count}:\n${faults.map(({ message }) => `  ${message}`).join('\n')}`);
}

function renderTable(rows: readonly (readonly [string, string, string])[]): string {
  const width = (column: 0 | 1): number => Math.max(...rows.map((row) => row[column].length));
  const [keyWidth, valueWidth] = [width(0), width(1)];
  return rows.map(([key, value, from]) => `${key.padEnd(keyWidth)}  ${value.padEnd(valueWidth)}  ${from}\n`).join('');
}
