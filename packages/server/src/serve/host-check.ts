import { ClewError } from '../errors.ts';

const loopbackHosts = ['localhost', '127.0.0.1', '[::1]'];

/** True for an address that only programs of the same machine reach. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

/**
 * A page of any site can make a browser send requests to this machine under a name of the site's own (DNS rebinding)
 * and read the answers. Bound to a loopback address, the server therefore answers only to names of this machine; bound
 * to an outside address, it cannot know its names, and whoever binds it there decides who may reach it.
 * @throws ClewError CLEW_HOST_REFUSED
 */
export function checkHost(header: string | undefined, boundHost: string): void {
  if (!isLoopback(boundHost)) return;
  const allowed = new Set([...loopbackHosts, boundHost.includes(':') ? `[${boundHost}]` : boundHost]);
  const name = /^(\[[^\]]*\]|[^:]*)(?::\d+)?$/.exec(header ?? '')?.[1]?.toLowerCase();
  if (name !== undefined && allowed.has(name)) return;
  throw new ClewError('CLEW_HOST_REFUSED', {
    value: JSON.stringify(header ?? ''),
    host: boundHost,
    expected: [...allowed].join(', '),
  });
}
