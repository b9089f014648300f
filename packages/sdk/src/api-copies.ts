import { readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { trace } from '@opentelemetry/api';
import { loadedModules } from './loaded-modules.ts';
import { guard, writeNotice } from './notice.ts';

/** One loaded copy of `@opentelemetry/api`. */
export interface ApiCopy {
  readonly version: string;
  readonly folder: string;
}

const entryFile = join('build', 'src', 'index.js');
const packageFolder = join('@opentelemetry', 'api') + sep;

interface ApiCopies {
  /** The one that this SDK uses; undefined when it is part of a bundle. */
  readonly own: ApiCopy | undefined;
  readonly others: readonly ApiCopy[];
}

/** The copies that are loaded now. Bundled ones cannot be seen. */
export function findApiCopies(): ApiCopies {
  let own: ApiCopy | undefined;
  const others: ApiCopy[] = [];
  for (const [file, loaded] of Object.entries(loadedModules)) {
    if (!file.endsWith(packageFolder + entryFile)) continue;
    const folder = file.slice(0, -entryFile.length - 1);
    const copy = { version: readVersion(folder), folder };
    if ((loaded?.exports as { trace?: unknown } | undefined)?.trace === trace) own = copy;
    else others.push(copy);
  }
  return { own, others };
}

// By then an app has loaded what it is made of; to look costs well under a millisecond.
const checkDelayMs = 1_000;

/**
 * Looks once, when the app has loaded its modules, whether there is more than one copy of the api.
 *
 * @returns stops it.
 */
export function watchApiCopies(): () => void {
  const timer = setTimeout(guard('the look for copies of @opentelemetry/api', reportCopies), checkDelayMs);
  timer.unref();
  return () => clearTimeout(timer);
}

function reportCopies(): void {
  const { own, others } = findApiCopies();
  const version = own?.version ?? registeredVersion();
  if (version === undefined) return;
  for (const other of others) {
    // A bundle beside packages that stay outside of it has two copies, which is as it should be while they work together.
    if (own !== undefined || !isServed(version, other.version)) reportCopy(version, own?.folder, other);
  }
}

/** Says that the api would not take this SDK: another SDK was there before, or another version of the api itself. */
export function sayRegisteredBefore(): void {
  const registered = registeredVersion();
  const own = findApiCopies().own?.version;
  if (registered !== undefined && own !== undefined && registered !== own) {
    writeNotice(
      'error',
      `another copy of @opentelemetry/api, version ${registered}, was used before this SDK started, which has ` +
        `version ${own}: spans made through the api are LOST. Have one version: npm dedupe. And start this SDK first`,
    );
    return;
  }
  writeNotice(
    'warn',
    'something else has registered with @opentelemetry/api before: spans made through the api may go there. ' +
      'Start only one SDK, before everything else',
  );
}

/** The version of the copy through which an SDK was registered first. */
function registeredVersion(): string | undefined {
  const registered = (globalThis as Record<symbol, unknown>)[Symbol.for('opentelemetry.js.api.1')] as
    | { version?: string }
    | undefined;
  return registered?.version;
}

function reportCopy(version: string, folder: string | undefined, other: ApiCopy): void {
  const effect = isServed(version, other.version)
    ? 'They work together as long as the second is no newer than the first'
    : 'Spans made through the second are LOST, since it is newer or of another major version';
  writeNotice(
    'warn',
    `two copies of @opentelemetry/api are loaded: ${version} in ${folder ?? "the app's bundle"}, which the SDK uses, and ` +
      `${other.version} in ${other.folder}. ${effect}. Have one: npm dedupe, or the same version everywhere`,
  );
}

/** The api's own rule: a copy uses what was registered through one of the same major and the same or a later minor version. */
function isServed(registered: string, copy: string): boolean {
  const [ownMajor, ownMinor = 0] = registered.split('.').map(Number);
  const [major, minor = 0] = copy.split('.').map(Number);
  return major === ownMajor && minor <= ownMinor;
}

function readVersion(folder: string): string {
  try {
    return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version;
  } catch {
    return 'an unknown version';
  }
}
