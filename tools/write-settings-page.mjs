// Writes docs/configuration.md from the table of settings; `npm run build` does so. A test fails when it is out of date.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { repositoryRoot } from './repository.mjs';

/** Leaves the page as it is when nothing changed. The packages must be built. */
export async function writeSettingsPageFile() {
  const config = pathToFileURL(join(repositoryRoot, 'packages/server/dist/config.js')).href;
  const { listSettings, writeSettingsPage } = await import(config);
  const file = join(repositoryRoot, 'docs/configuration.md');
  const page = writeSettingsPage(listSettings());
  if (readPage(file) === page) return;
  writeFileSync(file, page);
  console.log('Wrote docs/configuration.md');
}

/** @param {string} file */
function readPage(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
