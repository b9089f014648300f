import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { largeTrace, nativeTrace } from '@clew/model/fixtures';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { createTimeScale, fullWindow } from '#src/layout/time-window.js';
import { startBrowser } from './browser.js';
import { type PageServer, startPageServer } from './page-server.js';
import { shopBlock, shopTrace, shopTraceId } from './shop-trace.js';

let browser: Browser;
let server: PageServer;
/** Decodes screenshots: the pages themselves forbid images that their server does not send. */
let decoder: Page;

before(async () => {
  browser = await startBrowser();
  server = await startPageServer();
  server.content.blocks.set(shopTraceId, shopBlock);
  decoder = await browser.newPage();
});

after(async () => {
  await browser?.close();
  await server?.close();
});

interface Point {
  readonly x: number;
  readonly y: number;
}

async function openTrace(
  traceId: string,
  ratio: number,
  viewport = { width: 1283, height: 721 },
): Promise<{ page: Page; context: BrowserContext }> {
  const context = await browser.newContext({ locale: 'en-US', viewport, deviceScaleFactor: ratio });
  const page = await context.newPage();
  await page.goto(`${server.origin}/trace/${traceId}`);
  await page.getByRole('tree').waitFor();
  return { page, context };
}

/** The colours that the screen shows at points given in CSS pixels. */
async function readScreen(page: Page, points: readonly Point[]): Promise<string[]> {
  const picture = (await page.screenshot()).toString('base64');
  const widthPx = page.viewportSize()!.width;
  return await decoder.evaluate(
    async ({ picture, points, widthPx }) => {
      const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0));
      const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
      const context = new OffscreenCanvas(image.width, image.height).getContext('2d')!;
      context.drawImage(image, 0, 0);
      const ratio = image.width / widthPx;
      return points.map(({ x, y }) =>
        context
          .getImageData(Math.floor(x * ratio), Math.floor(y * ratio), 1, 1)
          .data.slice(0, 3)
          .join(' '),
      );
    },
    { picture, points, widthPx },
  );
}

interface Bar {
  readonly label: string;
  readonly middle: Point;
  readonly serviceColour: string;
}

/** The bars of the spans in view, computed from the trace and the page's frame alone; no pixel of the canvas is read. */
async function locateBars(page: Page): Promise<Bar[]> {
  const { items, chips, tree } = await page.evaluate(() => {
    const element = document.querySelector('[role=tree]')!;
    const box = element.getBoundingClientRect();
    return {
      tree: { left: box.left, width: element.clientWidth, bottom: box.bottom },
      items: [...document.querySelectorAll('[role=treeitem]')].map((item) => ({
        label: item.getAttribute('aria-label')!,
        top: item.getBoundingClientRect().top,
      })),
      chips: [...document.querySelectorAll('.trace-services .service-chip')].map((chip) => ({
        service: chip.querySelector('.service-chip-name')!.textContent!,
        colour: getComputedStyle(chip.querySelector('i')!).backgroundColor,
      })),
    };
  });
  const endNs = Math.max(...shopTrace.spans.map((span) => span.startNs + span.durationNs));
  const nameWidthPx = Math.min(340, Math.round(tree.width * 0.4));
  const scale = createTimeScale(fullWindow(endNs), nameWidthPx + 8, tree.width - nameWidthPx - 8 - 16);
  return items
    .filter(({ top }) => top + 24 <= tree.bottom)
    .map(({ label, top }, index) => {
      const [service, name] = label.split(', ') as [string, string];
      // Of spans with one name the n-th in the tree is the n-th that starts.
      const nth = items.slice(0, index).filter((item) => item.label.startsWith(`${service}, ${name},`)).length;
      const span = shopTrace.spans.filter((one) => one.service === service && one.name === name)[nth]!;
      const middleNs = span.startNs + span.durationNs / 2;
      const colour = chips
        .find((chip) => chip.service === service)!
        .colour.match(/\d+/g)!
        .join(' ');
      // Below the middle: above it, the bar is paler where children run.
      return { label, middle: { x: tree.left + scale.toPx(middleNs), y: top + 16.5 }, serviceColour: colour };
    });
}

async function checkPicture(page: Page): Promise<void> {
  const bars = await locateBars(page);
  assert.ok(bars.length >= 5);
  const seen = await readScreen(
    page,
    bars.map(({ middle }) => middle),
  );
  assert.deepEqual(
    bars.map(({ label }, index) => [label, seen[index]]),
    bars.map(({ label, serviceColour }) => [label, serviceColour]),
  );
  for (const { label, middle } of bars) {
    await page.mouse.click(middle.x, middle.y);
    const selected = page.locator('[role=treeitem][aria-selected=true]');
    assert.equal(await selected.getAttribute('aria-label'), label);
    // The panel with its details takes room from the picture.
    await page.keyboard.press('Escape');
    await page.getByRole('complementary').waitFor({ state: 'detached' });
  }
}

for (const ratio of [1, 1.25, 1.5, 2, 3]) {
  test(`the pixel in the middle of a bar has its service's colour, and a click there selects it, at pixel ratio ${ratio}`, async () => {
    const { page, context } = await openTrace(shopTraceId, ratio);
    await checkPicture(page);
    await context.close();
  });
}

test('on a telephone with pixel ratio 3 the picture fits its frame', async () => {
  const { page, context } = await openTrace(shopTraceId, 3, { width: 390, height: 844 });
  await checkPicture(page);
  await context.close();
});

test('the picture is right after the pixel ratio changed and after the window was resized', async () => {
  const { page, context } = await openTrace(shopTraceId, 1);
  await checkPicture(page);
  const session = await context.newCDPSession(page);
  await session.send('Emulation.setDeviceMetricsOverride', {
    width: 1283,
    height: 721,
    deviceScaleFactor: 2,
    mobile: false,
  });
  await page.waitForFunction(() => {
    const canvas = document.querySelector<HTMLCanvasElement>('.waterfall canvas')!;
    return Math.abs(canvas.width - 2 * canvas.getBoundingClientRect().width) < 0.01;
  });
  await checkPicture(page);
  await page.setViewportSize({ width: 941, height: 603 });
  await page.waitForFunction(() => {
    const tree = document.querySelector('[role=tree]')!;
    return document.querySelector('.waterfall canvas')!.getBoundingClientRect().width === tree.clientWidth;
  });
  await checkPicture(page);
  await context.close();
});

for (const ratio of [1, 1.25, 2, 3]) {
  test(`every canvas has one pixel for each of the screen's at pixel ratio ${ratio}, beside a scroll bar too`, async () => {
    const trace = largeTrace(2_000);
    server.content.blocks.set(trace.traceId, nativeTrace(trace));
    const { page, context } = await openTrace(trace.traceId, ratio, { width: 1001, height: 701 });
    await page.waitForFunction(() =>
      [...document.querySelectorAll('canvas')].every((canvas) => {
        const box = canvas.getBoundingClientRect();
        const isExact =
          Math.abs(box.width * devicePixelRatio - canvas.width) < 0.05 &&
          Math.abs(box.height * devicePixelRatio - canvas.height) < 0.05;
        return isExact && getComputedStyle(canvas).objectFit === 'fill' && box.width > 900;
      }),
    );
    await context.close();
  });
}
