import { join } from 'node:path';
import { createLogger } from '#src/log.js';
import { DataControl } from '#src/retain/data-control.js';
import type { RetentionLimits } from '#src/retain/plan.js';
import { Redactions } from '#src/retain/redactions.js';
import { Retention } from '#src/retain/retention.js';
import { RetentionSettings } from '#src/retain/retention-settings.js';
import type { SpaceReserve } from '#src/retain/space-reserve.js';
import type { StoreClient } from '#src/store/client.js';

const log = createLogger('silent');

export const noLimits: RetentionLimits = { maxAgeMs: null, maxBytes: null, maxDiskShare: null };

export interface DataFixtureOptions {
  readonly client: StoreClient;
  readonly dataDir: string;
  readonly limits?: RetentionLimits;
  readonly reserve?: SpaceReserve;
  readonly now?: () => number;
  readonly flush?: (signal: AbortSignal) => Promise<void>;
}

/** Retention and deletion on a store, without the timer of a server. */
export async function openDataControl({
  client,
  dataDir,
  limits = noLimits,
  reserve,
  now = Date.now,
  flush = async () => {},
}: DataFixtureOptions): Promise<DataControl> {
  const settings = await RetentionSettings.open(join(dataDir, 'retention.json'), limits);
  const retention = new Retention({ client, settings, reserve, log, now });
  const redactions = await Redactions.open(client, join(dataDir, 'redactions.json'), log);
  redactions.resume();
  return new DataControl({ client, retention, redactions, flush, log });
}
