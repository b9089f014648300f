// npm run build: installs what is missing, compiles every package, bundles the web UI.

import { prepare } from './prepare.mjs';
import { runCommand } from './processes.mjs';

await runCommand(async () => {
  await prepare();
  return 0;
});
