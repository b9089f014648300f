import { isIP } from 'node:net';
import { ClewError } from './errors.ts';

/** True for an address that only programs of the same machine reach. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

/** Whether requests with this Host header, or `:authority`, may be answered. */
export type HostCheck = (header: string | undefined) => boolean;

/**
 * A page of any site can make a browser send requests to this machine under a name of the site's own (DNS rebinding) and
 * read the answers. So a server answers only to names that no stranger can point at it:
 *
 * ```
 * bound to            --allowed-hosts   answers to
 * a loopback address                    addresses, localhost, what containers call their host
 * an outside address                    everything: it cannot know its names
 * any                 names             these, addresses, localhost, what containers call their host
 * ```
 *
 * A request without Host comes from no browser.
 *
 * @param boundHost the host that the port is bound to
 * @param allowedHosts further names, in lower case
 */
export function createHostCheck(boundHost: string, allowedHosts: readonly string[]): HostCheck {
  if (!isLoopback(boundHost) && allowedHosts.length === 0) return () => true;
  const names = new Set([boundHost.toLowerCase(), ...allowedHosts]);
  return (header) => {
    if (header === undefined) return true;
    const name = readName(header);
    return name !== undefined && (isIP(name) !== 0 || names.has(name) || isNameOfThisMachine(name));
  };
}

/** Without the port, the brackets of an IPv6 address and the dot of the root; undefined when it is no host at all. */
function readName(header: string): string | undefined {
  const [, address, name] = /^(?:\[([^\]]+)\]|([^:[\]]+?)\.?)(?::\d*)?$/.exec(header) ?? [];
  return (address ?? name)?.toLowerCase();
}

/** Names that nobody can register: RFC 6761, and those of Docker, Podman and Lima for the machine that they run on. */
function isNameOfThisMachine(name: string): boolean {
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === 'host.docker.internal' ||
    name === 'host.containers.internal' ||
    name === 'host.lima.internal'
  );
}

/** For a request whose host may not be answered. */
export function hostRefused(header: string | undefined): ClewError {
  return new ClewError('CLEW_HOST_REFUSED', { value: JSON.stringify(header ?? '') });
}
