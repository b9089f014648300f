import { ProtobufReader } from '@clew/wire';
import { GrpcError, grpcCodes } from './grpc-status.ts';

/** gRPC's standard health check, which Kubernetes and load balancers ask: `grpc.health.v1.Health`. */
export const healthCheckPath = '/grpc.health.v1.Health/Check';

const serving = 1;
const notServing = 2;

/**
 * Answers a health check of the server (an empty name) or of one of its services.
 *
 * ```
 * HealthCheckRequest    1 service string
 * HealthCheckResponse   1 status enum: 1 SERVING, 2 NOT_SERVING
 * ```
 *
 * @throws GrpcError NOT_FOUND for another service; MalformedProtobufError
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
  while (reader.position < message.length) {
    const tag = reader.readVarint32(message.length);
    if (tag === 0x0a) {
      const end = reader.readLength(message.length);
      name = new TextDecoder().decode(message.subarray(reader.position, end));
      reader.position = end;
    } else reader.skip(tag, message.length);
  }
  return name;
}
