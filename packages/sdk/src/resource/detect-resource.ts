import { basename } from 'node:path';
import { crypto } from '../builtin-modules.ts';
import { readPairs, readText } from '../environment.ts';
import { sdkVersion } from '../version.ts';
import { findCommunityDetectors, runCommunityDetectors } from './community-detectors.ts';
import { describeContainer, readKernelView } from './container.ts';
import { detectorsFromEnvironment } from './detector-names.ts';
import { findEntryPackage } from './entry-package.ts';
import { describeKubernetes } from './kubernetes.ts';
import { describeHost, describeProcess, describeSystem } from './machine.ts';
import type { ResourceAttributes } from './resource-attributes.ts';

export interface DetectedResource {
  /** What is known at once. */
  readonly attributes: ResourceAttributes;
  /** The same and what a cloud's metadata service adds; undefined when no detector for one is installed. */
  readonly complete: Promise<ResourceAttributes> | undefined;
}

/**
 * The resource of this process. What `given` holds wins over the environment, and that over what is found out.
 *
 * `service.name`: OTEL_SERVICE_NAME, else OTEL_RESOURCE_ATTRIBUTES, else the name in the package.json nearest to the
 * entry script, else `unknown_service:node`.
 */
export function detectResource(given: ResourceAttributes = {}): DetectedResource {
  const wanted = detectorsFromEnvironment();
  const kernelView = wanted.has('container') || wanted.has('k8s') ? readKernelView() : { cgroup: '', mountinfo: '' };
  const entryPackage = findEntryPackage();
  const serviceName = readText('OTEL_SERVICE_NAME');
  const detected: ResourceAttributes = {
    'service.name': entryPackage?.name ?? `unknown_service:${basename(process.execPath)}`,
    ...(entryPackage?.version !== undefined && { 'service.version': entryPackage.version }),
    ...(wanted.has('serviceinstance') && { 'service.instance.id': crypto.randomUUID() }),
    ...(wanted.has('host') && describeHost()),
    ...(wanted.has('os') && describeSystem()),
    ...(wanted.has('process') && describeProcess()),
    ...(wanted.has('container') && describeContainer(kernelView)),
    ...(wanted.has('k8s') && describeKubernetes(kernelView)),
  };
  const fixed: ResourceAttributes = {
    'telemetry.sdk.name': 'clew',
    'telemetry.sdk.language': 'nodejs',
    'telemetry.sdk.version': sdkVersion,
    ...Object.fromEntries(readPairs('OTEL_RESOURCE_ATTRIBUTES')),
    ...(serviceName !== undefined && { 'service.name': serviceName }),
    ...given,
  };
  const files = findCommunityDetectors(wanted);
  const complete =
    files.length === 0
      ? undefined
      : runCommunityDetectors(files).then((found) => ({ ...detected, ...found, ...fixed }));
  return { attributes: { ...detected, ...fixed }, complete };
}
