/** The shop's public face: the only service that customers talk to. Express 5. */
import { createServer } from 'node:http';
import express, { type NextFunction, type Request, type Response } from 'express';
import { recordFailure } from '../current-span.ts';
import { log } from '../log.ts';
import { hasProblem } from '../problems.ts';
import { type JsonResponse, requestJson } from '../request-json.ts';
import { addressOf, serve } from '../service.ts';

const inventoryUrl = addressOf('INVENTORY_URL');
const ordersUrl = addressOf('ORDERS_URL');
const recommendationsUrls = addressOf('RECOMMENDATIONS_URLS').split(',');
let nextRecommendations = 0;

/** Both releases of the recommendations take turns. */
function fetchRecommendations(productId: string): Promise<JsonResponse<readonly number[]>> {
  nextRecommendations = (nextRecommendations + 1) % recommendationsUrls.length;
  return requestJson(`${recommendationsUrls[nextRecommendations]}/recommendations/${productId}`);
}

function fetchProduct(productId: string): Promise<JsonResponse<object>> {
  return requestJson(`${inventoryUrl}/products/${productId}`);
}

/** The problem `serial-calls`: neither call needs the other's answer, yet the second waits for the first. */
async function fetchProductPage(productId: string) {
  if (hasProblem('serial-calls')) {
    const product = await fetchProduct(productId);
    return { product, recommendations: await fetchRecommendations(productId) };
  }
  const [product, recommendations] = await Promise.all([fetchProduct(productId), fetchRecommendations(productId)]);
  return { product, recommendations };
}

/** Who is logged in; a real shop would read a session. */
function userOf(request: Request): string {
  return request.get('x-user-id') ?? 'guest';
}

function relay(response: Response, upstream: JsonResponse<unknown>): void {
  response.status(upstream.status).json(upstream.body);
}

const app = express();
app.disable('x-powered-by');
app.use(express.json({ limit: '16kb' }));

app.get('/products', async (request, response) => {
  const query = new URLSearchParams({
    category: String(request.query.category ?? 'books'),
    sort: String(request.query.sort ?? 'name'),
  });
  relay(response, await requestJson(`${inventoryUrl}/products?${query}`));
});

app.get('/products/:id', async (request, response) => {
  const { id } = request.params;
  if (!/^\d{1,9}$/.test(id)) {
    response.status(400).json({ error: `product id "${id.slice(0, 20)}" is not a number of at most 9 digits` });
    return;
  }
  const { product, recommendations } = await fetchProductPage(id);
  if (product.status !== 200) {
    relay(response, product);
    return;
  }
  response.json({ ...product.body, recommendations: recommendations.status === 200 ? recommendations.body : [] });
});

app.post('/checkout', async (request, response) => {
  const { productId, quantity, card } = request.body as Record<string, unknown>;
  const order = await requestJson(`${ordersUrl}/orders`, {
    method: 'POST',
    body: { userId: userOf(request), productId, quantity, card },
  });
  relay(response, order);
});

app.get('/orders', async (request, response) => {
  relay(response, await requestJson(`${ordersUrl}/orders?user=${encodeURIComponent(userOf(request))}`));
});

app.use((error: Error & { status?: number }, request: Request, response: Response, _next: NextFunction) => {
  const status = error.status ?? 502;
  if (status >= 500) {
    recordFailure(error);
    log.warn(`${request.method} ${request.path}: ${error.message}`);
  }
  response.status(status).json({ error: error.message });
});

serve(createServer(app));
