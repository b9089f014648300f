import type { SpanSource } from '@clew/wire';
import { nanosAt, secondsAt } from '../api/clock.ts';
import { randomWord } from '../api/random-ids.ts';
import { contextStorage, suppressedContext } from '../context/context-manager.ts';
import { readText } from '../environment.ts';
import { guard, writeNotice } from '../notice.ts';
import type { OpenSpans } from '../record/open-spans.ts';
import type { RecordingSpan } from '../record/recording-span.ts';

const defaultReportAfterMs = 30_000;

/** `CLEW_REPORT_RUNNING_AFTER`: `30s`, `500ms`, `2m`, a number of milliseconds, or `off`, which is 0 here. */
export function reportRunningAfterFromEnvironment(): number {
  const text = readText('CLEW_REPORT_RUNNING_AFTER')?.toLowerCase();
  if (text === undefined) return defaultReportAfterMs;
  if (text === 'off') return 0;
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  if (match !== null) return Number(match[1]) * msOfUnit[(match[2] ?? 'ms') as keyof typeof msOfUnit];
  writeNotice('warn', `CLEW_REPORT_RUNNING_AFTER=${text} is ignored: a duration such as 30s, or off, is needed`);
  return defaultReportAfterMs;
}

const msOfUnit = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/**
 * Reports spans that stay open for longer than `afterMs`, once each, so that a request that hangs can be found while it
 * does, and after a process was killed.
 *
 * The report is a span of its own: a child of no length, at the moment of the look, with what its parent knows so far.
 * Another copy of the span itself would be a second row for whoever stores spans by id, and one that covers the time so
 * far would count twice in self times and critical paths.
 *
 * @returns stops reporting.
 */
export function reportRunningSpans(openSpans: OpenSpans, afterMs: number): () => void {
  const reported = new WeakSet<RecordingSpan>();
  const look = guard('the report of running spans', () => {
    for (const span of openSpans.list()) {
      if (reported.has(span)) continue;
      const report = describeRunning(span, afterMs);
      if (report === undefined) continue;
      reported.add(span);
      span.sink.write(report);
    }
  });
  const intervalMs = Math.min(longestIntervalMs, Math.max(shortestIntervalMs, afterMs / 4));
  const timer = contextStorage.run(suppressedContext, () => setInterval(look, intervalMs));
  timer.unref();
  return () => clearInterval(timer);
}

// A look walks over the open spans: some microseconds for hundreds of them.
const shortestIntervalMs = 50;
const longestIntervalMs = 5_000;

function describeRunning(span: RecordingSpan, afterMs: number): SpanSource | undefined {
  const nowMs = performance.now();
  const seconds = secondsAt(span.anchor, nowMs);
  const nanos = nanosAt(span.anchor, nowMs);
  const openMs = (seconds - span.startSeconds) * 1e3 + (nanos - span.startNanos) / 1e6;
  if (openMs < afterMs) return undefined;
  return {
    traceId0: span.traceId0,
    traceId1: span.traceId1,
    traceId2: span.traceId2,
    traceId3: span.traceId3,
    spanId0: randomWord(),
    spanId1: randomWord() || 1,
    parentSpanId0: span.spanId0,
    parentSpanId1: span.spanId1,
    traceState: span.traceState,
    traceFlags: span.traceFlags,
    hasRemoteParent: false,
    name: `still running: ${span.name}`,
    kind: internalKind,
    startSeconds: seconds,
    startNanos: nanos,
    endSeconds: seconds,
    endNanos: nanos,
    attributes: [...span.allAttributes(), 'clew.running', true, 'clew.running.duration_ms', Math.round(openMs)],
    droppedAttributes: 0,
    events: undefined,
    droppedEvents: 0,
    links: undefined,
    droppedLinks: 0,
    statusCode: 0,
    statusMessage: '',
  };
}

/** OTLP's SPAN_KIND_INTERNAL. */
const internalKind = 1;
