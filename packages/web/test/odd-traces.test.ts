import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { type FixtureSpan, nativeTrace } from '@clew/model/fixtures';
import type { Page } from 'playwright-core';
import { paymentSpanId, shopTraceId } from './shop-trace.js';
import { selectedItem, startPages, type TestPages, textOf } from './test-pages.js';

let pages: TestPages;

before(async () => {
  pages = await startPages();
});

after(() => pages?.close());

afterEach(() => pages.reset());

const traceId = 'f'.repeat(32);
const id = (index: number): string => index.toString(16).padStart(16, '0');
const span = (index: number, part: Partial<FixtureSpan> = {}): FixtureSpan => ({
  id: id(index),
  ...(index > 1 && { parent: id(1) }),
  service: 'a',
  name: `span ${index}`,
  startNs: index * 1000,
  durationNs: 5_000,
  ...part,
});

async function openSpans(spans: readonly FixtureSpan[], query: string): Promise<Page> {
  pages.server.content.blocks.set(traceId, nativeTrace({ traceId, startNs: 1_796_040_000_000_000_000n, spans }));
  const page = await pages.open(`/trace/${traceId}${query}`);
  await page.getByRole('tree').waitFor();
  return page;
}

const detailsOf = (page: Page) => page.getByRole('complementary', { name: 'Span details' });

test('the details stay usable with a long name, a long service, a huge value and 1,000 attributes', async () => {
  const attribute = (key: string, value: string) => ({ key, value: { type: 'string', value } as const });
  const attributes = Array.from({ length: 1_000 }, (_, index) => attribute(`key.${index}`, `value ${index}`));
  attributes.push(attribute('a.huge', 'x'.repeat(10_486_050)));
  const page = await openSpans(
    [span(1, { name: 'n'.repeat(5_000), service: 's'.repeat(300), attributes })],
    `?span=${id(1)}`,
  );
  const details = detailsOf(page);
  await details.getByText('2,000 of 10,486,050 characters').waitFor();
  assert.ok((await details.locator('*').count()) < 2_000);
  assert.ok((await textOf(details)).length < 30_000);
  const value = (await details.getByRole('rowheader', { name: 'key.0', exact: true }).boundingBox())!;
  assert.ok(value.y < 720, 'the attributes are in sight');
  const close = details.getByRole('button', { name: 'Close' });
  await details.getByRole('textbox', { name: 'Filter attributes' }).fill('value 987');
  await details.getByRole('rowheader', { name: 'key.987', exact: true }).waitFor();
  assert.equal(await details.getByRole('row').count(), 1 + 1);
  await close.click();
  await details.waitFor({ state: 'detached' });
});

test('what is wrong with a span is said above the picture and in its details', async () => {
  const spans = [
    span(1, { name: '' }),
    span(2, { durationNs: -5 }),
    span(3, { parent: id(77) }),
    span(4, { parent: id(5) }),
    span(5, { parent: id(4) }),
    span(6, { id: id(2) }),
  ];
  const page = await openSpans(spans, `?span=${id(3)}`);
  const warning = page.locator('.trace-warning');
  assert.match(await textOf(warning), /incomplete: the parent of 1 span has not been received/);
  assert.match(await textOf(warning), /1 span is its own ancestor.*1 span has the ID of another.*1 span ends before/);
  await detailsOf(page).getByText('The parent of this span has not been received.').waitFor();
  await page.getByRole('treeitem', { name: /\(no name\)/ }).waitFor();
});

test('an incomplete trace shows what has arrived since, in the same view', async () => {
  const page = await openSpans([span(2), span(3)], `?span=${id(3)}&uiFind=span`);
  await page.locator('.match-count').getByText('2 matches').waitFor();
  const whole = { traceId, startNs: 1_796_040_000_000_000_000n, spans: [span(1), span(2), span(3)] };
  pages.server.content.blocks.set(traceId, nativeTrace(whole));
  await page.getByRole('button', { name: 'Refresh' }).click();
  await page.locator('.match-count').getByText('3 matches').waitFor();
  assert.equal(await page.locator('.trace-warning').count(), 0);
  assert.match((await selectedItem(page).getAttribute('aria-label'))!, /^a, span 3/);
});

test('controls and overrides of the writing direction are visible wherever a name stands', async () => {
  const name = 'eval \u202Egnp.exe\u0000';
  const page = await openSpans([span(1, { name, service: 'a\u200Bb' })], `?span=${id(1)}`);
  const seen = 'eval ⟦RLO⟧gnp.exe⟦NUL⟧';
  await page.getByRole('heading', { level: 1 }).getByText(seen).waitFor();
  await detailsOf(page).getByRole('heading', { name: seen }).waitFor();
  await page.getByRole('treeitem', { name: `a⟦ZWSP⟧b, ${seen}` }).waitFor();
  assert.equal(await page.title(), `a⟦ZWSP⟧b: ${seen} – Clew`);
});

test('deep in a tree the details name the way from the root', async () => {
  const chain = Array.from({ length: 60 }, (_, index) => span(index + 1, index === 0 ? {} : { parent: id(index) }));
  const page = await openSpans(chain, `?span=${id(60)}`);
  const way = detailsOf(page).getByRole('navigation', { name: 'Ancestors' });
  assert.match(await textOf(way), /span 1.*54 more.*span 56.*span 57.*span 58.*span 59/);
  await way.getByRole('button', { name: 'span 56' }).click();
  assert.match((await selectedItem(page).getAttribute('aria-label'))!, /^a, span 56,/);
});

test('twenty services of a trace have twenty colours', async () => {
  const spans = Array.from({ length: 20 }, (_, index) => span(index + 1, { service: `service-${index}` }));
  const page = await openSpans(spans, '');
  const colours = await page
    .locator('.trace-services .service-chip i')
    .evaluateAll((marks) => marks.map((mark) => getComputedStyle(mark).backgroundColor));
  assert.equal(new Set(colours).size, 20);
});

test('the filter finds a span by its id', async () => {
  const page = await pages.openShopTrace();
  await page.getByRole('textbox', { name: /Filter/ }).fill(paymentSpanId);
  await page.locator('.match-count').getByText('1 match').waitFor();
});

test('a trace that takes long shows how much has arrived, and can be cancelled', async () => {
  pages.server.content.halfway = 'wait';
  pages.server.content.blocks.set(traceId, nativeTrace({ traceId, startNs: 1n, spans: [span(1)] }));
  const page = await pages.open(`/trace/${traceId}`);
  await page.getByText(/received so far/).waitFor();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('heading', { name: 'Loading was cancelled' }).waitFor();
  pages.server.content.halfway = undefined;
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('tree').waitFor();
});

test('a trace that breaks off is reported as such and not loaded again by itself', async () => {
  pages.server.content.halfway = 'cut';
  const page = await pages.open('/search');
  pages.server.content.blocks.set(shopTraceId, nativeTrace({ traceId: shopTraceId, startNs: 1n, spans: [span(1)] }));
  await page.goto(`${pages.server.origin}/trace/${shopTraceId}`);
  await page.getByRole('heading', { name: 'The answer broke off' }).waitFor();
  assert.equal(pages.server.requests.filter((path) => path.includes('/traces/')).length, 1);
  pages.server.content.halfway = undefined;
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('tree').waitFor();
});
