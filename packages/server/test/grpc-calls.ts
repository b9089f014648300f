import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import {
  type CallOptions,
  type ChannelCredentials,
  Client,
  credentials,
  Metadata,
  type ServiceError,
  type StatusObject,
} from '@grpc/grpc-js';
import protobuf from 'protobufjs';

export const exportPath = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

export const healthPath = '/grpc.health.v1.Health/Check';

/** The compression of grpc-js's channels: its `compressionAlgorithms`, which are no value at run time. */
const algorithms = { identity: 0, deflate: 1, gzip: 2 } as const;

export type GrpcCompression = keyof typeof algorithms;

/** A client of gRPC that is not ours, sending bytes as they are. */
export class GrpcCaller {
  readonly #client: Client;

  constructor(
    url: string,
    compression: GrpcCompression = 'identity',
    channel: ChannelCredentials = credentials.createInsecure(),
  ) {
    this.#client = new Client(new URL(url).host, channel, {
      'grpc.default_compression_algorithm': algorithms[compression],
      'grpc.max_send_message_length': -1,
      // Each caller is a connection of its own.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_retries': 0,
    });
  }

  /** Resolves with the response's bytes; rejects with grpc-js's ServiceError. */
  call(
    path: string,
    message: Uint8Array,
    headers: Readonly<Record<string, string>> = {},
    options: CallOptions = {},
  ): Promise<Buffer> {
    const asIs = (bytes: Buffer): Buffer => bytes;
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(path, asIs, asIs, Buffer.from(message), metadata, options, (error, response) =>
        error === null ? resolve(response!) : reject(error),
      );
    });
  }

  /** As {@link call}, for calls that must fail. */
  async fail(
    path: string,
    message: Uint8Array,
    headers: Readonly<Record<string, string>> = {},
    options: CallOptions = {},
  ): Promise<StatusObject> {
    try {
      await this.call(path, message, headers, options);
    } catch (error) {
      return error as ServiceError;
    }
    throw new Error(`a call of ${path} with ${message.length} bytes succeeded`);
  }

  close(): void {
    this.#client.close();
  }
}

const { root } = protobuf.parse(
  `syntax = "proto3";
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message Any { string type_url = 1; bytes value = 2; }
  message RetryInfo { Duration retry_delay = 1; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }`,
  { keepCase: true },
);

interface RpcStatus {
  readonly code: number;
  readonly message: string;
  readonly details?: readonly { readonly type_url: string; readonly value: Buffer }[];
}

/** The status of the details that came with a failure, and the delay of its RetryInfo; undefined without details. */
export function readDetails(
  metadata: StatusObject['metadata'],
): { readonly code: number; readonly message: string; readonly retryDelay: object } | undefined {
  const [bytes] = metadata.get('grpc-status-details-bin');
  if (bytes === undefined) return undefined;
  const status = root.lookupType('Status').decode(bytes as Buffer) as unknown as RpcStatus;
  const retryInfo = status.details?.find(({ type_url }) => type_url === 'type.googleapis.com/google.rpc.RetryInfo');
  const type = root.lookupType('RetryInfo');
  return {
    code: status.code,
    message: status.message,
    retryDelay: retryInfo === undefined ? {} : type.toObject(type.decode(retryInfo.value), { longs: Number }),
  };
}

/** A message in its frame. */
export function frame(message: Uint8Array, flag = 0, length: number = message.length): Buffer {
  const prefix = Buffer.from([flag, 0, 0, 0, 0]);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

/** A connection that sends what no client of gRPC would. */
export class RawCaller {
  readonly session: ClientHttp2Session;

  constructor(url: string) {
    this.session = connect(url);
    this.session.on('error', () => {});
  }

  /** Opens a call. `end` sends the last bytes and gives the headers that ended it; `stream` is there for what is odd. */
  open(headers: Readonly<Record<string, string>> = {}) {
    const stream = this.session.request({
      ':method': 'POST',
      ':path': exportPath,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    stream.on('error', () => {});
    stream.resume();
    const ended = new Promise<IncomingHttpHeaders>((resolve) => {
      let seen: IncomingHttpHeaders = {};
      stream.on('response', (each) => {
        seen = { ...seen, ...each };
      });
      stream.on('trailers', (each) => {
        seen = { ...seen, ...each };
      });
      stream.on('close', () => resolve(seen));
    });
    const end = (bytes: Uint8Array): Promise<IncomingHttpHeaders> => {
      stream.end(bytes);
      return ended;
    };
    return { stream, ended, end };
  }

  /** Calls that are still open end too. */
  close(): void {
    this.session.destroy();
  }
}
