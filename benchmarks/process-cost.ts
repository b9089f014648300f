import { readdirSync, readFileSync } from 'node:fs';

/** What a process has used so far. Read from /proc: Linux only. */
export interface ProcessCost {
  readonly cpuSeconds: number;
  readonly residentMiB: number;
}

/** Linux counts CPU in ticks of 10 ms on every platform that Node runs on. */
const ticksPerSecond = 100;

export function readProcessCost(pid: number): ProcessCost {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    cpuSeconds: readCpuSeconds(`/proc/${pid}/stat`),
    residentMiB: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024,
  };
}

/** CPU of each thread so far, seconds by its id; the main thread has the id of the process. */
export function readThreadCosts(pid: number): Map<number, number> {
  const threads = readdirSync(`/proc/${pid}/task`);
  return new Map(threads.map((thread) => [Number(thread), readCpuSeconds(`/proc/${pid}/task/${thread}/stat`)]));
}

function readCpuSeconds(path: string): number {
  // The second field, the name, may hold spaces: count from its closing parenthesis.
  const stat = readFileSync(path, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** The processes that a process started and that still run. */
export function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((each) => {
      try {
        const stat = readFileSync(`/proc/${each}/stat`, 'utf8');
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid;
      } catch {
        return false; // It ended while we were looking.
      }
    });
}
