import { readFileSync } from 'node:fs';
import type { Logger } from './log.ts';

/** How many connections each port takes. */
export interface ConnectionLimits {
  /** Each of the five ports that take spans. */
  readonly receiver: number;
  readonly ui: number;
  readonly health: number;
}

/** A connection that does nothing costs some 20 KiB: those of one receiver together stay below 100 MiB. */
const usual: ConnectionLimits = { receiver: 4_096, ui: 1_024, health: 64 };

/** Enough for the senders of one machine. */
const least = { receiver: 16, ui: 8 };

/** The process's own, the probes' with their port included, and for each tenant its spool's files and its connections to the store. */
const keptForProcess = 128 + usual.health;
const keptForTenant = 16;

/** A connection to the UI may have a file open as well. */
const wanted = 5 * usual.receiver + 2 * usual.ui;

/**
 * Divides the process's file descriptors: without one, a connection to any port is reset, so that idle connections to one
 * port would stop all others.
 *
 * @param descriptors undefined when it is not known how many there are
 * @param tenants those who are no tenant included
 */
export function chooseConnectionLimits(descriptors: number | undefined, tenants: number): ConnectionLimits {
  if (descriptors === undefined) return usual;
  const share = (descriptors - keptForProcess - tenants * keptForTenant) / wanted;
  if (share >= 1) return usual;
  const reduce = (port: 'receiver' | 'ui'): number => Math.max(least[port], Math.floor(usual[port] * share));
  return { receiver: reduce('receiver'), ui: reduce('ui'), health: usual.health };
}

/** The same for this process, and says in the log when they are fewer than usual. */
export function limitConnections(tenants: number, log: Logger): ConnectionLimits {
  const descriptors = readDescriptorLimit();
  const limits = chooseConnectionLimits(descriptors, tenants);
  if (limits !== usual) {
    log.info(
      { descriptors, connections: limits },
      'The limit of file descriptors leaves each port fewer connections than usual; raise it with "ulimit -n" or LimitNOFILE',
    );
  }
  return limits;
}

/** How many files and sockets this process may have open; undefined when there is no limit, or the system does not say. */
export function readDescriptorLimit(): number | undefined {
  return readLimitOfLinux() ?? readLimitOfReport();
}

function readLimitOfLinux(): number | undefined {
  try {
    const soft = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}

/** On macOS and others; takes some 50 ms. */
function readLimitOfReport(): number | undefined {
  const { userLimits } = process.report.getReport() as {
    readonly userLimits?: { readonly open_files?: { readonly soft?: number | string } };
  };
  const soft = userLimits?.open_files?.soft;
  return typeof soft === 'number' ? soft : undefined;
}
