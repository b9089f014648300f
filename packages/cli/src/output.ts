import { escapeControls, escapeJson } from '@clew/model/text';
import { describeTerminal } from './terminal.ts';

/** A sequence that sets a colour or weight, as picocolors writes them. */
const style = new RegExp(`(${String.fromCharCode(0x1b)}\\[\\d{1,2}m|\\n)`);

/**
 * Writes what a command has to say. Texts come from spans, servers and files: whatever could move the cursor, change the
 * terminal or hide characters is made visible here, for all commands. Only line breaks pass, and styles where there are some.
 *
 * @returns Whether the stream takes more at once.
 */
export function print(text: string, stream: NodeJS.WriteStream = process.stdout): boolean {
  const hasStyles = describeTerminal(stream, process.env).colors.isColorSupported;
  const pieces = text.split(style).map((piece) => {
    return piece === '\n' || (hasStyles && style.test(piece)) ? piece : escapeControls(piece);
  });
  return stream.write(pieces.join(''));
}

/** Writes a value as JSON, on one line or indented. The same characters are escaped, so it stays the same value. */
export function printJson(value: unknown, indent: 0 | 2 = 2): boolean {
  return process.stdout.write(`${escapeJson(JSON.stringify(value, null, indent))}\n`);
}
