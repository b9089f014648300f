import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, sep } from 'node:path';
import { writeNotice } from './notice.ts';

/** One loaded copy of `@opentelemetry/api`. */
export interface ApiCopy {
  readonly version: string;
  readonly folder: string;
}

const nodeRequire = createRequire(import.meta.url);
const entryFile = join('build', 'src', 'index.js');
const packageFolder = join('@opentelemetry', 'api') + sep;

/** The copies that are loaded now, the one that this SDK uses first. Bundled ones cannot be seen. */
export function findApiCopies(): ApiCopy[] {
  const own = nodeRequire.resolve('@opentelemetry/api');
  const files = Object.keys(nodeRequire.cache).filter((file) => file.endsWith(packageFolder + entryFile));
  return [own, ...files.filter((file) => file !== own)].map((file) => {
    const folder = file.slice(0, -entryFile.length - 1);
    return { version: readVersion(folder), folder };
  });
}

// By then an app has loaded what it is made of; to look costs well under a millisecond.
const checkDelayMs = 1_000;

/**
 * Looks once, when the app has loaded its modules, whether there is more than one copy of the api.
 *
 * @returns stops it.
 */
export function watchApiCopies(): () => void {
  const timer = setTimeout(() => {
    const [own, ...others] = findApiCopies();
    for (const other of others) sayCopy(own!, other);
  }, checkDelayMs);
  timer.unref();
  return () => clearTimeout(timer);
}

/** Says that the api would not take this SDK: another SDK was there before, or another version of the api itself. */
export function sayRegisteredBefore(): void {
  const registered = (globalThis as Record<symbol, unknown>)[Symbol.for('opentelemetry.js.api.1')] as
    | { version?: string }
    | undefined;
  const own = findApiCopies()[0]!.version;
  if (registered?.version !== undefined && registered.version !== own) {
    writeNotice(
      'error',
      `another copy of @opentelemetry/api, version ${registered.version}, was used before this SDK started, which has ` +
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

function sayCopy(own: ApiCopy, other: ApiCopy): void {
  const effect = isServed(own.version, other.version)
    ? 'They work together as long as the second is no newer than the first'
    : 'Spans made through the second are LOST, since it is newer or of another major version';
  writeNotice(
    'warn',
    `two copies of @opentelemetry/api are loaded: ${own.version} in ${own.folder}, which the SDK uses, and ` +
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
