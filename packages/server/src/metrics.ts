import type { SpoolStats, StatsResponse, TailSamplingStats } from '@clew/model';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** What a receiver tells, once a request: a few additions, no matter how many spans the request has. */
export interface ReceiverMetrics {
  acknowledge(request: AcknowledgedRequest): void;
  /** @param reason A word of few, such as `too_large`. */
  refuse(reason: string): void;
}

export interface AcknowledgedRequest {
  /** Of the body, uncompressed. */
  readonly bytes: number;
  readonly acceptedSpans: number;
  readonly rejectedSpans: number;
  /** Rejected spans by reason; empty when there are none. */
  readonly rejectedBy: Readonly<Record<string, number>>;
  /** Accepted spans that are not stored, by rule. */
  readonly droppedBy: Readonly<Record<string, number>>;
  /** From the head of the request to its answer. */
  readonly seconds: number;
}

/** What a spool tells when it is asked. */
export interface SpoolState {
  readonly bytes: number;
  readonly maxBytes: number;
  readonly segments: number;
  /** When the oldest segment was begun, Unix milliseconds; undefined when there is none. */
  readonly oldestMs: number | undefined;
}

/** What the threads that read requests tell when they are asked. */
export interface TranscoderMetrics {
  readonly endedThreads: Readonly<Record<string, number>>;
  readonly refusedGroups: number;
  describe(): { readonly threads: number; readonly busyThreads: number; readonly longestWaitMs: number };
}

const latencySeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** The process has one CPU and one event loop, however many servers run in it. */
let processRegistry: Registry | undefined;

/** The server's own metrics, in Prometheus' text format at `/metrics`; docs/operation.md lists them. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #startedAt = new Date();
  #readSpool: () => SpoolState = () => emptySpool;
  #describeTailSampling: (() => Omit<TailSamplingStats, 'outcomes'>) | undefined;
  readonly #requests = this.#counter('received_requests', 'Export requests, refused ones included.', ['receiver']);
  readonly #spans = this.#counter('received_spans', 'Spans of acknowledged requests, rejected ones included.', [
    'receiver',
  ]);
  readonly #bytes = this.#counter('received_bytes', 'Uncompressed bodies of acknowledged requests.', ['receiver']);
  readonly #refused = this.#counter('refused_requests', 'Export requests that were answered with an error.', [
    'receiver',
    'reason',
  ]);
  readonly #rejected = this.#counter('rejected_spans', 'Spans left out of requests that were acknowledged.', [
    'reason',
  ]);
  readonly #dropped = this.#counter('dropped_spans', 'Accepted spans that a rule of CLEW_DROP_SPANS keeps out.', [
    'rule',
  ]);
  readonly #tailSampled = this.#counter('tail_sampled_traces', 'Traces by the rule that keeps them, or removed.', [
    'outcome',
  ]);
  readonly #acknowledgement = this.#histogram(
    'acknowledgement_seconds',
    'From the head of an export request to its answer, when its spans are on disk.',
    ['receiver'],
  );
  readonly #inserts = this.#counter('inserts', 'Blocks that the store took.', ['table']);
  readonly #insertSeconds = this.#histogram('insert_seconds', 'How long the store took for a block.', ['table']);
  readonly #insertFailures = this.#counter('insert_failures', 'Inserts that failed, by whether they are tried again.', [
    'table',
    'retried',
  ]);
  readonly #storedSpans = this.#counter('stored_spans', 'Spans moved from the spool into the store.', []);
  readonly #setAside = this.#counter('spool_segments_set_aside', 'Segments that were taken out of the way.', [
    'reason',
  ]);
  readonly #queries = this.#histogram('query_seconds', 'Answers of the HTTP API, by endpoint and outcome.', [
    'endpoint',
    'outcome',
  ]);

  readonly #stopped = this.#counter('stopped_statements', 'Statements of queries that were stopped before their end.', [
    'reason',
  ]);

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Everything, as the text that Prometheus reads. */
  async render(): Promise<string> {
    if (processRegistry === undefined) {
      processRegistry = new Registry();
      collectDefaultMetrics({ register: processRegistry });
    }
    return `${await this.#registry.metrics()}\n${await processRegistry.metrics()}`;
  }

  receiver(receiver: string): ReceiverMetrics {
    const requests = this.#requests.labels(receiver);
    const spans = this.#spans.labels(receiver);
    const bytes = this.#bytes.labels(receiver);
    const acknowledgement = this.#acknowledgement.labels(receiver);
    for (const counter of [requests, spans, bytes]) counter.inc(0);
    return {
      acknowledge: (request) => {
        requests.inc();
        spans.inc(request.acceptedSpans + request.rejectedSpans);
        bytes.inc(request.bytes);
        acknowledgement.observe(request.seconds);
        for (const [reason, count] of Object.entries(request.rejectedBy)) this.#rejected.inc({ reason }, count);
        for (const [rule, count] of Object.entries(request.droppedBy)) this.#dropped.inc({ rule }, count);
      },
      refuse: (reason) => {
        requests.inc();
        this.#refused.inc({ receiver, reason });
      },
    };
  }

  /** Runs an insert and counts how it ended. */
  async observeInsert(
    table: string,
    insert: () => Promise<void>,
    isRetryable: (error: unknown) => boolean,
  ): Promise<void> {
    const startedMs = performance.now();
    try {
      await insert();
    } catch (error) {
      this.#insertFailures.inc({ table, retried: String(isRetryable(error)) });
      throw error;
    }
    this.#inserts.inc({ table });
    this.#insertSeconds.observe({ table }, (performance.now() - startedMs) / 1000);
  }

  countStored(spans: number): void {
    this.#storedSpans.inc(spans);
  }

  countSetAside(reason: 'refused' | 'damaged'): void {
    this.#setAside.inc({ reason });
  }

  countTailSampled(outcome: string, traces: number): void {
    this.#tailSampled.inc({ outcome }, traces);
  }

  watchTailSampling(describe: () => Omit<TailSamplingStats, 'outcomes'>): void {
    this.#describeTailSampling = describe;
    this.#gauge(
      'tail_sampling_decided_until_seconds',
      'Unix time up to which traces are decided.',
      () => describe().decidedUntilMs / 1000,
    );
  }

  observeQuery(endpoint: string, outcome: string, seconds: number): void {
    this.#queries.observe({ endpoint, outcome }, seconds);
  }

  countStoppedStatement(reason: string): void {
    this.#stopped.inc({ reason });
  }

  watchQueries(queries: { readonly running: number; readonly waiting: number }): void {
    this.#gauge('running_statements', 'Statements of queries that the store runs now.', () => queries.running);
    this.#gauge('waiting_statements', 'Statements of queries that wait for their turn.', () => queries.waiting);
  }

  watchOverflow(space: { readonly bytes: number }): void {
    const help = 'Answers on disk that slow readers have not taken yet.';
    this.#gauge('overflow_bytes', help, () => space.bytes);
  }

  watchSpool(read: () => SpoolState): void {
    this.#readSpool = read;
    this.#gauge('spool_bytes', 'Acknowledged spans on disk that are not in the store yet.', () => read().bytes);
    this.#gauge('spool_limit_bytes', 'What the spool may hold.', () => read().maxBytes);
    this.#gauge('spool_segments', 'Files of the spool.', () => read().segments);
    const help = 'How long the oldest spans of the spool wait; 0 when it is empty.';
    this.#gauge('spool_oldest_age_seconds', help, () => describeAge(read().oldestMs) ?? 0);
  }

  watchWaitingLine(line: { readonly waited: number }): void {
    const help = 'Requests that had to wait, unread, until there was room for them.';
    this.#total('waited_requests', help, () => line.waited);
  }

  watchRollup(rollup: { readonly pendingMinutes: number; readonly failedMinutes: number }): void {
    const help = 'Minutes of spans that are not in service metrics and graph yet.';
    this.#gauge('rollup_pending_minutes', help, () => rollup.pendingMinutes);
    const failed = 'Minutes that were left out of service metrics and graph, as the store could not roll them up.';
    this.#total('rollup_failed_minutes', failed, () => rollup.failedMinutes);
  }

  watchEngine(engine: { readonly isReady: boolean; readonly restarts: number }): void {
    this.#gauge('engine_ready', '1 while the embedded engine answers.', () => Number(engine.isReady));
    const help = 'Times that the embedded engine died and was started again.';
    this.#total('engine_restarts', help, () => engine.restarts);
  }

  watchTranscoders(transcoders: TranscoderMetrics): void {
    this.#gauge('transcoder_threads', 'Threads that read requests.', () => transcoders.describe().threads);
    this.#gauge('transcoder_busy_threads', 'Those of them that are reading.', () => transcoders.describe().busyThreads);
    const help = 'How long the first group of requests has waited for a thread; 0 when none waits.';
    this.#gauge('transcoder_wait_seconds', help, () => transcoders.describe().longestWaitMs / 1000);
    const refusedHelp = 'Groups of requests that were refused because the thread that read them ended.';
    this.#total('transcoder_refused_groups', refusedHelp, () => transcoders.refusedGroups);
    const endedHelp = 'Threads that ended while they read requests, by the limit that one of these exceeded.';
    const ended: Counter = this.#counter('transcoder_ended_threads', endedHelp, ['reason'], () => {
      ended.reset();
      for (const [reason, count] of Object.entries(transcoders.endedThreads)) ended.inc({ reason }, count);
    });
  }

  /** The same counts as numbers, for `GET /clew/v1/stats`. */
  async readCounts(): Promise<Omit<StatsResponse, 'store'>> {
    const [spans, bytes, rejectedSpans, droppedSpans, setAside] = await Promise.all([
      readByLabel(this.#spans, 'receiver'),
      readByLabel(this.#bytes, 'receiver'),
      readByLabel(this.#rejected, 'reason'),
      readByLabel(this.#dropped, 'rule'),
      readByLabel(this.#setAside, 'reason'),
    ]);
    const requests = await readByLabel(this.#requests, 'receiver');
    const refused = (await this.#refused.get()).values;
    const receivers = Object.keys(requests).map((receiver) => ({
      receiver,
      requests: requests[receiver]!,
      spans: spans[receiver]!,
      bytes: bytes[receiver]!,
      refused: Object.fromEntries(
        refused.filter(({ labels }) => labels.receiver === receiver).map(({ labels, value }) => [labels.reason, value]),
      ),
    }));
    const setAsideCount = Object.values(setAside).reduce((sum, count) => sum + count, 0);
    return {
      since: this.#startedAt.toISOString(),
      receivers,
      rejectedSpans,
      droppedSpans,
      tailSampling: await this.#readTailSampling(),
      spool: this.#describeSpool(setAsideCount),
    };
  }

  async #readTailSampling(): Promise<TailSamplingStats | null> {
    if (this.#describeTailSampling === undefined) return null;
    return { ...this.#describeTailSampling(), outcomes: await readByLabel(this.#tailSampled, 'outcome') };
  }

  #describeSpool(setAside: number): SpoolStats {
    const { bytes, maxBytes, segments, oldestMs } = this.#readSpool();
    return { bytes, limitBytes: maxBytes, segments, oldestAgeS: describeAge(oldestMs), setAside };
  }

  #counter(name: string, help: string, labelNames: readonly string[], collect?: () => void): Counter {
    const registers = [this.#registry];
    return new Counter({ name: `clew_${name}_total`, help, labelNames, registers, ...(collect && { collect }) });
  }

  /** A counter of what somebody else counts. */
  #total(name: string, help: string, read: () => number): void {
    const counter = this.#counter(name, help, [], () => {
      counter.reset();
      counter.inc(read());
    });
  }

  #histogram(name: string, help: string, labelNames: readonly string[]): Histogram {
    return new Histogram({
      name: `clew_${name}`,
      help,
      labelNames,
      registers: [this.#registry],
      buckets: latencySeconds,
    });
  }

  #gauge(name: string, help: string, read: () => number): void {
    const gauge: Gauge = new Gauge({
      name: `clew_${name}`,
      help,
      registers: [this.#registry],
      collect: () => gauge.set(read()),
    });
  }
}

/** Until the spool is open. */
const emptySpool: SpoolState = { bytes: 0, maxBytes: 0, segments: 0, oldestMs: undefined };

function describeAge(sinceMs: number | undefined): number | null {
  return sinceMs === undefined ? null : Math.max(0, Date.now() - sinceMs) / 1000;
}

async function readByLabel(counter: Counter, label: string): Promise<Record<string, number>> {
  const { values } = await counter.get();
  return Object.fromEntries(values.map(({ labels, value }) => [String(labels[label]), value]));
}
