import type { TraceSummary } from '@clew/model';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { startBrowser } from './browser.js';
import { type PageServer, startPageServer } from './page-server.js';
import { shopBlock, shopTraceId } from './shop-trace.js';

/** A browser and a server with the built pages, for the tests of one file. */
export interface TestPages {
  readonly server: PageServer;
  /** Errors in the console and exceptions of the page that was opened last. */
  complaints: string[];
  open(path: string, options?: BrowserContextOptions): Promise<Page>;
  openShopTrace(query?: string, options?: BrowserContextOptions): Promise<Page>;
  /** Closes the pages, and empties the server. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

export async function startPages(): Promise<TestPages> {
  const browser: Browser = await startBrowser();
  const server = await startPageServer();
  const pages: TestPages = {
    server,
    complaints: [],
    async open(path, options = {}) {
      const context = await browser.newContext({ locale: 'en-US', viewport: { width: 1280, height: 720 }, ...options });
      const page = await context.newPage();
      pages.complaints = [];
      page.on('pageerror', (error) => pages.complaints.push(String(error)));
      page.on('console', (message) => {
        if (message.type() === 'error') pages.complaints.push(message.text());
      });
      await page.goto(server.origin + path);
      return page;
    },
    async openShopTrace(query = '', options = {}) {
      server.content.blocks.set(shopTraceId, shopBlock);
      const page = await pages.open(`/trace/${shopTraceId}${query}`, options);
      await page.getByRole('tree').waitFor();
      return page;
    },
    async reset() {
      await Promise.all(browser.contexts().map((context) => context.close()));
      Object.assign(server.content, {
        services: [],
        traces: [],
        hasMore: false,
        failure: undefined,
        token: undefined,
        refusedRequests: 0,
        halfway: undefined,
      });
      server.content.blocks.clear();
      server.requests.length = 0;
    },
    async close() {
      await browser.close();
      await server.close();
    },
  };
  return pages;
}

export function summary(index: number): TraceSummary {
  return {
    traceId: (index + 1).toString(16).padStart(32, '0'),
    firstService: 'gateway',
    firstName: `GET /page/${index}`,
    rootCount: 1,
    startNs: String(BigInt(Date.now()) * 1_000_000n),
    durationNs: (index + 1) * 1e6,
    spanCount: 12,
    errorCount: index === 0 ? 2 : 0,
    services: [{ service: 'gateway', spanCount: 12 }],
  };
}

export const textOf = async (locator: Locator): Promise<string> => (await locator.textContent()) ?? '';
export const selectedItem = (page: Page): Locator => page.locator('[role=treeitem][aria-selected=true]');
