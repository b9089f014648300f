import type { Target } from './target.ts';

/** What came of sending one batch. */
export type SendResult =
  | { readonly outcome: 'accepted'; readonly rejectedSpans: number; readonly message: string }
  /** It was answered, and sending it again would not help. */
  | { readonly outcome: 'refused'; readonly reason: string }
  /** It may be taken later, not before `waitMs`. `isUnreachable`: there was no answer at all. */
  | {
      readonly outcome: 'later';
      readonly reason: string;
      readonly isUnreachable: boolean;
      readonly waitMs: number;
    };

/** A connection to one target. Never keeps the process alive. */
export interface Transport {
  /** @param request an `ExportTraceServiceRequest` in protobuf; only read. Never rejects for what the network does. */
  send(request: Uint8Array): Promise<SendResult>;
  /** Closes the connections; what is on its way comes to `later`. */
  close(): void;
}

/** Opens the transport of the target's protocol; only what it needs is loaded. */
export async function openTransport(target: Target): Promise<Transport> {
  switch (target.protocol) {
    case 'grpc':
      return (await import('./grpc-transport.ts')).openGrpcTransport(target);
    case 'console':
      return (await import('./console-transport.ts')).consoleTransport;
    default: {
      const { openHttpTransport, protobufBody } = await import('./http-transport.ts');
      if (target.protocol === 'http/protobuf') return openHttpTransport(target, protobufBody);
      if (target.protocol === 'http/json') return openHttpTransport(target, (await import('./otlp-json.ts')).jsonBody);
      return openHttpTransport(target, (await import('./zipkin-spans.ts')).zipkinBody);
    }
  }
}
