import { parentPort, workerData } from 'node:worker_threads';
import {
  MalformedJsonError,
  MalformedOtlpJsonError,
  MalformedProtobufError,
  MalformedThriftError,
  RefusedSpansError,
  TooManyElementsError,
} from '@clew/wire';
import { type DropRule, DropRules } from '../drop-rules.ts';
import type { ExportRequest } from '../receive/export-request.ts';
import { releaseMemory } from '../release-memory.ts';
import { toOtlp } from './to-otlp.ts';
import { TraceTranscoder } from './trace-transcoder.ts';
import type { WorkerAnswer } from './transcoder-thread.ts';

// The thread behind TranscoderThread: a message is a group of requests, its answer their results and blocks.

const port = parentPort!;
const { dropRules } = workerData as { readonly dropRules: readonly DropRule[] };
const transcoder = new TraceTranscoder(new DropRules(dropRules));

/** What is wrong with a request, not with us: its sender is told, and the others of the group go on. */
const malformations = [
  MalformedJsonError,
  MalformedOtlpJsonError,
  MalformedProtobufError,
  MalformedThriftError,
  RefusedSpansError,
  TooManyElementsError,
];

function transcode(exported: ExportRequest): WorkerAnswer['results'][number] {
  try {
    const { request, rejectedSpans, rejectionReason } = toOtlp(exported);
    const result = transcoder.transcode(request);
    return {
      acceptedSpans: result.acceptedSpans,
      rejectedSpans: result.rejectedSpans + rejectedSpans,
      rejectedBy: rejectedSpans === 0 ? result.rejectedBy : { ...result.rejectedBy, format: rejectedSpans },
      rejectionReason: rejectionReason || result.rejectionReason,
      droppedBy: result.droppedBy,
    };
  } catch (error) {
    if (malformations.some((malformation) => error instanceof malformation)) {
      return { malformed: (error as Error).message };
    }
    // A bug of ours, but not one that the other requests of the group, or the thread, should pay for.
    return { failed: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

port.on('message', (requests: readonly ExportRequest[]) => {
  const results = requests.map(transcode);
  const blocks = transcoder.takeBlocks();
  for (const { bytes } of requests) releaseMemory(bytes);
  const answer: WorkerAnswer = { results, blocks };
  port.postMessage(answer, blocks === null ? [] : [blocks.spans.buffer, blocks.resources.buffer]);
});
