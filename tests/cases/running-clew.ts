import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { detailsOf, type SpanDetails, type TraceTable, tableFromNative } from '@clew/model';
import { type ClewServer, killAll, spawnServer } from '../faults/clew-server.js';

const clew = fileURLToPath(new URL('../../../packages/cli/bin/clew.js', import.meta.url));
const backend = new URL('../../cases/backend/', import.meta.url);

/** The path of an input. */
export const pathOf = (name: string): string => fileURLToPath(new URL(name, backend));

export const readCase = (name: string): string => readFileSync(pathOf(name), 'utf8');

export interface RunningClew extends ClewServer {
  /** A folder for files, which goes with the server. */
  readonly folder: string;
  stop(): Promise<void>;
}

/** `clew serve`, and `clew` beside it. */
export async function startClew(): Promise<RunningClew> {
  const folder = mkdtempSync(join(tmpdir(), 'clew-cases-'));
  const server = await spawnServer(join(folder, 'data')).ready;
  return {
    ...server,
    folder,
    stop: async () => {
      await killAll(server);
      rmSync(folder, { recursive: true });
    },
  };
}

export async function runClew(...args: readonly string[]) {
  const child = spawn(process.execPath, [clew, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code] = (await once(child, 'close')) as [number];
  return { code, stdout, stderr };
}

export function postJson(url: string, body: unknown): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

/** A trace once it has as many spans. */
export async function fetchTrace(uiUrl: string, traceId: string, spanCount: number): Promise<TraceTable> {
  for (;;) {
    const response = await fetch(`${uiUrl}/clew/v1/traces/${traceId}`);
    const body = new Uint8Array(await response.arrayBuffer());
    if (response.status !== 200 && response.status !== 404) throw new Error(Buffer.from(body).toString());
    const table = response.status === 200 ? tableFromNative(body) : undefined;
    if (table !== undefined && table.spanCount >= spanCount) return table;
    // The spool is loaded within a second.
    await sleep(50);
  }
}

export async function fetchSpans(uiUrl: string, traceId: string, spanCount: number): Promise<readonly SpanDetails[]> {
  const table = await fetchTrace(uiUrl, traceId, spanCount);
  return Array.from({ length: table.spanCount }, (_, row) => detailsOf(table, row));
}
