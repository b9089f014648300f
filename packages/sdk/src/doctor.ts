import { renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { type ApiCopy, findApiCopies } from './api-copies.ts';
import { readText } from './environment.ts';
import { type InstrumentationEntry, instrumentationReport } from './instrument/community-registry.ts';
import { loadedModules } from './loaded-modules.ts';
import { type NoticeKind, recordNotices } from './notice.ts';
import { startTracing } from './start.ts';

/**
 * What `clew doctor` loads into an app instead of `@clew/sdk/register`: the same, and a file in the folder that
 * `CLEW_DOCTOR_DIR` names, which says what this process has loaded and what the SDK had to say.
 */

/** The content of that file. */
export interface ProcessDiagnosis {
  readonly pid: number;
  readonly node: string;
  /** The entry script; empty when there is none. */
  readonly entry: string;
  readonly notices: readonly { readonly kind: NoticeKind; readonly text: string }[];
  /** Packages of npm of which something was loaded. Those that are ES modules alone cannot be seen. */
  readonly packages: readonly string[];
  readonly instrumentations: readonly InstrumentationEntry[];
  readonly apiCopies: readonly ApiCopy[];
}

// Often enough for a process that is killed; nothing is written when nothing has changed.
const intervalMs = 250;
const maxNotices = 100;

const notices: ProcessDiagnosis['notices'][number][] = [];
let written = '';

function diagnose(): ProcessDiagnosis {
  const { own, others } = findApiCopies();
  return {
    pid: process.pid,
    node: process.versions.node,
    entry: process.argv[1] ?? '',
    notices,
    packages: listLoadedPackages(),
    instrumentations: instrumentationReport(),
    apiCopies: [own, ...others].filter((copy) => copy !== undefined),
  };
}

function listLoadedPackages(): string[] {
  const names = new Set<string>();
  for (const file of Object.keys(loadedModules)) {
    const name = /.*[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/.exec(file)?.[1];
    if (name !== undefined) names.add(name.replace('\\', '/'));
  }
  return [...names];
}

function write(folder: string): void {
  try {
    const text = JSON.stringify(diagnose());
    if (text === written) return;
    // Renamed, so that nobody reads half of it.
    const path = join(folder, `${process.pid}-${threadId}.json`);
    writeFileSync(`${path}.part`, text);
    renameSync(`${path}.part`, path);
    written = text;
  } catch {
    // The doctor has gone and taken its folder along.
  }
}

/** `npm start` is a Node process too, and not the one that is looked at. */
function isPackageManager(): boolean {
  return /^(?:npm|npx|yarn|pnpm|corepack)(?:-cli)?(?:\.[cm]?js)?$/.test(basename(process.argv[1] ?? ''));
}

const folder = readText('CLEW_DOCTOR_DIR');
if (folder !== undefined && !isPackageManager()) {
  recordNotices((kind, text) => {
    if (notices.length < maxNotices) notices.push({ kind, text });
  });
  startTracing();
  setInterval(() => write(folder), intervalMs).unref();
  process.on('exit', () => write(folder));
  write(folder);
}
