import type { FastifyInstance } from 'fastify';

/** Answers whether a part of the server works now. */
export type ReadinessCheck = () => Promise<boolean>;

/**
 * `GET /health`: 200 when every part works, else 503. That it answers at all shows that the server is alive.
 * `{"live":true,"ready":false,"parts":{"store":false}}`
 */
export function serveHealth(app: FastifyInstance, checks: Readonly<Record<string, ReadinessCheck>>): void {
  app.get('/health', async (_request, reply) => {
    const parts = Object.fromEntries(
      await Promise.all(Object.entries(checks).map(async ([name, check]) => [name, await check()] as const)),
    );
    const ready = Object.values(parts).every(Boolean);
    return reply
      .code(ready ? 200 : 503)
      .header('Cache-Control', 'no-store')
      .send({ live: true, ready, parts });
  });
}
