import { readList } from '../environment.ts';
import { writeNotice } from '../notice.ts';

/** Those of the community, each with its package. */
export const communityDetectors = {
  alibaba: '@opentelemetry/resource-detector-alibaba-cloud',
  aws: '@opentelemetry/resource-detector-aws',
  azure: '@opentelemetry/resource-detector-azure',
  gcp: '@opentelemetry/resource-detector-gcp',
} as const;

export type DetectorName =
  | 'env'
  | 'host'
  | 'os'
  | 'process'
  | 'serviceinstance'
  | 'container'
  | 'k8s'
  | keyof typeof communityDetectors;

const names: readonly string[] = [
  'env',
  'host',
  'os',
  'process',
  'serviceinstance',
  'container',
  'k8s',
  ...Object.keys(communityDetectors),
];

/**
 * The detectors that `OTEL_NODE_RESOURCE_DETECTORS` names, as the community's auto-instrumentations-node reads it: a
 * list, `all` (the default) or `none`. The environment is always read: the specification wants it so.
 */
export function detectorsFromEnvironment(): ReadonlySet<DetectorName> {
  const asked = readList('OTEL_NODE_RESOURCE_DETECTORS') ?? ['all'];
  const unknown = asked.filter((name) => !names.includes(name) && name !== 'all' && name !== 'none');
  if (unknown.length > 0) {
    writeNotice(
      'warn',
      `OTEL_NODE_RESOURCE_DETECTORS names ${unknown.join(', ')}, which is unknown and ignored: ${names.join(', ')}, all, none`,
    );
  }
  if (asked.includes('none')) return new Set();
  if (asked.includes('all')) return new Set(names as DetectorName[]);
  return new Set(asked.filter((name): name is DetectorName => names.includes(name)));
}
