import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { nativeTrace } from '@clew/model/fixtures';
import { shopTrace } from './shop-trace.js';
import { startPages, summary, type TestPages, textOf } from './test-pages.js';

let pages: TestPages;

before(async () => {
  pages = await startPages();
});

after(() => pages?.close());

afterEach(() => pages.reset());

test('an empty store says how to send the first spans, and shows them when they have come', async () => {
  const page = await pages.open('/');
  await page.getByText('OTLP/HTTP at http://127.0.0.1:24001, OTLP/gRPC at http://127.0.0.1:24002').waitFor();
  const command = page.locator('.command-line .command');
  assert.match(await textOf(command), /OTEL_SERVICE_NAME=.+OTEL_EXPORTER_OTLP_ENDPOINT=http:\/\/127\.0\.0\.1:24001/s);
  for (const way of ['Python', 'Java', 'Go', 'Collector', 'curl']) {
    await page.getByRole('button', { name: way, exact: true }).click();
    assert.match(await textOf(command), /http:\/\/127\.0\.0\.1:24001/);
  }
  pages.server.content.refusedRequests = 3;
  await page.getByText('otlp-http: 3 × unauthenticated').waitFor();
  assert.equal(new URL(page.url()).pathname, '/search');
  Object.assign(pages.server.content, { services: ['gateway'], traces: [summary(0)], hasMore: false });
  await page.getByRole('link', { name: /GET \/page\/0/ }).waitFor();
  assert.deepEqual(pages.complaints, []);
});

test('the list says how many it shows and that there are more, marks errors, and leads to the trace', async () => {
  pages.server.content.blocks.set(summary(0).traceId, nativeTrace({ ...shopTrace, traceId: summary(0).traceId }));
  const traces = Array.from({ length: 300 }, (_, index) => summary(index));
  Object.assign(pages.server.content, { services: ['gateway'], traces, hasMore: true });
  const page = await pages.open('/search');
  await page.getByRole('heading', { name: 'The newest 300 traces; older ones match too' }).waitFor();
  const first = page.getByRole('link', { name: /GET \/page\/0/ });
  assert.match(await textOf(first), /2 errors/);
  assert.ok((await page.getByRole('listitem').count()) < 60, 'only rows in view are in the document');
  await first.click();
  await page.getByRole('tree').waitFor();
  assert.equal(new URL(page.url()).pathname, `/trace/${summary(0).traceId}`);
  assert.deepEqual(pages.complaints, []);
});

test('a trace whose root has not been received is marked in the list, in both languages', async () => {
  const traces = [summary(0), { ...summary(1), rootCount: 0 }];
  Object.assign(pages.server.content, { services: ['gateway'], traces });
  const page = await pages.open('/search');
  const rows = page.locator('.result');
  await rows.nth(1).getByText('root not received').waitFor();
  assert.equal(await rows.nth(0).getByText('root not received').count(), 0);
  await page.getByRole('button', { name: '中文' }).click();
  await rows.nth(1).getByText('根 Span 尚未收到').waitFor();
});

test('a search puts its conditions, with a concrete time, into the address and asks for them', async () => {
  Object.assign(pages.server.content, { services: ['gateway', 'orders'], traces: [summary(0)], hasMore: false });
  const page = await pages.open('/search');
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
  const asked = new URL(pages.server.requests.findLast((path) => path.includes('/search'))!, pages.server.origin)
    .searchParams;
  assert.deepEqual(asked.getAll('attribute'), ['user-id=alice', 'note=two words']);
  assert.equal(asked.get('minDuration'), '200ms');
  assert.equal(asked.get('start'), String(startUs / 1000));
});

test('a condition that is none is refused at its field, and nothing is asked', async () => {
  Object.assign(pages.server.content, { services: ['gateway'], traces: [summary(0)], hasMore: false });
  const page = await pages.open('/search');
  await page.getByRole('link', { name: /GET \/page\/0/ }).waitFor();
  await page.getByLabel('Attributes').fill('no condition');
  const before = page.url();
  await page.getByRole('button', { name: 'Find traces' }).click();
  await page.getByText(/Write key=value/).waitFor();
  assert.equal(page.url(), before);
});

test("the server's refusal is shown in its own words", async () => {
  pages.server.content.failure = { status: 400, code: 'CLEW_BAD_LIMIT', message: 'limit is 500; it must be 1 to 100.' };
  const page = await pages.open('/search?limit=500');
  await page.getByText('limit is 500; it must be 1 to 100.').waitFor();
  await page.getByText('CLEW_BAD_LIMIT').waitFor();
});

test('an address with a condition that is not understood shows the error at its field, and nothing is searched for', async () => {
  Object.assign(pages.server.content, { services: ['gateway'], traces: [summary(0)], hasMore: false });
  const cases = [
    { query: 'tags=%7Bbroken', label: 'Attributes', value: '{broken', message: /not a JSON object/ },
    { query: 'limit=99999', label: 'Limit', value: '99999', message: /from 1 to 1,000/ },
    { query: 'minDuration=5x', label: 'Min. duration', value: '5x', message: /number with ns/ },
  ];
  for (const { query, label, value, message } of cases) {
    const page = await pages.open(`/search?service=gateway&${query}`);
    await page.getByRole('heading', { name: 'This address is not understood' }).waitFor();
    const field = page.getByLabel(label);
    assert.deepEqual([await field.inputValue(), await field.getAttribute('aria-invalid')], [value, 'true']);
    await page.locator('.field-error').getByText(message).waitFor();
  }
  assert.ok(!pages.server.requests.some((path) => path.includes('/search')));
});

test('parameters that are unknown or given twice are named, and can be left out', async () => {
  Object.assign(pages.server.content, { services: ['gateway'], traces: [summary(0)], hasMore: false });
  const page = await pages.open('/search?limit=50&serivce=orders&operation=a&operation=b');
  await page.getByText('serivce=orders').waitFor();
  assert.ok(!pages.server.requests.some((path) => path.includes('/search')));
  await page.getByRole('link', { name: 'Search without them' }).click();
  await page.getByRole('link', { name: /GET \/page\/0/ }).waitFor();
  assert.equal(new URL(page.url()).search, '?limit=50');
});

test('a comparison other than equality is refused at its field', async () => {
  Object.assign(pages.server.content, { services: ['gateway'], traces: [summary(0)], hasMore: false });
  const page = await pages.open('/search');
  for (const text of ['http.response.status_code>=500', 'a!=b', 'a=~b', 'a<5', '{ a = b }']) {
    await page.getByLabel('Attributes').fill(text);
    await page.getByRole('button', { name: 'Find traces' }).click();
    await page.getByText(/Only key=value can be searched for|Write key=value/).waitFor();
    assert.equal(new URL(page.url()).search, '', text);
    await page.getByLabel('Attributes').fill('');
  }
});

test('durations are taken as the server and the command line take them', async () => {
  Object.assign(pages.server.content, { services: ['gateway'], traces: [summary(0)], hasMore: false });
  const page = await pages.open('/search?minDuration=2m&maxDuration=1h');
  await page.getByRole('link', { name: /GET \/page\/0/ }).waitFor();
  await page.getByRole('button', { name: 'Find traces' }).click();
  await page.waitForURL(/minDuration=2m&maxDuration=1h&lookback/);
});

test('Back shows the same list at the same place, without a question to the server', async () => {
  pages.server.content.blocks.set(summary(40).traceId, nativeTrace({ ...shopTrace, traceId: summary(40).traceId }));
  const traces = Array.from({ length: 100 }, (_, index) => summary(index));
  Object.assign(pages.server.content, { services: ['gateway'], traces, hasMore: true });
  const page = await pages.open('/search?lookback=15m');
  await page.getByRole('link', { name: /GET \/page\/0/ }).waitFor();
  const list = page.locator('.results-scroll');
  await list.evaluate((element) => element.scrollTo(0, 2500));
  await page.getByRole('link', { name: 'GET /page/40' }).click();
  await page.getByRole('tree').waitFor();
  const asked = pages.server.requests.filter((path) => path.includes('/search'));
  await page.goBack();
  await page.getByRole('link', { name: 'GET /page/40' }).waitFor();
  assert.equal(await list.evaluate((element) => element.scrollTop), 2500);
  assert.deepEqual(
    pages.server.requests.filter((path) => path.includes('/search')),
    asked,
  );
  // A new visit asks anew.
  await page.getByRole('link', { name: 'Clew, back to search' }).click();
  await page.waitForURL(/search$/);
  await page.getByRole('link', { name: /GET \/page\/0/ }).waitFor();
  assert.equal(pages.server.requests.filter((path) => path.includes('/search')).length, asked.length + 1);
});
