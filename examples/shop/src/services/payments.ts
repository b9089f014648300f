/** Charges cards at a bank. Plain node:http. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { trace } from '@opentelemetry/api';
import { nameRoute, recordFailure } from '../current-span.ts';
import { log } from '../log.ts';
import { hasProblem } from '../problems.ts';
import { serve } from '../service.ts';

const tracer = trace.getTracer('shop.payments');

interface Charge {
  readonly orderId: number;
  readonly card: string;
  readonly totalCents: number;
}

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** The bank ends a session after so many charges. */
const chargesPerSession = 5;
let chargesLeft = chargesPerSession;

function readCardNumber(card: string): string {
  if (!/^\d{12,19}$/.test(card)) {
    throw new TypeError(`card number of ${card.length} characters is not 12 to 19 digits; ask for the card again`);
  }
  return card;
}

/** The bank declines cards that begin with 0. */
async function askBank(cardNumber: string, orderId: number): Promise<boolean> {
  return tracer.startActiveSpan('ask bank', async (span) => {
    await sleep(15 + (orderId % 7) * 5);
    const approved = !cardNumber.startsWith('0');
    span.setAttribute('shop.payment.approved', approved);
    span.end();
    return approved;
  });
}

async function charge({ orderId, card, totalCents }: Charge): Promise<Answer> {
  const cardNumber = readCardNumber(card);
  if (chargesLeft === 0) {
    chargesLeft = chargesPerSession;
    // The problem `hidden-retry`: the charge that finds the session ended is refused, instead of waiting for the new one.
    if (hasProblem('hidden-retry')) return { status: 503, body: { error: 'the session with the bank had ended' } };
  }
  chargesLeft -= 1;
  if (!(await askBank(cardNumber, orderId))) return { status: 402, body: { error: 'the bank declined the card' } };
  return { status: 201, body: { orderId, totalCents } };
}

async function answer(request: IncomingMessage): Promise<Answer> {
  if (request.method !== 'POST' || request.url !== '/charges') {
    return { status: 404, body: { error: `no route ${request.method} ${request.url}` } };
  }
  nameRoute('POST', '/charges');
  try {
    return await charge((await json(request)) as Charge);
  } catch (error) {
    recordFailure(error);
    log.warn(`POST /charges: ${(error as Error).message}`);
    return { status: 500, body: { error: 'the charge failed' } };
  }
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { status, body } = await answer(request);
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

serve(createServer((request, response) => void handle(request, response)));
