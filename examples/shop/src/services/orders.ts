/** Takes orders and remembers them. Fastify 5. */
import { fastify } from 'fastify';
import { recordFailure } from '../current-span.ts';
import { log } from '../log.ts';
import { type JsonResponse, requestJson } from '../request-json.ts';
import { addressOf, serve } from '../service.ts';
import { nameItems } from './order-history.ts';
import { openOrdersDatabase } from './orders-database.ts';

const inventoryUrl = addressOf('INVENTORY_URL');
const paymentsUrl = addressOf('PAYMENTS_URL');
const shippingUrl = addressOf('SHIPPING_URL');
const database = await openOrdersDatabase();

interface OrderRequest {
  readonly userId: string;
  readonly productId: number;
  readonly quantity: number;
  readonly card: string;
}

let attemptedOrders = 0;

/** The problem `hidden-retry`: a refused charge is tried once more at once, and nobody is told. */
async function charge(card: string, totalCents: number): Promise<JsonResponse<{ error?: string }>> {
  attemptedOrders += 1;
  const request = { method: 'POST', body: { orderId: attemptedOrders, card, totalCents } } as const;
  const first = await requestJson<{ error?: string }>(`${paymentsUrl}/charges`, request);
  return first.status === 503 ? requestJson(`${paymentsUrl}/charges`, request) : first;
}

const app = fastify({ bodyLimit: 16_384 });

app.get<{ Querystring: { user?: string } }>('/orders', async (request) =>
  nameItems(inventoryUrl, database.listOrders(request.query.user ?? 'guest')),
);

app.post<{ Body: OrderRequest }>('/orders', async (request, reply) => {
  const { userId, productId, quantity, card } = request.body;
  const product = await requestJson<{ price_cents: number }>(`${inventoryUrl}/products/${productId}`);
  if (product.status !== 200) return reply.code(product.status === 404 ? 404 : 502).send(product.body);

  const totalCents = product.body.price_cents * quantity;
  const payment = await charge(card, totalCents);
  if (payment.status !== 201) return reply.code(payment.status === 402 ? 402 : 502).send(payment.body);

  const orderId = database.insertOrder({ userId, productId, quantity, totalCents });
  const shipment = await requestJson<object>(`${shippingUrl}/shipments`, {
    method: 'POST',
    body: { orderId, productId, quantity },
  });
  if (shipment.status !== 201) return reply.code(502).send(shipment.body);
  return reply.code(201).send({ orderId, totalCents, shipment: shipment.body });
});

app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
  const status = error.statusCode ?? 500;
  if (status >= 500) {
    recordFailure(error);
    log.warn(`${request.method} ${request.url}: ${error.message}`);
  }
  return reply.code(status).send({ error: error.message });
});

await app.ready();
serve(app.server);
