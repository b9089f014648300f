import { MalformedProtobufError, ProtobufReader } from '@clew/wire';
import { GrpcError, grpcCodes } from './grpc-status.ts';
import { OtlpError } from './otlp-error.ts';

/** gRPC's standard health check, which Kubernetes and load balancers ask: `grpc.health.v1.Health`. */
const healthService = '/grpc.health.v1.Health/';

export const healthCheckPath: string = `${healthService}Check`;

/** A name of a service has some 50 bytes. */
export const maxHealthCheckBytes = 1024;

const serving = 1;
const notServing = 2;

/** Whether a call is one of the service, which is asked without a token. */
export function isHealthCall(path: string): boolean {
  return path.startsWith(healthService);
}

/**
 * Answers a health check of the server (an empty name) or of one of its services.
 *
 * ```
 * HealthCheckRequest    1 service string
 * HealthCheckResponse   1 status enum: 1 SERVING, 2 NOT_SERVING
 * ```
 *
 * @throws GrpcError NOT_FOUND for another service; OtlpError 400 when the message is malformed
 */
export async function checkHealth(
  message: Uint8Array,
  services: readonly string[],
  isReady: () => Promise<boolean>,
): Promise<Uint8Array> {
  const service = readServiceName(message);
  if (service !== '' && !services.includes(service)) {
    const known = services.join(', ');
    throw new GrpcError(grpcCodes.notFound, `There is no service ${service} at this port. Known: ${known}.`);
  }
  return Uint8Array.of(0x08, (await isReady()) ? serving : notServing);
}

function readServiceName(message: Uint8Array): string {
  const reader = new ProtobufReader(message);
  let name = '';
  try {
    while (reader.position < message.length) {
      const tag = reader.readVarint32(message.length);
      if (tag === 0x0a) {
        const end = reader.readLength(message.length);
        name = new TextDecoder('utf-8', { fatal: true }).decode(message.subarray(reader.position, end));
        reader.position = end;
      } else reader.skip(tag, message.length);
    }
  } catch (error) {
    if (error instanceof MalformedProtobufError) throw new OtlpError(400, error.message);
    if (error instanceof TypeError) throw new OtlpError(400, 'The name of the service is not UTF-8.');
    throw error;
  }
  return name;
}
