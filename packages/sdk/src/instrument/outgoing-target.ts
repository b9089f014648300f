import type { AttributeValue } from '@clew/wire';
import { httpAttribute, pushServer, redactQuery } from './http-conventions.ts';

/**
 * `server.address`, `server.port` and `url.full` of a request that this process sends. A request through a proxy names
 * the whole URL of its target as its path. CONNECT names a host and a port there, which is not a URL: it has none.
 *
 * @param scheme with its colon, `https:` or `http:`. @param authority what the request is sent to.
 */
export function pushOutgoingTarget(
  attributes: AttributeValue[],
  method: string,
  scheme: string,
  authority: string,
  path: string,
): void {
  if (method === 'CONNECT') {
    pushServer(attributes, authority, scheme === 'https:');
    return;
  }
  const [, targetScheme = scheme, credentials, targetAuthority = authority, target = path] = path.startsWith('/')
    ? []
    : (absoluteForm.exec(path) ?? []);
  const origin = `${targetScheme}//${credentials === undefined ? '' : 'REDACTED:REDACTED@'}${targetAuthority}`;
  pushServer(attributes, targetAuthority, targetScheme.toLowerCase() === 'https:');
  attributes.push(httpAttribute.urlFull, redactQuery(`${origin}${target === '*' ? '' : target}`));
}

const absoluteForm = /^(https?:)\/\/([^/?#]*@)?([^/?#]*)(.*)$/i;
