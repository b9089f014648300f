/**
 * A parameter of the first element of the header `Forwarded` (RFC 7239), without quotes:
 * `for="[2001:db8::17]:4711";proto=https;host=shop.example, for=…`.
 */
export function forwardedParameter(header: string | undefined, name: 'for' | 'host' | 'proto'): string | undefined {
  if (header === undefined) return undefined;
  for (const [, delimiter, key, quoted, token] of header.matchAll(pairs)) {
    if (delimiter === ',') return undefined;
    if (key?.toLowerCase() === name) return (quoted?.replace(/\\(.)/g, '$1') ?? token) || undefined;
  }
  return undefined;
}

/** `;key=token` or `,key="quoted"`; the first pair has no delimiter before it. */
const pairs = /(?:^|([;,]))[ \t]*([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^;,\s"]*))/g;

/**
 * The address of a node that a proxy names, without port and brackets; undefined for what is none, such as `unknown`
 * and the hidden names that begin with an underscore.
 */
export function nodeAddress(node: string | undefined): string | undefined {
  if (node === undefined || node === 'unknown' || node.startsWith('_')) return undefined;
  if (node.startsWith('[')) return node.slice(1, node.indexOf(']') < 0 ? undefined : node.indexOf(']'));
  const colon = node.indexOf(':');
  // More than one colon: an IPv6 address as it is.
  return colon >= 0 && node.indexOf(':', colon + 1) < 0 ? node.slice(0, colon) : node;
}
