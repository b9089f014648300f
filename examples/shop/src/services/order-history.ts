import { hasProblem } from '../problems.ts';
import { requestJson } from '../request-json.ts';
import type { Order, OrderItem } from './orders-database.ts';

interface NamedItem extends OrderItem {
  readonly name: string;
}

interface NamedOrder extends Omit<Order, 'items'> {
  readonly items: readonly NamedItem[];
}

interface ProductName {
  readonly id: number;
  readonly name: string;
}

/** The problem `n-plus-one` once more, over HTTP: one call, and in the inventory two queries, for each item. */
async function fetchNamesOneByOne(inventoryUrl: string, productIds: readonly number[]): Promise<ProductName[]> {
  const names: ProductName[] = [];
  for (const id of productIds) {
    names.push((await requestJson<ProductName>(`${inventoryUrl}/products/${id}`)).body);
  }
  return names;
}

async function fetchNamesTogether(
  inventoryUrl: string,
  productIds: readonly number[],
): Promise<readonly ProductName[]> {
  return (await requestJson<ProductName[]>(`${inventoryUrl}/product-names?ids=${productIds.join(',')}`)).body;
}

/** Adds the names of the products, which only the inventory knows. */
export async function nameItems(inventoryUrl: string, orders: readonly Order[]): Promise<NamedOrder[]> {
  const productIds = orders.flatMap(({ items }) => items.map((item) => item.product_id));
  const names = hasProblem('n-plus-one')
    ? await fetchNamesOneByOne(inventoryUrl, productIds)
    : await fetchNamesTogether(inventoryUrl, productIds);
  const nameById = new Map(names.map(({ id, name }) => [id, name]));
  return orders.map((order) => ({
    ...order,
    items: order.items.map((item) => ({ ...item, name: nameById.get(item.product_id) ?? 'unknown' })),
  }));
}
