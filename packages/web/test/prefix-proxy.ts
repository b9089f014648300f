import { createServer, request as sendRequest } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface PrefixProxy {
  readonly origin: string;
  /** Requests that left the prefix: on a real site they would be somebody else's. */
  readonly outside: readonly string[];
  close(): Promise<void>;
}

/** A proxy as nginx is with `location /PREFIX/ { proxy_pass http://SERVER/; }`: the server never learns of the prefix. */
export async function startPrefixProxy(server: string, prefix: string): Promise<PrefixProxy> {
  const outside: string[] = [];
  const proxy = createServer((request, response) => {
    if (!request.url!.startsWith(`${prefix}/`)) {
      outside.push(request.url!);
      response.writeHead(404).end();
      return;
    }
    const options = { method: request.method, headers: { ...request.headers, host: new URL(server).host } };
    const onward = sendRequest(server + request.url!.slice(prefix.length), options, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    outside,
    close: () =>
      new Promise((resolve) => {
        proxy.close(() => resolve());
        proxy.closeAllConnections();
      }),
  };
}
