import { parentPort, workerData } from 'node:worker_threads';
import {
  MalformedJsonError,
  MalformedOtlpJsonError,
  MalformedProtobufError,
  MalformedThriftError,
  RefusedSpansError,
  TooManyElementsError,
} from '@clew/wire';
import { DropRules } from '../drop-rules.ts';
import type { ExportRequest } from '../receive/export-request.ts';
import { OtlpError } from '../receive/otlp-error.ts';
import { releaseMemory } from '../release-memory.ts';
import { decompress, MalformedCompressionError } from './decompress.ts';
import { readThreadCpuMs, readThreadId } from './thread-cpu.ts';
import { toOtlp } from './to-otlp.ts';
import { TraceTranscoder } from './trace-transcoder.ts';
import type { WorkerAnswer, WorkerOptions, WorkerReady, WorkerResult, WorkerTask } from './transcoder-thread.ts';

// The worker of TranscoderThread: says that it is ready; then a message is a group of requests, its answer their results
// and blocks.

const port = parentPort!;
const { dropRules, maxRequestBytes, progress } = workerData as WorkerOptions;
const threadId = readThreadId();
const rules = new DropRules(dropRules);
let transcoder = new TraceTranscoder(rules);

/** What is wrong with a request, not with us: its sender is told, and the others of the group go on. */
const malformations = [
  MalformedJsonError,
  MalformedOtlpJsonError,
  MalformedProtobufError,
  MalformedThriftError,
  RefusedSpansError,
  MalformedCompressionError,
];

/** After so much CPU time the rest of a group is left to its senders: they send it again, and others get their turn. */
const maxGroupMs = 2_000;

/** A request that is larger than any group of several leaves columns behind that are too large to keep for the next. */
const largeRequestBytes = 16 * 1024 * 1024;

function transcode({ encoding, compression, bytes }: ExportRequest): WorkerResult {
  let plain: Uint8Array = bytes;
  try {
    if (compression !== undefined) plain = decompress(bytes, compression, maxRequestBytes);
    const plainBytes = plain.length;
    Atomics.store(progress, 1, plainBytes);
    const { request, rejectedSpans, rejectionReason } = toOtlp(encoding, plain);
    const result = transcoder.transcode(request);
    return {
      bytes: plainBytes,
      acceptedSpans: result.acceptedSpans,
      rejectedSpans: result.rejectedSpans + rejectedSpans,
      rejectedBy: rejectedSpans === 0 ? result.rejectedBy : { ...result.rejectedBy, format: rejectedSpans },
      rejectionReason: rejectionReason || result.rejectionReason,
      droppedBy: result.droppedBy,
    };
  } catch (error) {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    if (error instanceof OtlpError) return { refused: message, reason: 'too_large' };
    if (error instanceof TooManyElementsError) return { refused: message, reason: 'too_many_elements' };
    if (malformations.some((malformation) => error instanceof malformation)) {
      return { refused: message, reason: 'malformed' };
    }
    // A bug of ours, but not one that the other requests of the group, or the thread, should pay for.
    return { failed: stack ?? message };
  } finally {
    releaseMemory(bytes);
    // It may be shorter than its ArrayBuffer.
    if (plain !== bytes) releaseMemory(new Uint8Array(plain.buffer));
  }
}

function transcodeGroup(requests: readonly ExportRequest[]): WorkerResult[] {
  const startedMs = performance.now();
  const startedCpuMs = readThreadCpuMs(threadId);
  // The clock is read first: it costs nothing, and is never behind the CPU time.
  const isLate = (): boolean =>
    performance.now() - startedMs > maxGroupMs && readThreadCpuMs(threadId) - startedCpuMs > maxGroupMs;
  return requests.map((request, index) => {
    if (index > 0 && isLate()) return { postponed: true };
    Atomics.store(progress, 0, index);
    return transcode(request);
  });
}

port.on('messageerror', (error: Error) => {
  // Nobody knows which group it was: the thread ends, and what it held is sent again.
  throw error;
});

port.on('message', ({ id, requests }: WorkerTask) => {
  const results = transcodeGroup(requests);
  const blocks = transcoder.takeBlocks();
  const bytes = results.reduce((sum, result) => sum + ('bytes' in result ? result.bytes : 0), 0);
  if (bytes > largeRequestBytes) transcoder = new TraceTranscoder(rules);
  const answer: WorkerAnswer = { id, results, blocks };
  port.postMessage(answer, blocks === null ? [] : [blocks.spans.buffer, blocks.resources.buffer]);
});

const ready: WorkerReady = { threadId };
port.postMessage(ready);
