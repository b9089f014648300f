import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import type { AttributeValue } from '@clew/wire';
import { readPairs, readText } from './environment.ts';
import { sdkVersion } from './version.ts';

/** Attributes of the process that sends spans, as OpenTelemetry's resource conventions name them. */
export type ResourceAttributes = Readonly<Record<string, AttributeValue>>;

/**
 * The resource of this process. What `given` holds wins over the environment, and that over what is found out.
 *
 * `service.name`: OTEL_SERVICE_NAME, else OTEL_RESOURCE_ATTRIBUTES, else the name in the package.json nearest to the
 * entry script, else `unknown_service:node`.
 */
export function detectResource(given: ResourceAttributes = {}): ResourceAttributes {
  const entryPackage = findEntryPackage();
  const serviceName = readText('OTEL_SERVICE_NAME');
  const resource: Record<string, AttributeValue> = {
    'service.name': entryPackage?.name ?? `unknown_service:${basename(process.execPath)}`,
    ...(entryPackage?.version !== undefined && { 'service.version': entryPackage.version }),
    'service.instance.id': randomUUID(),
    'host.name': hostname(),
    'process.pid': process.pid,
    'process.runtime.name': 'nodejs',
    'process.runtime.version': process.versions.node,
    'telemetry.sdk.name': 'clew',
    'telemetry.sdk.language': 'nodejs',
    'telemetry.sdk.version': sdkVersion,
    ...Object.fromEntries(readPairs('OTEL_RESOURCE_ATTRIBUTES')),
    ...(serviceName !== undefined && { 'service.name': serviceName }),
  };
  return { ...resource, ...given };
}

interface EntryPackage {
  readonly name: string;
  readonly version: string | undefined;
}

/** The nearest package.json with a name, from the entry script upwards: `dist/` often holds one with a type only. */
function findEntryPackage(): EntryPackage | undefined {
  let folder = process.argv[1] === undefined ? process.cwd() : dirname(resolve(process.argv[1]));
  for (;;) {
    const found = readPackage(join(folder, 'package.json'));
    if (found !== undefined) return found;
    const parent = dirname(folder);
    if (parent === folder) return undefined;
    folder = parent;
  }
}

function readPackage(path: string): EntryPackage | undefined {
  try {
    const { name, version } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    if (typeof name !== 'string' || name === '') return undefined;
    return { name, version: typeof version === 'string' ? version : undefined };
  } catch {
    return undefined;
  }
}
