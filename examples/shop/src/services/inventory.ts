/** What the shop has and where it lies. Hono, with SQLite inside: the deepest service of a checkout. */
import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { type Context, Hono } from 'hono';
import { baggageUserId, recordFailure } from '../current-span.ts';
import { openDatabase } from '../database.ts';
import { log } from '../log.ts';
import { hasProblem } from '../problems.ts';
import { serve } from '../service.ts';
import { inventoryScript, movementsIndex } from './inventory-schema.ts';

const database = await openDatabase(
  'inventory',
  hasProblem('slow-query') ? inventoryScript : inventoryScript + movementsIndex,
);

function listByName(category: string) {
  return database.query(
    {
      operation: 'SELECT',
      collection: 'products',
      text: 'SELECT id, name, price_cents FROM products WHERE category = ? ORDER BY name LIMIT 20',
    },
    [category],
  );
}

/** The problem `slow-query`: for want of an index, SQLite reads all movements once for each product of the category. */
function listByPopularity(category: string) {
  return database.query(
    {
      operation: 'SELECT',
      collection: 'products',
      text: `SELECT p.id, p.name, p.price_cents,
  (SELECT SUM(-m.delta) FROM stock_movements m WHERE m.product_id = p.id) AS sold
FROM products p WHERE p.category = ? ORDER BY sold DESC LIMIT 20`,
    },
    [category],
  );
}

function notFound(context: Context, id: string) {
  return context.json({ error: `no product ${id}` }, 404);
}

const app = new Hono();

app.get('/products', (context) => {
  const category = context.req.query('category') ?? 'books';
  return context.json(context.req.query('sort') === 'popularity' ? listByPopularity(category) : listByName(category));
});

app.get('/products/:id', (context) => {
  const id = context.req.param('id');
  const [product] = database.query(
    {
      operation: 'SELECT',
      collection: 'products',
      text: 'SELECT id, name, category, price_cents FROM products WHERE id = ?',
    },
    [Number(id)],
  );
  if (product === undefined) return notFound(context, id);
  const [stock] = database.query(
    { operation: 'SELECT', collection: 'stock', text: 'SELECT quantity FROM stock WHERE product_id = ?' },
    [Number(id)],
  );
  return context.json({ ...product, quantity: stock?.quantity ?? 0 });
});

/** The query parameter `ids`, numbers joined by commas, as a JSON array. */
function readIds(context: Context): string {
  return JSON.stringify((context.req.query('ids') ?? '').split(',').map(Number));
}

app.get('/product-names', (context) => {
  return context.json(
    database.query(
      {
        operation: 'SELECT',
        collection: 'products',
        text: 'SELECT id, name FROM products WHERE id IN (SELECT value FROM json_each(?))',
      },
      [readIds(context)],
    ),
  );
});

app.get('/stock', (context) => {
  return context.json(
    database.query(
      {
        operation: 'SELECT',
        collection: 'stock',
        text: 'SELECT product_id, quantity FROM stock WHERE product_id IN (SELECT value FROM json_each(?))',
      },
      [readIds(context)],
    ),
  );
});

app.post('/picks', async (context) => {
  const { productId, quantity } = await context.req.json<{ productId: number; quantity: number }>();
  const rows = database.query(
    {
      operation: 'UPDATE',
      collection: 'stock',
      text: 'UPDATE stock SET quantity = quantity - ? WHERE product_id = ? RETURNING quantity',
    },
    [quantity, productId],
  );
  if (rows.length === 0) return notFound(context, String(productId));
  database.query(
    {
      operation: 'INSERT',
      collection: 'stock_movements',
      text: 'INSERT INTO stock_movements (product_id, delta) VALUES (?, ?)',
    },
    [productId, -quantity],
  );
  const userId = baggageUserId();
  log.info(`picked ${quantity} x product ${productId}, user-id ${userId ?? 'unknown'}`);
  return context.json({ productId, quantity, pickedFor: userId ?? null }, 201);
});

app.onError((error, context) => {
  recordFailure(error);
  log.warn(`${context.req.method} ${context.req.path}: ${error.message}`);
  return context.json({ error: error.message }, 500);
});

serve(createServer(getRequestListener(app.fetch)));
