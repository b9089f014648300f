import type { Redaction } from '@clew/model';
import { escapeControls } from '@clew/model/text';
import { connect } from './api-client.ts';
import { confirm } from './confirm.ts';
import { countOf } from './count.ts';
import { print, printJson } from './output.ts';

/** The options of `clew redact`, as parsed. */
export interface RedactOptions {
  readonly server: string;
  readonly token?: string;
  readonly value?: string;
  /** Unix milliseconds. */
  readonly start?: number;
  readonly end?: number;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** Starts the redaction of an attribute; without a key, lists those there were. */
export async function runRedact(key: string | undefined, options: RedactOptions): Promise<void> {
  const { server, token, value, start, end, yes, json } = options;
  const client = connect(server, token);
  if (key === undefined) {
    const answer = await client.redactions();
    if (json) printJson(answer);
    else for (const redaction of answer.redactions) print(`${renderRedaction(redaction)}\n`);
    return;
  }
  await confirm(`Replace the values of ${escapeControls(key)} in all that is stored, for good?`, yes);
  const redaction = await client.redact({ key, value, start, end });
  if (json) printJson(redaction);
  else print(`${renderRedaction(redaction)}\n`);
}

/** One line: when, what, and how far it is. */
export function renderRedaction({ key, value, start, end, createdMs, ...progress }: Redaction): string {
  const conditions = [
    ...(value === null ? [] : [`= ${escapeControls(value)}`]),
    ...(start === null ? [] : [`from ${new Date(start).toISOString()}`]),
    ...(end === null ? [] : [`to ${new Date(end).toISOString()}`]),
  ];
  const state = progress.isDone ? 'done' : `${countOf(progress.partsToDo, 'part')} to do`;
  const failure = progress.error === null ? '' : ` (${escapeControls(progress.error)})`;
  return `${new Date(createdMs).toISOString()}  ${[escapeControls(key), ...conditions].join(' ')}: ${state}${failure}`;
}
