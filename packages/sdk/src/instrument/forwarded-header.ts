/*
 *   Forwarded: for="[2001:db8::17]:4711";proto=https;host=shop.example, for=10.0.0.1
 *              first element, of the proxy nearest to the client         the next
 */

/** A pair at a place: its key, and its value in quotes or as a token. */
const pairPattern = /[ \t]*([!#$%&'*+\-.^_`|~\w]+)=(?:"((?:[^"\\]|\\.)*)"|([^;,\s"]*))/y;

/** What may follow a pair; a quote can only be one that nothing closes. */
const nextPattern = /[;,"]/g;

/**
 * A parameter of the first element of the header `Forwarded` (RFC 7239), without quotes; undefined when it is not there.
 * Takes one way through the text, whatever it holds: it comes from outside.
 */
export function forwardedParameter(header: string | undefined, name: 'for' | 'host' | 'proto'): string | undefined {
  if (header === undefined) return undefined;
  // Empty elements do not count.
  let position = header.search(/[^ \t,]/);
  while (position >= 0 && position < header.length) {
    pairPattern.lastIndex = position;
    const [all = '', key, quoted, token] = pairPattern.exec(header) ?? [];
    if (key?.toLowerCase() === name) return (quoted?.replace(/\\(.)/g, '$1') ?? token) || undefined;
    nextPattern.lastIndex = position + all.length;
    if (nextPattern.exec(header)?.[0] !== ';') return undefined;
    position = nextPattern.lastIndex;
  }
  return undefined;
}

/**
 * The address of a node that a proxy names, without port and brackets; undefined for what is none, such as `unknown`
 * and the hidden names that begin with an underscore.
 */
export function nodeAddress(node: string | undefined): string | undefined {
  if (node === undefined || node.startsWith('_')) return undefined;
  if (node.startsWith('[')) return node.slice(1, node.indexOf(']') < 0 ? undefined : node.indexOf(']'));
  const colon = node.indexOf(':');
  // More than one colon: an IPv6 address as it is.
  const name = colon >= 0 && node.indexOf(':', colon + 1) < 0 ? node.slice(0, colon) : node;
  return name.toLowerCase() === 'unknown' ? undefined : name;
}
