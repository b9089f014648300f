import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** An instrumentation package that the app has installed. */
export interface InstrumentationPackage {
  /** `pg`, as the `OTEL_NODE_…_INSTRUMENTATIONS` variables call it. */
  readonly shortName: string;
  /** `@opentelemetry/instrumentation-pg`. */
  readonly name: string;
  /** A file name in the folder from which Node finds it. */
  readonly from: string;
}

const prefix = 'instrumentation-';
const bundle = 'auto-instrumentations-node';

/**
 * The instrumentation packages in every `node_modules` from the entry script and the working directory upwards, the
 * nearest first, and those that `@opentelemetry/auto-instrumentations-node` brings. Only folders are listed; no file is
 * read and nothing is loaded.
 */
export function findInstrumentationPackages(): InstrumentationPackage[] {
  const found = new Map<string, InstrumentationPackage>();
  const add = (shortName: string, name: string, from: string): void => {
    if (!found.has(shortName)) found.set(shortName, { shortName, name, from });
  };
  const addScope = (folder: string, from: string): void => {
    for (const entry of list(folder)) {
      if (entry.startsWith(prefix)) add(entry.slice(prefix.length), `@opentelemetry/${entry}`, from);
    }
  };
  for (const root of listRoots()) {
    const from = join(root, 'package.json');
    const scope = join(root, 'node_modules', '@opentelemetry');
    addScope(scope, from);
    if (existsSync(join(root, 'node_modules', '@prisma', 'instrumentation'))) {
      add('prisma', '@prisma/instrumentation', from);
    }
    if (!existsSync(join(scope, bundle))) continue;
    // Its parts stand beside it (hoisted, or pnpm's store, which only its real path shows) or inside it.
    const home = realpathSync(join(scope, bundle));
    addScope(join(home, 'node_modules', '@opentelemetry'), join(home, 'package.json'));
    addScope(dirname(home), join(home, 'package.json'));
  }
  return [...found.values()];
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Folders that may hold a `node_modules` of the app, the nearest to the entry script first. */
export function listRoots(): Set<string> {
  const roots = new Set<string>();
  for (const start of [entryFolder(), process.cwd()]) {
    for (let folder = start; folder !== undefined; ) {
      roots.add(folder);
      const parent = dirname(folder);
      folder = parent === folder ? undefined : parent;
    }
  }
  return roots;
}

function entryFolder(): string | undefined {
  const entry = process.argv[1];
  if (entry === undefined) return undefined;
  try {
    return dirname(realpathSync(entry));
  } catch {
    return dirname(resolve(entry));
  }
}
