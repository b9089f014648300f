import { escapeControls } from '@clew/model/text';
import { listSettings, type Origin, resolveConfig } from '@clew/server/config';
import { CliError } from './cli-error.ts';
import { countOf } from './count.ts';
import { print, printJson } from './output.ts';
import { renderTable } from './table.ts';

/** Flags of `clew config print`: those of `clew serve`, and `--json`. */
export interface PrintConfigOptions extends Record<string, unknown> {
  readonly json?: boolean;
}

/** Prints each setting with its value and origin. Fails, after that, when there are faults. */
export function printConfig({ json, ...flags }: PrintConfigOptions): void {
  const { settings, faults, warnings } = resolveConfig({ flags, env: process.env });
  const rows = listSettings().flatMap(({ name, key, show }) => {
    const setting = settings[name as keyof typeof settings];
    if (setting === undefined) return [];
    const { value, origin } = setting;
    return [{ key, value: value === undefined ? null : show(value), origin }];
  });
  if (json) {
    const byKey = Object.fromEntries(rows.map(({ key, value, origin }) => [key, { value, from: origin }]));
    printJson(byKey);
  } else {
    const cells = rows.map(({ key, value, origin }) => [key, value || '-', describeOrigin(origin)].map(escapeControls));
    const titles = ['SETTING', 'VALUE', 'FROM'];
    print(`${renderTable([titles, ...cells], titles).join('\n')}\n`);
  }
  warnOf(warnings);
  failOn(faults);
}

/** Says that the configuration is good, or fails with all its faults. */
export function checkConfig(file: string | undefined): void {
  const { faults, warnings } = resolveConfig({ flags: { config: file }, env: process.env });
  warnOf(warnings);
  failOn(faults);
  print(`${file ?? process.env.CLEW_CONFIG ?? 'The environment'} has no faults.\n`);
}

function describeOrigin(origin: Origin): string {
  if (origin.kind === 'default') return 'default';
  return origin.kind === 'file' ? `${origin.path}:${origin.line}` : origin.name;
}

function warnOf(warnings: readonly string[]): void {
  for (const warning of warnings) print(`clew: ${warning}\n`, process.stderr);
}

/** @throws {CliError} */
function failOn(faults: readonly Error[]): void {
  if (faults.length === 0) return;
  throw new CliError(
    `the configuration has ${countOf(faults.length, 'fault')}:\n${faults.map(({ message }) => `  ${message}`).join('\n')}`,
  );
}
