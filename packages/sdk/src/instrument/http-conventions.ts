import type { Socket } from 'node:net';
import type { AttributeValue } from '@clew/wire';
import { readList } from '../environment.ts';
import type { RecordingSpan } from '../record/recording-span.ts';

/** The attributes of OpenTelemetry's stable HTTP conventions that we set. */
export const httpAttribute = {
  clientAddress: 'client.address',
  errorType: 'error.type',
  method: 'http.request.method',
  methodOriginal: 'http.request.method_original',
  peerAddress: 'network.peer.address',
  peerPort: 'network.peer.port',
  protocolVersion: 'network.protocol.version',
  route: 'http.route',
  serverAddress: 'server.address',
  serverPort: 'server.port',
  statusCode: 'http.response.status_code',
  urlFull: 'url.full',
  urlPath: 'url.path',
  urlQuery: 'url.query',
  urlScheme: 'url.scheme',
  userAgent: 'user_agent.original',
} as const;

const knownMethods = new Set(
  readList('OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS') ?? [
    'CONNECT',
    'DELETE',
    'GET',
    'HEAD',
    'OPTIONS',
    'PATCH',
    'POST',
    'PUT',
    'QUERY',
    'TRACE',
  ],
);

/** What a span is called before a route is known: never the path, which has no bound. */
export function spanNameOf(method: string): string {
  return knownMethods.has(method) ? method : 'HTTP';
}

/** `http.request.method`, and the original when it is none of the known. */
export function pushMethod(attributes: AttributeValue[], method: string): void {
  if (knownMethods.has(method)) attributes.push(httpAttribute.method, method);
  else attributes.push(httpAttribute.method, '_OTHER', httpAttribute.methodOriginal, method);
}

/** `server.address` and `server.port` from a `Host` header or an authority; the scheme's port when it names none. */
export function pushServer(attributes: AttributeValue[], host: string, isSecure: boolean): void {
  // The last colon is the port's, unless it stands inside the brackets of an IPv6 address.
  const colon = host.lastIndexOf(':');
  const hasPort = colon > 0 && host.indexOf(']', colon) < 0;
  const port = hasPort ? Number(host.slice(colon + 1)) : Number.NaN;
  attributes.push(httpAttribute.serverAddress, hasPort ? host.slice(0, colon) : host);
  const isPort = Number.isInteger(port) && port > 0 && port <= 65_535;
  attributes.push(httpAttribute.serverPort, isPort ? port : isSecure ? 443 : 80);
}

/** `network.peer.address` and `.port`: the other end of the connection itself. A unix socket's has neither. */
export function pushPeer(attributes: AttributeValue[], socket: Socket): void {
  const { remoteAddress, remotePort } = socket;
  if (remoteAddress !== undefined) attributes.push(httpAttribute.peerAddress, remoteAddress);
  if (remotePort !== undefined) attributes.push(httpAttribute.peerPort, remotePort);
}

/** The same on a client's span, which begins before there is a connection. @param socketPath of a unix socket. */
export function setPeer(span: RecordingSpan, socket: Socket | null | undefined, socketPath?: string): void {
  const attributes: AttributeValue[] = [];
  if (socketPath !== undefined) attributes.push(httpAttribute.peerAddress, socketPath);
  else if (socket !== null && socket !== undefined) pushPeer(attributes, socket);
  for (let index = 0; index < attributes.length; index += 2) {
    span.setAttribute(attributes[index] as string, attributes[index + 1]);
  }
}

// Signatures of object stores and the like, which the conventions list by name.
const secretParameters = /(^|[?&])(AWSAccessKeyId|Signature|sig|X-Goog-Signature)=[^&#]*/g;

/** A query, or a URL without credentials, with the values of well-known signatures taken out. */
export function redactQuery(query: string): string {
  // All of them hold one of these; most queries hold neither, and a search is cheaper than the pattern.
  if (!query.includes('ig') && !query.includes('AWSA')) return query;
  return query.replace(secretParameters, '$1$2=REDACTED');
}
