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
  const { name, port } = splitAuthority(host);
  attributes.push(httpAttribute.serverAddress, name);
  attributes.push(httpAttribute.serverPort, port ?? (isSecure ? 443 : 80));
}

/** `example.com:81` and `[::1]:81` taken apart: an IPv6 address without its brackets, a port only if it is a valid one. */
export function splitAuthority(authority: string): { name: string; port: number | undefined } {
  // The last colon is the port's, unless it stands inside the brackets of an IPv6 address.
  const colon = authority.lastIndexOf(':');
  const hasPort = colon > 0 && authority.indexOf(']', colon) < 0;
  const host = hasPort ? authority.slice(0, colon) : authority;
  const port = hasPort ? Number(authority.slice(colon + 1)) : Number.NaN;
  return {
    name: host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host,
    port: Number.isInteger(port) && port > 0 && port <= 65_535 ? port : undefined,
  };
}

/** `network.peer.address` and `.port`: the other end of the connection itself. A unix socket's has neither. */
export function pushPeer(attributes: AttributeValue[], socket: Socket): void {
  const { remoteAddress, remotePort } = socket;
  if (remoteAddress !== undefined) attributes.push(httpAttribute.peerAddress, remoteAddress);
  if (remotePort !== undefined) attributes.push(httpAttribute.peerPort, remotePort);
}

/** Sets `[key, value, …]` on a span that has begun. */
export function setFlatAttributes(span: RecordingSpan, attributes: readonly AttributeValue[]): void {
  for (let index = 0; index < attributes.length; index += 2) {
    span.setAttribute(attributes[index] as string, attributes[index + 1]);
  }
}

/** Sets the peer on a client's span, which begins before there is a connection. @param socketPath of a unix socket. */
export function setPeer(span: RecordingSpan, socket: Socket | null | undefined, socketPath?: string): void {
  const attributes: AttributeValue[] = [];
  if (socketPath !== undefined) attributes.push(httpAttribute.peerAddress, socketPath);
  else if (socket !== null && socket !== undefined) pushPeer(attributes, socket);
  setFlatAttributes(span, attributes);
}

// Those that the conventions list, and those in which OAuth and sign-in forms send secrets.
const secretParameters = [
  'AWSAccessKeyId',
  'Signature',
  'X-Amz-Credential',
  'X-Amz-Security-Token',
  'X-Amz-Signature',
  'X-Goog-Signature',
  'sig',
  'access_token',
  'client_secret',
  'id_token',
  'password',
  'refresh_token',
  'token',
  ...(readList('CLEW_REDACTED_QUERY_PARAMETERS') ?? []),
];
const secretPattern = new RegExp(`(^|[?&])(${secretParameters.map(escapePattern).join('|')})=[^&#]*`, 'g');

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/** A query, or a URL without credentials, without the values of parameters that hold secrets. Names match by case. */
export function redactQuery(query: string): string {
  // Most URLs have no parameters, and a search is cheaper than the pattern.
  return query.includes('=') ? query.replace(secretPattern, '$1$2=REDACTED') : query;
}
