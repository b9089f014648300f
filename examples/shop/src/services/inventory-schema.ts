/** How many products the shop sells, with ids from 1. */
export const productCount = 200;

export const categories = ['books', 'tools', 'garden', 'kitchen', 'toys'] as const;

const movementCount = 80_000;

/**
 * The inventory's tables with their first rows. The triggers keep a shop that runs for days as it was on the first
 * morning: shelves are filled up when they run low, and the oldest movement goes when a new one comes.
 */
export const inventoryScript: string = `
  CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT, category TEXT, price_cents INTEGER);
  CREATE INDEX products_by_category ON products (category);
  CREATE TABLE stock (product_id INTEGER PRIMARY KEY, quantity INTEGER);
  CREATE TABLE stock_movements (id INTEGER PRIMARY KEY, product_id INTEGER, delta INTEGER);

  CREATE TABLE categories (id INTEGER PRIMARY KEY, name TEXT);
  INSERT INTO categories VALUES ${categories.map((name, index) => `(${index}, '${name}')`).join(', ')};

  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${productCount})
    INSERT INTO products SELECT i, 'Product ' || i, c.name, 400 + (i * 379) % 9000
      FROM n JOIN categories c ON c.id = i % ${categories.length};
  INSERT INTO stock SELECT id, 500 FROM products;
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${movementCount})
    INSERT INTO stock_movements SELECT i, 1 + (i * 7919) % ${productCount}, -1 - i % 3 FROM n;

  CREATE TRIGGER refill AFTER UPDATE OF quantity ON stock WHEN NEW.quantity < 20
    BEGIN UPDATE stock SET quantity = 500 WHERE product_id = NEW.product_id; END;
  CREATE TRIGGER forget AFTER INSERT ON stock_movements
    BEGIN DELETE FROM stock_movements WHERE id = NEW.id - ${movementCount}; END;
`;

/** The index that is missing when the problem `slow-query` is built in. */
export const movementsIndex = 'CREATE INDEX movements_by_product ON stock_movements (product_id);';
