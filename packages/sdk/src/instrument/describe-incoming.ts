import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { AttributeValue } from '@clew/wire';
import type { RecordingSpan } from '../record/recording-span.ts';
import { SharedAttributes } from '../record/shared-attributes.ts';
import { capturedServerHeaders, pushCapturedHeaders } from './captured-headers.ts';
import { forwardedParameter, nodeAddress } from './forwarded-header.ts';
import { httpAttribute, pushMethod, pushPeer, pushServer, redactQuery } from './http-conventions.ts';

/**
 * The attributes of a server span that are known when its request arrives, after OpenTelemetry's stable HTTP
 * conventions. Scheme, server and client are those of the original request, as far as proxies tell them: `Forwarded`
 * first, then `X-Forwarded-Proto`, `-Host` and `-For`, then what we see ourselves.
 *
 * @param target the request target: `/path?query`, or the whole URL when the client takes us for a proxy.
 * @param authority `:authority` of HTTP/2, which stands for the header `Host`.
 * @param span gets what all requests of the connection have alike as shared attributes, where that is possible; the rest
 * is returned.
 */
export function describeIncoming(
  method: string,
  target: string,
  protocolVersion: string,
  rawHeaders: readonly string[],
  socket: Socket | undefined,
  authority?: string,
  span?: RecordingSpan,
): AttributeValue[] {
  let host = authority;
  let userAgent: string | undefined;
  let forwarded: string | undefined;
  let forwardedFor: string | undefined;
  let forwardedHost: string | undefined;
  let forwardedProto: string | undefined;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    // Most headers are told apart by their length; the others are compared.
    switch (name.length) {
      case 4:
        if (host === undefined && isNamed(name, 'Host', 'host')) host = rawHeaders[index + 1];
        break;
      case 9:
        if (isNamed(name, 'Forwarded', 'forwarded')) forwarded ??= rawHeaders[index + 1];
        break;
      case 10:
        if (isNamed(name, 'User-Agent', 'user-agent')) userAgent ??= rawHeaders[index + 1];
        break;
      case 15:
        if (isNamed(name, 'X-Forwarded-For', 'x-forwarded-for')) forwardedFor ??= rawHeaders[index + 1];
        break;
      case 16:
        if (isNamed(name, 'X-Forwarded-Host', 'x-forwarded-host')) forwardedHost ??= rawHeaders[index + 1];
        break;
      case 17:
        if (isNamed(name, 'X-Forwarded-Proto', 'x-forwarded-proto')) forwardedProto ??= rawHeaders[index + 1];
        break;
      default:
    }
  }
  const attributes: AttributeValue[] = [];
  pushMethod(attributes, method);
  pushTarget(attributes, target);
  const isDirect = forwarded === undefined && forwardedFor === undefined && forwardedProto === undefined;
  if (span !== undefined && isDirect && forwardedHost === undefined && socket !== undefined) {
    if (span.share(connectionAttributes(socket, host, protocolVersion, userAgent)))
      return withCaptured(attributes, rawHeaders);
  }
  const scheme = schemeOf(forwarded, forwardedProto, socket);
  const originalHost = forwardedParameter(forwarded, 'host') ?? firstOf(forwardedHost) ?? host;
  const client = nodeAddress(forwardedParameter(forwarded, 'for') ?? firstOf(forwardedFor)) ?? socket?.remoteAddress;
  pushConnection(attributes, scheme, originalHost, client, socket, protocolVersion, userAgent);
  return withCaptured(attributes, rawHeaders);
}

const connection = Symbol('clew.connection');

/** What the requests of one connection have alike, for as long as their headers say the same. */
interface Connection {
  readonly host: string | undefined;
  readonly protocolVersion: string;
  readonly userAgent: string | undefined;
  readonly shared: SharedAttributes;
}

function connectionAttributes(
  socket: Socket & { [connection]?: Connection },
  host: string | undefined,
  protocolVersion: string,
  userAgent: string | undefined,
): SharedAttributes {
  const known = socket[connection];
  if (known?.host === host && known?.userAgent === userAgent && known?.protocolVersion === protocolVersion) {
    return known.shared;
  }
  const attributes: AttributeValue[] = [];
  const scheme = schemeOf(undefined, undefined, socket);
  pushConnection(attributes, scheme, host, socket.remoteAddress, socket, protocolVersion, userAgent);
  const shared = new SharedAttributes(attributes);
  socket[connection] = { host, protocolVersion, userAgent, shared };
  return shared;
}

function pushConnection(
  attributes: AttributeValue[],
  scheme: string,
  host: string | undefined,
  client: string | undefined,
  socket: Socket | undefined,
  protocolVersion: string,
  userAgent: string | undefined,
): void {
  attributes.push(httpAttribute.urlScheme, scheme);
  if (host !== undefined && host !== '') pushServer(attributes, host, scheme === 'https');
  if (client !== undefined) attributes.push(httpAttribute.clientAddress, client);
  if (socket !== undefined) pushPeer(attributes, socket);
  attributes.push(httpAttribute.protocolVersion, protocolVersion);
  if (userAgent !== undefined) attributes.push(httpAttribute.userAgent, userAgent);
}

function withCaptured(attributes: AttributeValue[], rawHeaders: readonly string[]): AttributeValue[] {
  if (capturedServerHeaders.request.length > 0) {
    pushCapturedHeaders(attributes, 'request', capturedServerHeaders.request, rawHeaders);
  }
  return attributes;
}

/** The first letter rules out nearly all others of the same length, before a string in lower case is made. */
function isNamed(name: string, usual: string, lower: string): boolean {
  return (
    (name.charCodeAt(0) | 0x20) === lower.charCodeAt(0) &&
    (name === usual || name === lower || name.toLowerCase() === lower)
  );
}

function schemeOf(
  forwarded: string | undefined,
  forwardedProto: string | undefined,
  socket: Socket | undefined,
): string {
  const told = (forwardedParameter(forwarded, 'proto') ?? firstOf(forwardedProto))?.toLowerCase();
  // Any other word would be a tag without a bound.
  if (told === 'http' || told === 'https') return told;
  return (socket as Partial<TLSSocket> | undefined)?.encrypted === true ? 'https' : 'http';
}

function pushTarget(attributes: AttributeValue[], target: string): void {
  const origin = target.startsWith('/') ? '' : (/^[a-z]+:\/\/[^/?]*/i.exec(target)?.[0] ?? '');
  const mark = target.indexOf('?');
  const path = target.slice(origin.length, mark < 0 ? undefined : mark);
  attributes.push(httpAttribute.urlPath, path === '' ? '/' : path);
  if (mark >= 0 && mark + 1 < target.length) {
    attributes.push(httpAttribute.urlQuery, redactQuery(target.slice(mark + 1)));
  }
}

/** The first of a list separated by commas: the proxy nearest to the client wrote it. */
function firstOf(list: string | undefined): string | undefined {
  if (list === undefined) return undefined;
  const comma = list.indexOf(',');
  return (comma < 0 ? list : list.slice(0, comma)).trim() || undefined;
}
