import { parentPort } from 'node:worker_threads';
import { MalformedOtlpJsonError, MalformedProtobufError, otlpJsonToProtobuf } from '@clew/wire';
import type { ExportRequest } from '../receive/otlp-http.ts';
import { TraceTranscoder } from './trace-transcoder.ts';
import type { WorkerAnswer } from './transcoder-thread.ts';

// The thread behind TranscoderThread: a message is a group of requests, its answer their results and blocks.

const port = parentPort!;
const transcoder = new TraceTranscoder();

function transcode({ encoding, bytes }: ExportRequest): WorkerAnswer['results'][number] {
  try {
    return transcoder.transcode(encoding === 'json' ? otlpJsonToProtobuf(bytes) : bytes);
  } catch (error) {
    if (error instanceof MalformedProtobufError || error instanceof MalformedOtlpJsonError) {
      return { malformed: error.message };
    }
    throw error;
  }
}

port.on('message', (requests: readonly ExportRequest[]) => {
  const results = requests.map(transcode);
  const blocks = transcoder.takeBlocks();
  const answer: WorkerAnswer = { results, blocks };
  port.postMessage(answer, blocks === null ? [] : [blocks.spans.buffer, blocks.resources.buffer]);
});
