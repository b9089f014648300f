import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a service tells the process that started it, once it takes requests. */
export interface ReadyMessage {
  readonly url: string;
}

/**
 * Listens on a free port of 127.0.0.1 and serves until SIGTERM, or until the process that started it is gone, however
 * that ended. Requests under way are answered; then the process ends by itself, which leaves the tracer its turn to
 * export what it holds.
 */
export function serve(server: Server): void {
  const stop = () => {
    server.close();
    if (process.connected) process.disconnect();
  };
  process.on('SIGTERM', stop);
  process.on('disconnect', stop);
  // Ctrl-C reaches every process of the terminal; the one that started the shop stops the services in order.
  process.on('SIGINT', () => {});
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo;
    const ready: ReadyMessage = { url: `http://127.0.0.1:${port}` };
    if (process.send) process.send(ready, (error: Error | null) => error && stop());
    else console.log(ready.url);
  });
}

/** The address of another service, from the environment. */
export function addressOf(variable: string): string {
  const url = process.env[variable];
  if (!url) throw new Error(`${variable} is not set; start the shop with dist/start.js, which sets it`);
  return url;
}
