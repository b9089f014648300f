/** Plans a parcel and has its goods picked. Plain node:http on both sides; its clock is 150 ms behind (skewed-clock.ts). */
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { trace } from '@opentelemetry/api';
import { nameRoute, recordFailure } from '../current-span.ts';
import { log } from '../log.ts';
import { addressOf, serve } from '../service.ts';

const tracer = trace.getTracer('shop.shipping');
const inventoryUrl = addressOf('INVENTORY_URL');
const timeoutMs = 5_000;

interface Shipment {
  readonly orderId: number;
  readonly productId: number;
  readonly quantity: number;
}

interface Pick {
  readonly pickedFor: string | null;
}

function pickGoods({ productId, quantity }: Shipment): Promise<Pick> {
  return new Promise((resolve, reject) => {
    const options = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      signal: AbortSignal.timeout(timeoutMs),
    };
    httpRequest(`${inventoryUrl}/picks`, options, (response) => {
      const body = json(response) as Promise<Pick>;
      if (response.statusCode === 201) resolve(body);
      else body.then(() => reject(new Error(`inventory answered ${response.statusCode} to a pick`)), reject);
    })
      .on('error', reject)
      .end(JSON.stringify({ productId, quantity }));
  });
}

async function planRoute(orderId: number): Promise<string> {
  return tracer.startActiveSpan('plan route', async (span) => {
    await sleep(5 + (orderId % 4) * 3);
    const carrier = orderId % 3 === 0 ? 'bicycle' : 'van';
    span.setAttribute('shop.shipping.carrier', carrier);
    span.end();
    return carrier;
  });
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const reply = (status: number, body: object) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  if (request.method !== 'POST' || request.url !== '/shipments') {
    reply(404, { error: `no route ${request.method} ${request.url}` });
    return;
  }
  nameRoute('POST', '/shipments');
  try {
    const shipment = (await json(request)) as Shipment;
    const carrier = await planRoute(shipment.orderId);
    const { pickedFor } = await pickGoods(shipment);
    reply(201, { carrier, pickedFor });
  } catch (error) {
    recordFailure(error);
    log.warn(`POST /shipments: ${(error as Error).message}`);
    reply(500, { error: 'the shipment failed' });
  }
}

serve(createServer((request, response) => void handle(request, response)));
