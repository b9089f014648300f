// npm run build: installs what is missing, compiles every package, bundles the web UI, writes the page of settings.

import { prepare } from './prepare.mjs';
import { runCommand } from './processes.mjs';
import { writeSettingsPageFile } from './write-settings-page.mjs';

await runCommand(async () => {
  await prepare();
  await writeSettingsPageFile();
  return 0;
});
