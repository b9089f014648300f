import { type Database, openDatabase, type Query } from '../database.ts';
import { hasProblem } from '../problems.ts';

const userCount = 40;
const ordersPerUser = 15;
const keptOrders = 20_000;

const script = `
  CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id TEXT, total_cents INTEGER);
  CREATE INDEX orders_by_user ON orders (user_id);
  CREATE TABLE order_items (order_id INTEGER, product_id INTEGER, quantity INTEGER);
  CREATE INDEX items_by_order ON order_items (order_id);

  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${userCount * ordersPerUser})
    INSERT INTO orders SELECT i, 'user-' || (1 + i % ${userCount}), 500 + (i * 379) % 9000 FROM n;
  INSERT INTO order_items SELECT id, 1 + (id * 31) % 200, 1 FROM orders;
  INSERT INTO order_items SELECT id, 1 + (id * 57) % 200, 2 FROM orders WHERE id % 2 = 0;

  CREATE TRIGGER forget AFTER INSERT ON orders BEGIN
    DELETE FROM order_items WHERE order_id = NEW.id - ${keptOrders};
    DELETE FROM orders WHERE id = NEW.id - ${keptOrders};
  END;
`;

interface NewOrder {
  readonly userId: string;
  readonly productId: number;
  readonly quantity: number;
  readonly totalCents: number;
}

export interface OrderItem {
  readonly product_id: number;
  readonly quantity: number;
}

export interface Order {
  readonly id: number;
  readonly total_cents: number;
  readonly items: readonly OrderItem[];
}

export interface OrdersDatabase {
  /** Returns the id of the new order. */
  insertOrder(order: NewOrder): number;
  /** The user's ten latest orders with their items. */
  listOrders(userId: string): readonly Order[];
}

const insertOrderQuery: Query = {
  operation: 'INSERT',
  collection: 'orders',
  text: 'INSERT INTO orders (user_id, total_cents) VALUES (?, ?) RETURNING id',
};
const insertItemQuery: Query = {
  operation: 'INSERT',
  collection: 'order_items',
  text: 'INSERT INTO order_items (order_id, product_id, quantity) VALUES (?, ?, ?)',
};
const latestOrdersQuery: Query = {
  operation: 'SELECT',
  collection: 'orders',
  text: 'SELECT id, total_cents FROM orders WHERE user_id = ? ORDER BY id DESC LIMIT 10',
};
const itemsOfOrderQuery: Query = {
  operation: 'SELECT',
  collection: 'order_items',
  text: 'SELECT product_id, quantity FROM order_items WHERE order_id = ?',
};
const itemsOfOrdersQuery: Query = {
  operation: 'SELECT',
  collection: 'order_items',
  text: 'SELECT order_id, product_id, quantity FROM order_items WHERE order_id IN (SELECT value FROM json_each(?))',
};

type OrderRow = Omit<Order, 'items'>;

/** The problem `n-plus-one`: one query for the orders, then one more for the items of each. */
function itemsOneByOne(database: Database, orders: readonly OrderRow[]): Order[] {
  return orders.map((order) => ({ ...order, items: database.query<OrderItem>(itemsOfOrderQuery, [order.id]) }));
}

function itemsTogether(database: Database, orders: readonly OrderRow[]): Order[] {
  const ids = JSON.stringify(orders.map((order) => order.id));
  const items = database.query<OrderItem & { order_id: number }>(itemsOfOrdersQuery, [ids]);
  return orders.map((order) => ({
    ...order,
    items: items
      .filter((item) => item.order_id === order.id)
      .map(({ product_id, quantity }) => ({ product_id, quantity })),
  }));
}

export async function openOrdersDatabase(): Promise<OrdersDatabase> {
  const database = await openDatabase('orders', script);
  return {
    insertOrder({ userId, productId, quantity, totalCents }) {
      const id = database.query<{ id: number }>(insertOrderQuery, [userId, totalCents])[0]!.id;
      database.query(insertItemQuery, [id, productId, quantity]);
      return id;
    },
    listOrders(userId) {
      const orders = database.query<OrderRow>(latestOrdersQuery, [userId]);
      return hasProblem('n-plus-one') ? itemsOneByOne(database, orders) : itemsTogether(database, orders);
    },
  };
}
