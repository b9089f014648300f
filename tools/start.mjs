// npm start [-- OPTIONS OF `clew serve`]: the server alone.

import { prepare } from './prepare.mjs';
import { runCommand, runProcess } from './processes.mjs';

await runCommand(async () => {
  await prepare();
  return runProcess(process.execPath, ['packages/cli/bin/clew.js', 'serve', ...process.argv.slice(2)]);
});
