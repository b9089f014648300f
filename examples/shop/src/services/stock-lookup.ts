import { context } from '@opentelemetry/api';
import { hasProblem } from '../problems.ts';
import { requestJson } from '../request-json.ts';

export interface StockRow {
  readonly product_id: number;
  readonly quantity: number;
}

/** A job that has to wait finds at most this many before it. */
const maxWaitingJobs = 1_000;

/**
 * Asks the inventory for stock, one question after another, from a worker loop.
 *
 * The problem `lost-context`: the loop was started when the process was, and what it runs runs in that context, not in
 * the context of the request that waits for the answer. So its call starts a trace of its own, without the user. The
 * remedy is one line: bind the job to the context that asked for it.
 */
export function startStockLookup(inventoryUrl: string): (ids: readonly number[]) => Promise<readonly StockRow[]> {
  const jobs: (() => Promise<void>)[] = [];
  let wake = () => {};

  const work = async () => {
    for (;;) {
      const job = jobs.shift();
      if (job) await job();
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  };
  void work();

  return (ids) =>
    new Promise((resolve, reject) => {
      if (jobs.length >= maxWaitingJobs) {
        throw new Error(`${jobs.length} stock lookups are waiting, the limit is ${maxWaitingJobs}; ask again later`);
      }
      const job = () =>
        requestJson<readonly StockRow[]>(`${inventoryUrl}/stock?ids=${ids.join(',')}`).then(
          ({ body }) => resolve(body),
          reject,
        );
      jobs.push(hasProblem('lost-context') ? job : context.bind(context.active(), job));
      wake();
    });
}
