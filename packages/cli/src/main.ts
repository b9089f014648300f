import { CliError } from './cli-error.ts';
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
  if (!(error instanceof CliError)) throw error;
  process.stderr.write(`clew: ${error.message}\n`);
  process.exitCode = 1;
}
