import type { Logger } from './log.ts';

/** What must be undone, in the order in which it was done. */
export type Undo = () => Promise<unknown>;

/**
 * Undoes all steps, the last one first. One that fails is logged and leaves no other undone.
 * @throws the first failure, when all steps were tried
 */
export async function undoAll(steps: Undo[], log: Logger): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps.splice(0).reverse()) {
    try {
      await step();
    } catch (error) {
      log.error({ err: error }, 'A part of the server could not be stopped');
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
