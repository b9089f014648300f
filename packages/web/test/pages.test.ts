import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { nativeTrace } from '@clew/model/fixtures';
import { startPrefixProxy } from './prefix-proxy.js';
import { paymentSpanId, shopBlock, shopTrace, shopTraceId } from './shop-trace.js';
import { selectedItem, startPages, summary, type TestPages, textOf } from './test-pages.js';

let pages: TestPages;

before(async () => {
  pages = await startPages();
});

after(() => pages?.close());

afterEach(() => pages.reset());

test('a trace id of 64 bits, or in capitals, is completed in the address', async () => {
  const traceId = '000000000000000005ad4dd4cf6152aa';
  pages.server.content.blocks.set(traceId, nativeTrace({ ...shopTrace, traceId }));
  for (const text of ['05ad4dd4cf6152aa', '5AD4DD4CF6152AA', traceId.toUpperCase()]) {
    const page = await pages.open(`/trace/${text}?span=${paymentSpanId}`);
    await selectedItem(page).waitFor({ state: 'attached' });
    assert.equal(new URL(page.url()).pathname, `/trace/${traceId}`);
  }
});

test("the addresses of Jaeger's other pages say what to do instead", async () => {
  for (const path of ['/dependencies', '/deep-dependencies', '/monitor', '/quality-metrics', '/compare']) {
    const page = await pages.open(path);
    await page.getByRole('heading', { name: 'Clew does not have this page' }).waitFor();
    await page.getByRole('link', { name: 'Search traces' }).waitFor();
  }
  const other = '00000000000000000000000000000abc';
  const page = await pages.open(`/trace/${shopTraceId}...abc?cohort=abc`);
  await page.getByRole('link', { name: shopTraceId }).waitFor();
  assert.equal(await page.getByRole('link', { name: other }).getAttribute('href'), `/trace/${other}`);
});

test('behind a proxy that removes a prefix, the page stays below the prefix', async () => {
  pages.server.content.blocks.set(shopTraceId, shopBlock);
  Object.assign(pages.server.content, { services: ['gateway'], traces: [{ ...summary(0), traceId: shopTraceId }] });
  const proxy = await startPrefixProxy(pages.server.origin, '/tools/clew');
  const page = await pages.open(`/`, { baseURL: proxy.origin });
  for (const path of ['/tools/clew/', `/tools/clew/trace/${shopTraceId}?span=${paymentSpanId}`, '/tools/clew/search']) {
    await page.goto(proxy.origin + path);
    await page.locator('.result a, [role=tree]').first().waitFor();
  }
  await page.getByRole('link', { name: /GET \/page\/0/ }).click();
  await page.getByRole('tree').waitFor();
  assert.equal(new URL(page.url()).pathname, `/tools/clew/trace/${shopTraceId}`);
  await page.reload();
  await page.getByRole('tree').waitFor();
  await page.goBack();
  await page.getByRole('button', { name: 'Find traces' }).click();
  await page.waitForURL(/\/tools\/clew\/search\?lookback/);
  await page.getByRole('link', { name: 'Clew, back to search' }).click();
  await page.waitForURL(/\/tools\/clew\/search$/);
  assert.ok(await page.locator('.brand img').evaluate((image: HTMLImageElement) => image.naturalWidth > 0));
  assert.deepEqual(proxy.outside, []);
  await proxy.close();
});

test('a trace is opened by its id, and what is none is refused', async () => {
  pages.server.content.blocks.set(shopTraceId, shopBlock);
  const page = await pages.open('/search');
  const box = page.getByRole('textbox', { name: 'Open trace by ID' });
  await box.fill('not an id!');
  await box.press('Enter');
  await page.getByText(/up to 32 hex digits/).waitFor();
  await box.fill(` ${shopTraceId.toUpperCase()} `);
  await box.press('Enter');
  await page.getByRole('tree').waitFor();
});

test('language and theme follow browser and system until they are chosen, which is remembered', async () => {
  const page = await pages.openShopTrace('', { locale: 'zh-CN', colorScheme: 'dark' });
  await page.getByRole('tree', { name: 'Trace 中的 Span' }).waitFor();
  assert.deepEqual(await page.evaluate(() => [document.documentElement.lang, document.documentElement.dataset.theme]), [
    'zh-CN',
    'dark',
  ]);
  await page.getByRole('button', { name: 'Switch to English' }).click();
  await page.getByRole('button', { name: 'Theme: system' }).click();
  await page.reload();
  await page.getByRole('tree', { name: 'Spans of the trace' }).waitFor();
  assert.deepEqual(await page.evaluate(() => [document.documentElement.lang, document.documentElement.dataset.theme]), [
    'en',
    'light',
  ]);
});

test('a server that asks for a token is asked again with the one that is entered, in this tab until it is closed', async () => {
  const token = 'token-of-the-test-0123456789';
  Object.assign(pages.server.content, { services: ['gateway'], traces: [summary(0)], hasMore: false, token });
  const page = await pages.open('/search');
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
    .then((other) => other.goto(`${pages.server.origin}/search`).then(() => other.getByRole('dialog').waitFor()));
});

test('the question for a token can be put off: the page says what the server said, and asks on the next try', async () => {
  pages.server.content.token = 'token-of-the-test-0123456789';
  const page = await pages.open('/search', { locale: 'zh-CN', colorScheme: 'dark' });
  const dialog = page.getByRole('dialog', { name: '此服务器需要访问令牌' });
  await dialog.waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await page.getByText('CLEW_UNAUTHENTICATED').waitFor();
  await page.locator('.notice .button, .button.primary').last().click();
  await dialog.waitFor();
});
