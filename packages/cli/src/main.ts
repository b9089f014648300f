import { CliError } from './cli-error.ts';
import { print } from './output.ts';
import { createProgram } from './program.ts';

// `clew search | head` closes the pipe early: nothing is left to print, and that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

// The table of settings takes a moment to load, which a search need not wait for.
const needsSettings = process.argv.slice(2, 4).some((word) => word === 'serve' || word === 'config');

try {
  const settings = needsSettings ? (await import('@clew/server/config')).listSettings() : [];
  await createProgram(settings).parseAsync();
} catch (error) {
  // Anything else is a bug and keeps its stack.
  const text =
    error instanceof CliError ? `clew: ${error.message}` : error instanceof Error ? error.stack : String(error);
  print(`${text}\n`, process.stderr);
  process.exitCode = 1;
}
