import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** The process of the embedded engine: the only child of this one. Waits for it while it is started again. */
export async function findEngine(): Promise<number> {
  for (;;) {
    const children = (await readFile(`/proc/self/task/${process.pid}/children`, 'utf8')).trim();
    if (children !== '') {
      assert.match(children, /^\d+$/);
      return Number(children);
    }
    await sleep(10);
  }
}
