import type { Logger } from '../log.ts';

/** What a part of the server is for: the two fail apart, since the spool takes spans while the engine is away. */
export type ReadinessTarget = 'ingest' | 'queries';

/** Whether a part works now, and what else is worth knowing about it. */
export interface PartReport {
  readonly ready: boolean;
  /** Why it is not ready, as anybody may know it. */
  readonly reason?: string;
  /** The same for the log alone, with paths and addresses. */
  readonly detail?: string;
  readonly [detail: string]: string | number | boolean | undefined;
}

/** Asks a part, until the signal fires; a check that throws counts as not ready. */
export type ReadinessCheck = (signal: AbortSignal) => PartReport | Promise<PartReport>;

export interface TargetReport {
  readonly ready: boolean;
  readonly parts: Readonly<Record<string, PartReport>>;
}

/** The body of `/ready`. */
export interface ReadinessReport extends Readonly<Record<ReadinessTarget, TargetReport>> {
  /** True when both targets are, and the server is neither starting nor stopping. */
  readonly ready: boolean;
  readonly phase: Phase;
}

export type Phase = 'starting' | 'running' | 'stopping';

/** Anyone may ask, so the parts are asked at most this often. */
const reportAgeMs = 500;

/** Probes of Kubernetes wait for a second, unless told otherwise. */
const checkTimeoutMs = 800;

/** What of the server works: parts register their checks as they start. */
export class Readiness {
  readonly startedAt: Date = new Date();
  readonly #checks: Record<ReadinessTarget, Map<string, ReadinessCheck>> = { ingest: new Map(), queries: new Map() };
  readonly #reports = new Map<ReadinessTarget, Promise<TargetReport>>();
  readonly #unready = new Set<string>();
  readonly #log: Logger;
  #phase: Phase = 'starting';

  constructor(log: Logger) {
    this.#log = log;
  }

  get phase(): Phase {
    return this.#phase;
  }

  enter(phase: Phase): void {
    this.#phase = phase;
    this.#reports.clear();
  }

  add(target: ReadinessTarget, part: string, check: ReadinessCheck): void {
    this.#checks[target].set(part, check);
  }

  async report(): Promise<ReadinessReport> {
    const [ingest, queries] = await Promise.all([this.reportOn('ingest'), this.reportOn('queries')]);
    return { ready: ingest.ready && queries.ready, phase: this.#phase, ingest, queries };
  }

  /** Asks the parts of one target; those who ask soon after one another get the same answer. Never rejects. */
  reportOn(target: ReadinessTarget): Promise<TargetReport> {
    const known = this.#reports.get(target);
    if (known !== undefined) return known;
    const report = this.#ask(target);
    this.#reports.set(target, report);
    setTimeout(() => {
      if (this.#reports.get(target) === report) this.#reports.delete(target);
    }, reportAgeMs).unref();
    return report;
  }

  async #ask(target: ReadinessTarget): Promise<TargetReport> {
    const reports = [...this.#checks[target]].map(async ([name, check]) => {
      const { detail, ...report } = await askPart(check);
      this.#logChange(name, report, detail);
      return [name, report] as const;
    });
    const parts = Object.fromEntries(await Promise.all(reports));
    const ready = this.#phase === 'running' && Object.values(parts).every((part) => part.ready);
    return { ready, parts };
  }

  /** Once when a part fails, and once when it is back: anyone may ask, twice a second. */
  #logChange(part: string, { ready, reason }: PartReport, detail: string | undefined): void {
    if (ready === !this.#unready.has(part) || this.#phase !== 'running') return;
    if (ready) {
      this.#unready.delete(part);
      this.#log.info({ part }, 'A part of the server is ready again');
    } else {
      this.#unready.add(part);
      this.#log.warn({ part, reason, detail }, 'A part of the server is not ready');
    }
  }
}

async function askPart(check: ReadinessCheck): Promise<PartReport> {
  const stop = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<PartReport>((resolve) => {
    timer = setTimeout(() => {
      resolve({ ready: false, reason: `no answer within ${checkTimeoutMs} ms` });
      stop.abort();
    }, checkTimeoutMs);
  });
  try {
    return await Promise.race([late, check(stop.signal)]);
  } catch (error) {
    return { ready: false, reason: 'it failed; why is in the log of the server', detail: (error as Error).message };
  } finally {
    clearTimeout(timer);
  }
}
