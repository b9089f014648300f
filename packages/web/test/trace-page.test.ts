import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { largeTrace, nativeTrace } from '@clew/model/fixtures';
import { paymentSpanId, shopTrace } from './shop-trace.js';
import { selectedItem, startPages, type TestPages, textOf } from './test-pages.js';

let pages: TestPages;

before(async () => {
  pages = await startPages();
});

after(() => pages?.close());

afterEach(() => pages.reset());

test('a reload shows the same view of a trace: selection, filter, folds and zoom', async () => {
  const page = await pages.openShopTrace();
  const box = (await page.getByRole('treeitem', { name: /^orders, POST/ }).boundingBox())!;
  await page.mouse.click(box.x + 8 + 2 * 14 + 6, box.y + 12);
  await page.mouse.click(box.x + 200, box.y + 12);
  await page.keyboard.press('w');
  await page.getByRole('textbox', { name: /Filter/ }).fill('alice');
  await page.waitForURL(/span=00f067aa0ba90203&uiFind=alice&zoom=\d+-\d+&fold=00f067aa0ba90203/);
  const readView = async () => ({
    items: await page.getByRole('treeitem').evaluateAll((items) => items.map((item) => item.outerHTML)),
    filter: await page.getByRole('textbox', { name: /Filter/ }).inputValue(),
    details: await page.getByRole('complementary', { name: 'Span details' }).count(),
    isZoomed: await page.getByRole('button', { name: 'Whole trace' }).count(),
    address: page.url(),
  });
  const before = await readView();
  assert.deepEqual([before.details, before.isZoomed], [1, 1]);
  await page.reload();
  await page.locator('.match-count').getByText('3 matches').waitFor();
  assert.deepEqual(await readView(), before);
});

test("Jaeger's link to a span filters by its id and selects it", async () => {
  const page = await pages.openShopTrace(`?uiFind=${paymentSpanId}`);
  await page.locator('.match-count').getByText('1 match').waitFor();
  assert.match((await selectedItem(page).getAttribute('aria-label'))!, /^payments, POST \/charge/);
});

test('the tree has every span with its level, its place and what to read out', async () => {
  const page = await pages.openShopTrace();
  assert.equal(await page.getByRole('treeitem').count(), shopTrace.spans.length);
  const payment = page.getByRole('treeitem', { name: 'payments, POST /charge, 280 ms, error' });
  assert.equal(await payment.getAttribute('aria-level'), '4');
  assert.equal(await payment.getAttribute('aria-setsize'), '2');
  assert.equal(await payment.getAttribute('aria-posinset'), '2');
  assert.equal(await payment.getAttribute('aria-expanded'), null);
  assert.deepEqual(pages.complaints, []);
});

test('a link to a span lands on it, also when its id could be read as a number', async () => {
  const page = await pages.openShopTrace(`?span=${paymentSpanId}`);
  assert.match((await selectedItem(page).getAttribute('aria-label'))!, /^payments, POST \/charge/);
  const details = page.getByRole('complementary', { name: 'Span details' });
  const rowOf = (key: string) =>
    details.getByRole('row').filter({ has: page.getByRole('rowheader', { name: key, exact: true }) });
  assert.match(await textOf(rowOf('user-id')), /alice\s*string/);
  assert.match(await textOf(rowOf('amount')), /9007199254740993\s*int/);
  assert.match(await textOf(rowOf('rate')), /1\.0\s*double/);
  assert.match(await textOf(rowOf('retry')), /true\s*bool/);
  assert.match(await textOf(rowOf('cards')), /\["visa", 2\]\s*array/);
  assert.match(await textOf(rowOf('risk')), /\{"score": 0\.7\}\s*map/);
  assert.match(await textOf(rowOf('signature')), /de ad be ef\s*bytes/);
  await details.getByText('at charge (payments.js:41:11)').waitFor();
  await details.getByText('+275 ms').waitFor();
  const link = details.getByRole('link', { name: /0af76519/ });
  assert.equal(await link.getAttribute('href'), '/trace/0af7651916cd43dd8448eb211c80319c?span=b7ad6b7169203331');
});

test('a link to a span in a trace of 100,000 lands on it and scrolls there', async () => {
  const trace = largeTrace(100_000);
  pages.server.content.blocks.set(trace.traceId, nativeTrace(trace));
  const spanId = trace.spans[77_777]!.id;
  const page = await pages.open(`/trace/${trace.traceId}?span=${spanId}`);
  await selectedItem(page).waitFor({ state: 'attached' });
  assert.ok(
    await selectedItem(page).evaluate((item) => {
      const box = item.getBoundingClientRect();
      const view = item.closest('[role=tree]')!.getBoundingClientRect();
      return box.top >= view.top && box.bottom <= view.bottom;
    }),
  );
  assert.ok((await page.getByRole('treeitem').count()) < 60, 'only rows in view are in the document');
});

test('a span that is not in the trace is said to be missing, and the trace is shown', async () => {
  const page = await pages.openShopTrace('?span=ffffffffffffffff');
  await page.getByText(/Span ffffffffffffffff is not in this trace/).waitFor();
  assert.equal(await page.getByRole('treeitem').count(), shopTrace.spans.length);
});

test('keys select, fold, open details and close them, and the address follows', async () => {
  const page = await pages.openShopTrace();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('j');
  assert.match((await selectedItem(page).getAttribute('aria-label'))!, /^gateway, middleware/);
  await page.waitForURL(/span=00f067aa0ba90201/);
  await page.keyboard.press('k');
  await page.keyboard.press('ArrowLeft');
  assert.equal(await selectedItem(page).getAttribute('aria-expanded'), 'false');
  assert.equal(await page.getByRole('treeitem').count(), 2);
  await page.keyboard.press('ArrowRight');
  assert.equal(await page.getByRole('treeitem').count(), shopTrace.spans.length);
  await page.keyboard.press('Enter');
  await page.getByRole('complementary', { name: 'Span details' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('complementary', { name: 'Span details' }).waitFor({ state: 'detached' });
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
});

test('a click on a row selects it, on its chevron folds it, and a drag over the bars zooms', async () => {
  const page = await pages.openShopTrace();
  const box = (await page.getByRole('treeitem', { name: /^orders, POST \/orders/ }).boundingBox())!;
  await page.mouse.click(box.x + 200, box.y + 12);
  assert.match((await selectedItem(page).getAttribute('aria-label'))!, /^orders/);
  await page.mouse.click(box.x + 8 + 2 * 14 + 6, box.y + 12);
  assert.equal(await selectedItem(page).getAttribute('aria-expanded'), 'false');
  await page.keyboard.press('Escape');
  await page.mouse.move(600, box.y);
  await page.mouse.down();
  await page.mouse.move(800, box.y, { steps: 4 });
  await page.mouse.up();
  await page.getByRole('button', { name: 'Whole trace' }).click();
  await page.getByRole('button', { name: 'Whole trace' }).waitFor({ state: 'detached' });
});

test('the filter counts what it finds and Enter goes from one to the next', async () => {
  const page = await pages.openShopTrace();
  const filter = page.getByRole('textbox', { name: /Filter/ });
  await filter.fill('alice');
  await page.locator('.match-count').getByText('3 matches').waitFor();
  for (const service of ['gateway', 'orders', 'payments', 'gateway']) {
    await filter.press('Enter');
    assert.match((await selectedItem(page).getAttribute('aria-label'))!, new RegExp(`^${service},`));
  }
});

test('the canvas is drawn: it has the colours of several services', async () => {
  const page = await pages.openShopTrace();
  await page.waitForFunction(() => {
    const canvas = document.querySelector<HTMLCanvasElement>('.waterfall canvas')!;
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    const colours = new Map<number, number>();
    for (let at = 0; at < data.length; at += 4) {
      const colour = (data[at]! << 16) | (data[at + 1]! << 8) | data[at + 2]!;
      if (data[at + 3] === 255) colours.set(colour, (colours.get(colour) ?? 0) + 1);
    }
    return [...colours.values()].filter((count) => count > 300).length >= 4;
  });
});

test('a trace that is not there says so and what may be the reason', async () => {
  const page = await pages.open('/trace/000000000000000000000000000000ff');
  await page.getByRole('heading', { name: 'Trace not found' }).waitFor();
});

test('keys zoom to the selected span, not to the middle of the trace', async () => {
  const page = await pages.openShopTrace('?span=00f067aa0ba90201&details=closed');
  for (let step = 0; step < 20; step++) await page.keyboard.press('w');
  // 455 ms, 20 times seven tenths of it, are 0.36 ms; the span lasts from 1 to 4 ms.
  await page.waitForURL((url) => {
    const [from, to] = (url.searchParams.get('zoom') ?? '').split('-').map(Number);
    return from! >= 1e6 && to! <= 4e6 && to! - from! < 4e5;
  });
});
