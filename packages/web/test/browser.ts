import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** Starts the browser that `CLEW_CHROMIUM` names, or Debian's. Throws, and says what to install, when it is not there. */
export async function startBrowser(): Promise<Browser> {
  const executablePath = process.env.CLEW_CHROMIUM ?? '/usr/bin/chromium';
  if (!existsSync(executablePath)) {
    throw new Error(
      `No browser at ${executablePath}. Install one (Debian: apt-get install chromium), or set CLEW_CHROMIUM to its path.`,
    );
  }
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
