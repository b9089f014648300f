import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Locator, Page } from 'playwright-core';
import { openPage, type TestPage } from './browser.ts';
import { runClew, startClew, startShop, type TestProcess } from './clew-process.ts';

/** What a purchase crosses, from the first service to the one at the bottom. */
const servicesOfPurchase = ['gateway', 'orders', 'payments', 'inventory'];
const firstTraceTimeoutMs = 60_000;
const pageTimeoutMs = 15_000;

interface FoundTrace {
  readonly traceId: string;
  readonly services: readonly { readonly service: string }[];
}

interface ShownSpan {
  readonly service: string;
  readonly kind: string;
  readonly depth: number;
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[];
}

async function searchWithClew(uiUrl: string, ...conditions: readonly string[]): Promise<readonly FoundTrace[]> {
  const answer = await runClew(uiUrl, 'search', ...conditions, '--limit', '1000', '--json');
  return (JSON.parse(answer) as { traces: readonly FoundTrace[] }).traces;
}

function crossesAll({ services }: FoundTrace): boolean {
  return servicesOfPurchase.every((wanted) => services.some(({ service }) => service === wanted));
}

/** Resolves when `clew search` finds a trace of a whole purchase. */
async function waitForPurchase(uiUrl: string): Promise<void> {
  const endMs = performance.now() + firstTraceTimeoutMs;
  while (!(await searchWithClew(uiUrl, '--service', 'payments')).some(crossesAll)) {
    assert.ok(performance.now() < endMs, `no trace across ${servicesOfPurchase} in ${firstTraceTimeoutMs} ms`);
    await sleep(500);
  }
}

/** Resolves when two answers in a row are the same: what the shop sent last is on its way from spool to engine. */
async function waitUntilSettled(uiUrl: string): Promise<void> {
  const endMs = performance.now() + firstTraceTimeoutMs;
  let before = '';
  for (;;) {
    const now = JSON.stringify(await searchWithClew(uiUrl, '--service', 'payments'));
    if (now === before) return;
    assert.ok(performance.now() < endMs, `traces still change ${firstTraceTimeoutMs} ms after the shop has ended`);
    before = now;
    await sleep(1_000);
  }
}

interface TreeItem {
  readonly locator: Locator;
  readonly level: number;
  readonly service: string;
}

/** The items of the tree that stands for the waterfall, from top to bottom. */
async function listTreeItems(page: Page): Promise<readonly TreeItem[]> {
  const locators = await page.getByRole('treeitem').all();
  return Promise.all(
    locators.map(async (locator) => {
      const label = (await locator.getAttribute('aria-label')) ?? '';
      const level = Number(await locator.getAttribute('aria-level'));
      return { locator, level, service: label.split(', ')[0] ?? '' };
    }),
  );
}

/** Whether the span is where the request came into its service: its parent is a span of another service. */
function isEntry(item: TreeItem, index: number, items: readonly TreeItem[]): boolean {
  const parent = items.slice(0, index).findLast(({ level }) => level < item.level);
  return parent?.service !== item.service;
}

describe('a purchase in the shop, seen end to end', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'clew-e2e-'));
  let server: TestProcess;
  let shop: TestProcess;
  let browser: TestPage;
  let uiUrl = '';
  let traceId = '';
  /** What the browser shows on the span that enters the deepest service. */
  let userId = '';

  before(async () => {
    server = await startClew(dataDir);
    const [ui = '', otlp = ''] = server.groups;
    uiUrl = ui;
    shop = await startShop(otlp, 10);
    await waitForPurchase(uiUrl);
    // Without load nothing is added to a trace while the test looks at it.
    await shop.stop();
    await waitUntilSettled(uiUrl);
    browser = await openPage(uiUrl);
    browser.page.setDefaultTimeout(pageTimeoutMs);
  });

  after(async () => {
    await browser?.close();
    await shop?.stop();
    await server?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  /** Runs steps in the browser; what it showed when one failed is in test-results/. */
  async function look(name: string, steps: () => Promise<void>): Promise<void> {
    try {
      await steps();
      assert.deepEqual(browser.complaints, []);
    } catch (error) {
      await browser.saveScreenshot(name);
      throw error;
    }
  }

  it('is found in the browser by a search for the service that takes the money', async () => {
    await look('search', async () => {
      const { page } = browser;
      await page.goto(uiUrl);
      await page.getByRole('combobox', { name: /^Service/ }).selectOption('payments');
      await page.getByRole('button', { name: 'Find traces' }).click();
      const links = servicesOfPurchase.reduce(
        (rows, service) => rows.filter({ hasText: service }),
        page.getByRole('main').getByRole('link'),
      );
      await links.first().click();
      await page.waitForURL(/\/trace\/[0-9a-f]{32}/);
      traceId = /[0-9a-f]{32}/.exec(page.url())?.[0] ?? '';
      for (const service of servicesOfPurchase) {
        await page
          .getByRole('treeitem', { name: new RegExp(`^${service}, `) })
          .first()
          .waitFor({ state: 'attached' });
      }
    });
  });

  it('shows user-id, which came in the baggage of the first request, on the span that enters the deepest service', async () => {
    await look('deepest-span', async () => {
      const { page } = browser;
      // Tall enough that every row of a purchase is in view.
      await page.setViewportSize({ width: 1440, height: 1600 });
      const items = await listTreeItems(page);
      const deepest = items.filter(isEntry).reduce((deep, item) => (item.level > deep.level ? item : deep));
      const { service } = deepest;
      assert.equal(service, 'inventory');
      assert.ok(deepest.level >= 5, `the deepest service is at level ${deepest.level}`);
      await deepest.locator.click();

      const details = page.getByRole('complementary');
      await details.getByText(service, { exact: true }).first().waitFor();
      userId = (await details.getByRole('row').filter({ hasText: 'user-id' }).locator('.value').textContent()) ?? '';
      assert.match(userId, /^user-\d+$/);
    });
  });

  it('is found by that user-id with clew search', async () => {
    assert.notEqual(userId, '', 'the browser showed none, see above');
    const found = await searchWithClew(uiUrl, '--attribute', `user-id=${userId}`);
    assert.ok(found.some((trace) => trace.traceId === traceId && crossesAll(trace)));
    assert.deepEqual(await searchWithClew(uiUrl, '--attribute', 'user-id=nobody'), []);
  });

  it('has the same user-id on its deepest server span in clew trace --json', async () => {
    assert.notEqual(traceId, '', 'the browser found none, see above');
    const { spans } = JSON.parse(await runClew(uiUrl, 'trace', traceId, '--json')) as { spans: ShownSpan[] };
    const entries = spans.filter(({ kind }) => kind === 'server');
    const deepest = entries.reduce((deep, span) => (span.depth > deep.depth ? span : deep));
    assert.equal(deepest.service, 'inventory');
    assert.equal(deepest.attributes.find(({ key }) => key === 'user-id')?.value.stringValue, userId);
  });

  it('is drawn in the terminal by clew trace, with the address of its page', async () => {
    const lines = (await runClew(uiUrl, 'trace', traceId, '--limit', '0')).trimEnd().split('\n');
    assert.match(lines[0]!, new RegExp(`^Trace ${traceId} .* services`));
    for (const service of servicesOfPurchase) {
      assert.ok(
        lines.some((line) => new RegExp(`^[ │├└─✗]*${service} .*[█▏]`).test(line)),
        `no line of ${service}:\n${lines.join('\n')}`,
      );
    }
    assert.equal(lines.at(-1), `${uiUrl}/trace/${traceId}`);
  });
});
