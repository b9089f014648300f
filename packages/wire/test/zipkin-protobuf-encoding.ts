import protobuf from 'protobufjs';

/** The messages of zipkin.proto3 by number and type, for protobufjs: a writer that shares nothing with the reader. */
const root = protobuf.parse(`
  syntax = "proto3";
  package zipkin.proto3;
  message ListOfSpans { repeated Span spans = 1; }
  message Span {
    bytes trace_id = 1;
    bytes parent_id = 2;
    bytes id = 3;
    int32 kind = 4;
    string name = 5;
    fixed64 timestamp = 6;
    uint64 duration = 7;
    Endpoint local_endpoint = 8;
    Endpoint remote_endpoint = 9;
    repeated Annotation annotations = 10;
    map<string, string> tags = 11;
    bool debug = 12;
    bool shared = 13;
    string future = 99;
  }
  message Endpoint { string service_name = 1; bytes ipv4 = 2; bytes ipv6 = 3; int32 port = 4; }
  message Annotation { fixed64 timestamp = 1; string value = 2; }
`).root;

const list = root.lookupType('zipkin.proto3.ListOfSpans');

/** A span of Zipkin's JSON. */
export interface JsonSpan {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly timestamp?: number;
  readonly duration?: number;
  readonly localEndpoint?: JsonEndpoint;
  readonly remoteEndpoint?: JsonEndpoint;
  readonly annotations?: readonly { readonly timestamp: number; readonly value: string }[];
  readonly tags?: Readonly<Record<string, string>>;
  readonly debug?: boolean;
  readonly shared?: boolean;
}

interface JsonEndpoint {
  readonly serviceName?: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly port?: number;
}

const kinds = ['', 'CLIENT', 'SERVER', 'PRODUCER', 'CONSUMER'];

/** The spans as a `ListOfSpans`, each with a field that no reader knows. */
export function encodeZipkinProtobuf(spans: readonly JsonSpan[]): Uint8Array {
  const hex = (id: string | undefined) => (id === undefined ? undefined : Buffer.from(id, 'hex'));
  const endpoint = (value: JsonEndpoint | undefined) =>
    value && {
      serviceName: value.serviceName,
      ipv4: value.ipv4 && Buffer.from(value.ipv4.split('.').map(Number)),
      ipv6: value.ipv6 && Buffer.from(fullIpv6(value.ipv6), 'hex'),
      port: value.port,
    };
  const message = {
    spans: spans.map((span) => ({
      ...span,
      traceId: hex(span.traceId),
      id: hex(span.id),
      parentId: hex(span.parentId),
      kind: kinds.indexOf(span.kind ?? ''),
      localEndpoint: endpoint(span.localEndpoint),
      remoteEndpoint: endpoint(span.remoteEndpoint),
      future: 'x',
    })),
  };
  return list.encode(list.fromObject(message)).finish();
}

/** 32 hex digits of an address that may leave zeros out. */
function fullIpv6(address: string): string {
  const [front = '', back] = address.split('::');
  const groupsOf = (text = '') => text.split(':').filter((group) => group !== '');
  const missing = back === undefined ? 0 : 8 - groupsOf(front).length - groupsOf(back).length;
  const groups = [...groupsOf(front), ...Array.from({ length: missing }, () => '0'), ...groupsOf(back)];
  return groups.map((group) => group.padStart(4, '0')).join('');
}
