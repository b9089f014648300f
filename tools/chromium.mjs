// Finds a Chromium for the tests in a browser, and installs Debian's where that is possible without asking.

import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runProcess } from './processes.mjs';

const commandNames = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const applications = [
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/**
 * @param {NodeJS.ProcessEnv} [env] CLEW_CHROMIUM names the executable; otherwise the PATH is searched.
 * @returns {string | undefined} The executable, or undefined when there is none.
 * @throws {Error} When CLEW_CHROMIUM is set and cannot be executed.
 */
function findChromium(env = process.env) {
  const named = env.CLEW_CHROMIUM;
  if (named) {
    if (isExecutable(named)) return named;
    throw new Error(`CLEW_CHROMIUM=${named} is no executable file: give the path of a Chromium, or unset it`);
  }
  const folders = [...(env.PATH ?? '').split(delimiter).filter(Boolean), '/usr/bin'];
  const candidates = commandNames.flatMap((name) => folders.map((folder) => join(folder, name)));
  return [...candidates, ...applications].find(isExecutable);
}

/**
 * The Chromium of this machine, installed first where this is root on Debian and none is there.
 *
 * @returns {Promise<string>} The executable.
 * @throws {Error} That says what to install. Tests in the browser are never skipped.
 */
export async function ensureChromium() {
  const found = findChromium();
  if (found !== undefined) return found;
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    console.log('Installing chromium for the tests in a browser (apt-get) …');
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    await runProcess('apt-get', ['update', '-q'], { env });
    // The Noto font has the Chinese glyphs that the UI's second language needs.
    await runProcess('apt-get', ['install', '-qy', '--no-install-recommends', 'chromium', 'fonts-noto-cjk'], { env });
    const installed = findChromium();
    if (installed !== undefined) return installed;
  }
  throw new Error(
    [
      'The tests need Chromium and there is none on this machine. Install it:',
      '  Debian, Ubuntu:  sudo apt-get install --no-install-recommends chromium fonts-noto-cjk',
      '  Fedora:          sudo dnf install chromium',
      '  macOS:           brew install --cask chromium',
      'or set CLEW_CHROMIUM to the path of a Chromium or Chrome, and run npm test again.',
    ].join('\n'),
  );
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
