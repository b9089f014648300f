import {
  addJaegerJsonTrace,
  type ConvertedSpans,
  formatJson,
  InvalidSpanError,
  type JsonElement,
  JsonText,
  MalformedOtlpJsonError,
  otlpJsonToProtobuf,
  parseElement,
  readJsonElements,
  readZipkinJsonSpan,
  TraceRequestBuilder,
  ZipkinBatch,
} from '@clew/wire';
import { CliError } from './cli-error.ts';
import { batchBytes, maxElementBytes } from './import-limits.ts';
import { readProtobufFields, readSizedMessages } from './import-protobuf.ts';
import { peek } from './import-source.ts';

export type ImportFormat = 'OTLP JSON' | 'OTLP protobuf' | 'Jaeger JSON' | 'Zipkin JSON';

/** A piece of a file as an OTLP request, of any size. */
export interface ImportedSpans extends Pick<ConvertedSpans, 'request' | 'rejectedSpans' | 'rejectionReason'> {
  readonly format: ImportFormat;
}

/**
 * The spans of a file, in whatever format it is: its content decides.
 *
 * ```
 * {"resourceSpans":[…]}, one or many, in lines, in an array or not     OTLP JSON
 * {"result":{"resourceSpans":[…]}}, {"trace":{…}}, {"batches":[…]}     the same, as Jaeger's API v3 and Tempo answer it
 * {"data":[{"spans":[…],"processes":{…}}]}                             Jaeger JSON
 * [{"traceId":…}, …] or [[{"traceId":…}, …], …]                        Zipkin JSON v2
 * bytes                                                                OTLP protobuf, one message or many with their lengths
 * ```
 *
 * @throws CliError for content that is none of these
 * @throws MalformedJsonError for JSON that is malformed, and InvalidSpanError, both with the line
 */
export async function* readSpans(content: AsyncIterable<Uint8Array>): AsyncGenerator<ImportedSpans> {
  const { head, chunks } = await peek(content, headBytes);
  if (head.length === 0) throw new CliError('there is nothing in it');
  if (isBinary(head)) {
    const isSized = head[0] !== 0x0a;
    if (isSized && head[4] !== 0x0a) throw new CliError('it is neither JSON of spans nor OTLP protobuf');
    for await (const request of isSized ? readSizedMessages(chunks) : readProtobufFields(chunks)) {
      yield { format: 'OTLP protobuf', request, rejectedSpans: 0, rejectionReason: '' };
    }
    return;
  }
  const first = String.fromCharCode(head.find((byte) => byte > 0x20 && !byteOrderMark.includes(byte)) ?? 0x20);
  if (first === '[') yield* readArray(chunks);
  else if (first === '{') yield* readObjects(chunks);
  else throw new CliError(`it is neither JSON of spans nor OTLP protobuf: it begins with ${JSON.stringify(first)}`);
}

// A request in protobuf has bytes in its first hundred that text never has.
const headBytes = 4_096;
const byteOrderMark: readonly number[] = [0xef, 0xbb, 0xbf];

/** Text has no control characters but tab, line feed and carriage return. */
function isBinary(head: Uint8Array): boolean {
  return head.some((byte) => byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d);
}

/** Spans of Zipkin, or whole requests of OTLP and traces of Jaeger: somebody put their documents into an array. */
async function* readArray(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ImportedSpans> {
  const batch = new ZipkinBatch(Date.now() * 1_000);
  const builder = new TraceRequestBuilder();
  for await (const element of readElements(chunks, [])) {
    const value = parseElement(element);
    const keys = typeof value === 'object' && value !== null ? Object.keys(value) : [];
    if (keys.some((key) => otlpKeys.includes(key))) {
      yield* readObjects(once(element.bytes), element.line);
    } else if (keys.includes('spans') && keys.includes('processes')) {
      withLine(element, () => addJaegerJsonTrace(value, builder));
      if (builder.bytes >= batchBytes) yield { format: 'Jaeger JSON', ...builder.take() };
    } else {
      batch.add(() => readZipkinJsonSpan(value), element.bytes.length);
      if (batch.bytes >= batchBytes) yield { format: 'Zipkin JSON', ...batch.take() };
    }
  }
  yield* whatIsLeft('Jaeger JSON', builder);
  yield* whatIsLeft('Zipkin JSON', batch);
}

/** OTLP and Jaeger, which are told apart by the member that holds the spans. */
async function* readObjects(chunks: AsyncIterable<Uint8Array>, firstLine = 1): AsyncGenerator<ImportedSpans> {
  const builder = new TraceRequestBuilder();
  const errors: string[] = [];
  let hasSpans = false;
  for await (const element of readElements(chunks, [...otlpKeys, 'data', 'errors'], firstLine)) {
    if (element.key === 'errors') {
      errors.push(describeError(parseElement(element)));
      continue;
    }
    hasSpans = true;
    if (element.key !== 'data') {
      yield convertResourceSpans(element);
      continue;
    }
    const trace = parseElement(element);
    withLine(element, () => addJaegerJsonTrace(trace, builder));
    if (builder.bytes >= batchBytes) yield { format: 'Jaeger JSON', ...builder.take() };
  }
  yield* whatIsLeft('Jaeger JSON', builder);
  if (!hasSpans && errors.length > 0)
    throw new CliError(`it is an answer without spans, an error: ${errors.join('; ')}`);
}

/** The members that hold `ResourceSpans`: of OTLP under both of its names, and of Tempo. */
const otlpKeys: readonly string[] = ['resourceSpans', 'resource_spans', 'batches'];

/** The members that hold an object with one of those: of Jaeger's API v3, and of Tempo's v2. */
const wrappers: readonly string[] = ['result', 'trace'];

function* whatIsLeft(format: ImportFormat, from: { take(): ConvertedSpans }): Generator<ImportedSpans> {
  const { acceptedSpans, rejectedSpans, ...rest } = from.take();
  if (acceptedSpans + rejectedSpans > 0) yield { format, rejectedSpans, ...rest };
}

/** An element of Jaeger's `errors`: `{"code": 404, "msg": "trace not found"}`. */
function describeError(error: unknown): string {
  const { code, msg } = (typeof error === 'object' && error !== null ? error : {}) as { code?: unknown; msg?: unknown };
  if (typeof msg !== 'string') return formatJson(error);
  return code === undefined ? msg : `${msg} (${formatJson(code)})`;
}

function convertResourceSpans(element: JsonElement): ImportedSpans {
  let rejectedSpans = 0;
  let rejectionReason = '';
  const json = Buffer.concat([Buffer.from('{"resourceSpans":['), element.bytes, Buffer.from(']}')]);
  const reject = (spans: number, reason: string): void => {
    rejectedSpans += spans;
    rejectionReason ||= `what begins in line ${element.line}: ${reason}`;
  };
  const request = withLine(element, () => otlpJsonToProtobuf(json, reject, element.line));
  return { format: 'OTLP JSON', request, rejectedSpans, rejectionReason };
}

/** Says where the element stands whose content is wrong. */
function withLine<Result>({ line }: JsonElement, convert: () => Result): Result {
  try {
    return convert();
  } catch (error) {
    if (!(error instanceof MalformedOtlpJsonError || error instanceof InvalidSpanError)) throw error;
    throw new CliError(`what begins in line ${line} cannot be read: ${error.message}`);
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function* readElements(
  chunks: AsyncIterable<Uint8Array>,
  keys: readonly string[],
  firstLine = 1,
): AsyncGenerator<JsonElement> {
  const text = new JsonText();
  text.line = firstLine;
  const iterator = chunks[Symbol.asyncIterator]();
  for (const element of readJsonElements(text, keys, maxElementBytes, wrappers)) {
    if (element !== null) {
      yield element;
      continue;
    }
    const next = await iterator.next();
    if (next.done) text.isComplete = true;
    else text.append(next.value);
  }
}
