import { createInterface } from 'node:readline/promises';
import { escapeControls } from '@clew/model/text';
import { CliError } from './cli-error.ts';

/**
 * Asks before what cannot be undone; anything but y or yes is a no.
 * @throws CliError when the answer is no, or there is nobody to ask.
 */
export async function confirm(question: string, isSure = false): Promise<void> {
  if (isSure) return;
  if (!process.stdin.isTTY) throw new CliError('there is no terminal to ask on: add --yes to go on without a question');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(escapeControls(`${question} [y/N] `));
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new CliError('nothing was changed');
}
