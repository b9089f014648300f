import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BrowserContext, chromium, type Page } from 'playwright-core';

const resultsFolder = fileURLToPath(new URL('../../../test-results', import.meta.url));

/** A page in a real browser, and what went wrong in it. */
export interface TestPage {
  readonly page: Page;
  /** Errors on the console, exceptions nobody caught, requests that failed or left the origin. Must stay empty. */
  readonly complaints: readonly string[];
  /** Writes what the page shows to `test-results/<name>.png`. */
  saveScreenshot(name: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens a browser with a profile of its own on a page that may load from `origin` alone.
 *
 * @throws {Error} When CLEW_CHROMIUM does not name a browser: `npm test` sets it.
 */
export async function openPage(origin: string): Promise<TestPage> {
  const executablePath = process.env.CLEW_CHROMIUM;
  if (executablePath === undefined) {
    throw new Error('CLEW_CHROMIUM is not set: run npm test, or set it to the path of a Chromium');
  }
  const profile = mkdtempSync(join(tmpdir(), 'clew-chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    locale: 'en-US',
    viewport: { width: 1440, height: 900 },
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
  const complaints: string[] = [];
  const page = context.pages()[0] ?? (await context.newPage());
  watch(context, page, origin, complaints);
  return {
    page,
    complaints,
    async saveScreenshot(name) {
      mkdirSync(resultsFolder, { recursive: true });
      await page.screenshot({ path: join(resultsFolder, `${name}.png`) });
    },
    async close() {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

function watch(context: BrowserContext, page: Page, origin: string, complaints: string[]): void {
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http') && url.origin !== origin) complaints.push(`request to ${request.url()}`);
  });
  context.on('requestfailed', (request) => {
    // A page that moves on cancels what it no longer needs.
    if (request.failure()?.errorText !== 'net::ERR_ABORTED') complaints.push(`failed request ${request.url()}`);
  });
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`exception: ${error.stack ?? error.message}`));
}
