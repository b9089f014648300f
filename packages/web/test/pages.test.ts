import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import type { TraceSummary } from '@clew/model';
import { largeTrace, nativeTrace } from '@clew/model/fixtures';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { startBrowser } from './browser.js';
import { type PageServer, startPageServer } from './page-server.js';
import { paymentSpanId, shopBlock, shopTrace, shopTraceId } from './shop-trace.js';

let browser: Browser;
let server: PageServer;
let complaints: string[] = [];

before(async () => {
  browser = await startBrowser();
  server = await startPageServer();
});

after(async () => {
  await browser?.close();
  await server?.close();
});

afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
  Object.assign(server.content, { services: [], traces: [], hasMore: false, failure: undefined, token: undefined });
  server.content.blocks.clear();
  server.requests.length = 0;
});

async function open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ locale: 'en-US', viewport: { width: 1280, height: 720 }, ...options });
  const page = await context.newPage();
  complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  await page.goto(server.origin + path);
  return page;
}

function summary(index: number): TraceSummary {
  return {
    traceId: (index + 1).toString(16).padStart(32, '0'),
    rootService: 'gateway',
    rootName: `GET /page/${index}`,
    startNs: String(BigInt(Date.now()) * 1_000_000n),
    durationNs: (index + 1) * 1e6,
    spanCount: 12,
    errorCount: index === 0 ? 2 : 0,
    services: [{ service: 'gateway', spanCount: 12 }],
  };
}

async function openShopTrace(query = '', options: BrowserContextOptions = {}): Promise<Page> {
  server.content.blocks.set(shopTraceId, shopBlock);
  const page = await open(`/trace/${shopTraceId}${query}`, options);
  await page.getByRole('tree').waitFor();
  return page;
}

const textOf = async (locator: Locator): Promise<string> => (await locator.textContent()) ?? '';
const selectedItem = (page: Page) => page.locator('[role=treeitem][aria-selected=true]');

test('an empty store says how to send the first spans, and shows them when they have come', async () => {
  const page = await open('/');
  await page.getByText('node --import @clew/sdk/register app.js').waitFor();
  assert.equal(new URL(page.url()).pathname, '/search');
  Object.assign(server.content, { services: ['gateway'], traces: [summary(0)], hasMore: false });
  await page.getByRole('link', { name: /GET \/page\/0/ }).waitFor();
  assert.deepEqual(complaints, []);
});

test('the list says how many it shows and that there are more, marks errors, and leads to the trace', async () => {
  server.content.blocks.set(summary(0).traceId, nativeTrace({ ...shopTrace, traceId: summary(0).traceId }));
  const traces = Array.from({ length: 300 }, (_, index) => summary(index));
  Object.assign(server.content, { services: ['gateway'], traces, hasMore: true });
  const page = await open('/search');
  await page.getByRole('heading', { name: 'The newest 300 traces; older ones match too' }).waitFor();
  const first = page.getByRole('link', { name: /GET \/page\/0/ });
  assert.match(await textOf(first), /2 errors/);
  assert.ok((await page.getByRole('listitem').count()) < 60, 'only rows in view are in the document');
  await first.click();
  await page.getByRole('tree').waitFor();
  assert.equal(new URL(page.url()).pathname, `/trace/${summary(0).traceId}`);
  assert.deepEqual(complaints, []);
});

test('a search puts its conditions, with a concrete time, into the address and asks for them', async () => {
  Object.assign(server.content, { services: ['gateway', 'orders'], traces: [summary(0)], hasMore: false });
  const page = await open('/search');
  await page.getByLabel('Service').selectOption('orders');
  await page.getByLabel('Attributes').fill('user-id=alice note="two words"');
  await page.getByLabel('Min. duration').fill('200 ms');
  await page.getByRole('button', { name: 'Find traces' }).click();
  await page.waitForURL(/service=orders/);
  const address = new URL(page.url()).searchParams;
  assert.equal(address.get('tags'), '{"user-id":"alice","note":"two words"}');
  const [startUs, endUs] = [Number(address.get('start')), Number(address.get('end'))];
  assert.equal(endUs - startUs, 3_600_000_000);
  await page.getByRole('link', { name: /GET \/page\/0/ }).waitFor();
  const asked = new URL(server.requests.findLast((path) => path.includes('/search'))!, server.origin).searchParams;
  assert.deepEqual(asked.getAll('attribute'), ['user-id=alice', 'note=two words']);
  assert.equal(asked.get('minDuration'), '200ms');
  assert.equal(asked.get('start'), String(startUs / 1000));
});

test('a condition that is none is refused at its field, and nothing is asked', async () => {
  Object.assign(server.content, { services: ['gateway'], traces: [summary(0)], hasMore: false });
  const page = await open('/search');
  await page.getByRole('link', { name: /GET \/page\/0/ }).waitFor();
  await page.getByLabel('Attributes').fill('no condition');
  const before = page.url();
  await page.getByRole('button', { name: 'Find traces' }).click();
  await page.getByText(/Write key=value/).waitFor();
  assert.equal(page.url(), before);
});

test("the server's refusal is shown in its own words", async () => {
  server.content.failure = { status: 400, code: 'CLEW_BAD_LIMIT', message: 'limit is 5000; it must be 1 to 1000.' };
  const page = await open('/search?limit=5000');
  await page.getByText('limit is 5000; it must be 1 to 1000.').waitFor();
  await page.getByText('CLEW_BAD_LIMIT').waitFor();
});

test('the tree has every span with its level, its place and what to read out', async () => {
  const page = await openShopTrace();
  assert.equal(await page.getByRole('treeitem').count(), shopTrace.spans.length);
  const payment = page.getByRole('treeitem', { name: 'payments, POST /charge, 280 ms, error' });
  assert.equal(await payment.getAttribute('aria-level'), '4');
  assert.equal(await payment.getAttribute('aria-setsize'), '2');
  assert.equal(await payment.getAttribute('aria-posinset'), '2');
  assert.equal(await payment.getAttribute('aria-expanded'), null);
  assert.deepEqual(complaints, []);
});

test('a link to a span lands on it, also when its id could be read as a number', async () => {
  const page = await openShopTrace(`?span=${paymentSpanId}`);
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
  server.content.blocks.set(trace.traceId, nativeTrace(trace));
  const spanId = trace.spans[77_777]!.id;
  const page = await open(`/trace/${trace.traceId}?span=${spanId}`);
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
  const page = await openShopTrace('?span=ffffffffffffffff');
  await page.getByText(/Span ffffffffffffffff is not in this trace/).waitFor();
  assert.equal(await page.getByRole('treeitem').count(), shopTrace.spans.length);
});

test('keys select, fold, open details and close them, and the address follows', async () => {
  const page = await openShopTrace();
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
  const page = await openShopTrace();
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
  const page = await openShopTrace();
  const filter = page.getByRole('textbox', { name: /Filter/ });
  await filter.fill('alice');
  await page.getByText('3 matches').waitFor();
  for (const service of ['gateway', 'orders', 'payments', 'gateway']) {
    await filter.press('Enter');
    assert.match((await selectedItem(page).getAttribute('aria-label'))!, new RegExp(`^${service},`));
  }
});

test('the canvas is drawn: it has the colours of several services', async () => {
  const page = await openShopTrace();
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
  const page = await open('/trace/000000000000000000000000000000ff');
  await page.getByRole('heading', { name: 'This trace is not here' }).waitFor();
});

test('a trace is opened by its id, and what is none is refused', async () => {
  server.content.blocks.set(shopTraceId, shopBlock);
  const page = await open('/search');
  const box = page.getByRole('textbox', { name: 'Open trace by ID' });
  await box.fill('not an id!');
  await box.press('Enter');
  await page.getByText(/up to 32 hex digits/).waitFor();
  await box.fill(` ${shopTraceId.toUpperCase()} `);
  await box.press('Enter');
  await page.getByRole('tree').waitFor();
});

test('language and theme follow browser and system until they are chosen, which is remembered', async () => {
  const page = await openShopTrace('', { locale: 'zh-CN', colorScheme: 'dark' });
  await page.getByRole('tree', { name: 'Trace 中的 Span' }).waitFor();
  assert.deepEqual(await page.evaluate(() => [document.documentElement.lang, document.documentElement.dataset.theme]), [
    'zh-CN',
    'dark',
  ]);
  await page.getByRole('button', { name: 'Switch to English' }).click();
  await page.getByRole('button', { name: 'Theme: as the system' }).click();
  await page.reload();
  await page.getByRole('tree', { name: 'Spans of the trace' }).waitFor();
  assert.deepEqual(await page.evaluate(() => [document.documentElement.lang, document.documentElement.dataset.theme]), [
    'en',
    'light',
  ]);
});

test('a server that asks for a token is asked again with the one that is entered, in this tab until it is closed', async () => {
  const token = 'token-of-the-test-0123456789';
  Object.assign(server.content, { services: ['gateway'], traces: [summary(0)], hasMore: false, token });
  const page = await open('/search');
  const dialog = page.getByRole('dialog', { name: 'This server asks for a token' });
  await dialog.waitFor();
  assert.equal(await dialog.getByRole('alert').count(), 0);
  assert.equal(await page.evaluate(() => document.activeElement?.tagName), 'INPUT');

  await dialog.getByLabel('Access token').fill('wrong-token');
  await page.keyboard.press('Enter');
  await dialog.getByRole('alert').waitFor();
  assert.match(await textOf(dialog), /The server does not accept this token\./);

  await dialog.getByLabel('Access token').fill(` ${token} `);
  await dialog.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('link', { name: /GET \/page\/0/ }).waitFor();
  assert.equal(await dialog.count(), 0);

  await page.reload();
  await page.getByRole('link', { name: /GET \/page\/0/ }).waitFor();
  assert.equal(await dialog.count(), 0);
  assert.deepEqual(await page.evaluate(() => [localStorage.length, sessionStorage.getItem('clew.token')]), [0, token]);

  // Another tab has to ask for itself.
  await page
    .context()
    .newPage()
    .then((other) => other.goto(`${server.origin}/search`).then(() => other.getByRole('dialog').waitFor()));
});

test('the question for a token can be put off: the page says what the server said, and asks on the next try', async () => {
  server.content.token = 'token-of-the-test-0123456789';
  const page = await open('/search', { locale: 'zh-CN', colorScheme: 'dark' });
  const dialog = page.getByRole('dialog', { name: '此服务器需要访问令牌' });
  await dialog.waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await page.getByText('CLEW_UNAUTHENTICATED').waitFor();
  await page.locator('.notice .button, .button.primary').last().click();
  await dialog.waitFor();
});
