import { readFileSync, readlinkSync } from 'node:fs';

/** The number by which Linux knows the calling thread; 0 on other systems. */
export function readThreadId(): number {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
  } catch {
    return 0;
  }
}

/**
 * Milliseconds of CPU that a thread of this process has used, in steps of 10. Where the system does not tell, the time
 * of a clock, which goes on while the thread waits for a core.
 *
 * @param threadId from {@link readThreadId}
 */
export function readThreadCpuMs(threadId: number): number {
  if (threadId === 0) return performance.now();
  try {
    const stat = readFileSync(`/proc/self/task/${threadId}/stat`, 'latin1');
    // The name of the thread stands in parentheses and may hold spaces; user and system time are fields 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * msPerTick;
  } catch {
    return 0;
  }
}

/** Linux counts in hundredths of a second for programs, whatever its own clock does. */
const msPerTick = 10;
