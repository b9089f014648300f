import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, afterEach, before, test } from 'node:test';
import { largeTrace, nativeTrace } from '@clew/model/fixtures';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { paymentSpanId, shopBlock, shopTraceId } from './shop-trace.js';
import { startPages, summary, type TestPages } from './test-pages.js';

let pages: TestPages;
let axe: string;

before(async () => {
  axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  pages = await startPages();
});

after(() => pages?.close());

afterEach(() => pages.reset());

/** What axe finds against WCAG 2.2 AA and its best practices: rule, and the elements. */
async function findViolations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const results = (await page.evaluate('axe.run()')) as AxeResults;
  return results.violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`));
}

const large = largeTrace(300);

/** Each with what it shows when it is ready. */
const states: readonly { name: string; path: string; ready: string }[] = [
  { name: 'the first-run page', path: '/search', ready: '.command-line' },
  { name: 'a list', path: '/search?limit=50', ready: '.result' },
  {
    name: 'an address that is not understood',
    path: '/search?tags=%7B&limit=0&lookback=custom&start=1&end=2',
    ready: '.notice',
  },
  { name: 'an unknown parameter', path: '/search?a=b', ready: '.notice' },
  { name: 'a trace', path: `/trace/${large.traceId}`, ready: '.waterfall canvas' },
  {
    name: 'a trace with details and a filter',
    path: `/trace/${shopTraceId}?span=${paymentSpanId}&uiFind=alice&zoom=0-90`,
    ready: '.span-details',
  },
  { name: 'a trace that is not there', path: '/trace/1', ready: '.notice.plain a' },
  { name: 'a page that only Jaeger has', path: '/dependencies', ready: '.notice a' },
];

for (const { locale, colorScheme } of [
  { locale: 'en-US', colorScheme: 'light' },
  { locale: 'zh-CN', colorScheme: 'dark' },
] as const) {
  for (const { name, path, ready } of states) {
    test(`axe finds nothing wrong with ${name} (${locale}, ${colorScheme})`, async () => {
      const { content } = pages.server;
      content.blocks.set(shopTraceId, shopBlock);
      content.blocks.set(large.traceId, nativeTrace(large));
      if (name !== 'the first-run page') {
        Object.assign(content, { services: ['gateway'], traces: Array.from({ length: 60 }, (_, at) => summary(at)) });
      }
      const page = await pages.open(path, { locale, colorScheme });
      await page.locator(ready).first().waitFor({ state: 'attached' });
      assert.deepEqual(await findViolations(page), []);
    });
  }
}

test('keyboards skip the header with their first stop', async () => {
  const page = await pages.openShopTrace();
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Skip to content');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement?.tagName), 'MAIN');
});

test('zooming and filtering are announced', async () => {
  const page = await pages.openShopTrace();
  await page.keyboard.press('w');
  await page
    .getByRole('status')
    .getByText(/^Shown: .+ to .+ of 455 ms/)
    .waitFor();
  await page.getByRole('textbox', { name: /Filter/ }).fill('alice');
  await page.getByRole('status').getByText('3 matches').waitFor();
});
