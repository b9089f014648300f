/** What else a customer may like. Koa; runs as release 1.4.0 and release 1.5.0 side by side. */
import { createServer } from 'node:http';
import { trace } from '@opentelemetry/api';
import Koa from 'koa';
import { nameRoute, recordFailure } from '../current-span.ts';
import { log } from '../log.ts';
import { hasProblem } from '../problems.ts';
import { addressOf, serve } from '../service.ts';
import { allFeatures, findSimilar } from './similarity.ts';
import { startStockLookup } from './stock-lookup.ts';

const tracer = trace.getTracer('shop.recommendations');
const lookUpStock = startStockLookup(addressOf('INVENTORY_URL'));

/** The problem `slow-release`: 1.5.0 compares products by all of their features where 1.4.0 took the first hundred. */
const usedFeatures = process.env.SHOP_VERSION === '1.5.0' && hasProblem('slow-release') ? allFeatures : 100;

function rankSimilar(productId: number): readonly number[] {
  return tracer.startActiveSpan('rank similar', (span) => {
    const ids = findSimilar(productId, usedFeatures);
    span.setAttribute('shop.recommendations.count', ids.length);
    span.end();
    return ids;
  });
}

const app = new Koa();

app.use(async (ctx, next) => {
  try {
    await next();
  } catch (error) {
    recordFailure(error);
    log.warn(`${ctx.method} ${ctx.path}: ${(error as Error).message}`);
    ctx.status = 500;
    ctx.body = { error: (error as Error).message };
  }
});

app.use(async (ctx) => {
  const productId = Number(/^\/recommendations\/(\d+)$/.exec(ctx.path)?.[1]);
  if (ctx.method !== 'GET' || Number.isNaN(productId)) {
    ctx.status = 404;
    ctx.body = { error: `no route ${ctx.method} ${ctx.path}` };
    return;
  }
  nameRoute('GET', '/recommendations/:id');
  const stock = await lookUpStock(rankSimilar(productId));
  ctx.body = stock.filter(({ quantity }) => quantity > 0).map(({ product_id }) => product_id);
});

serve(createServer(app.callback()));
