import {
  addJaegerJsonTrace,
  type ConvertedSpans,
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
 * {"resourceSpans":[…]}, one or many, in lines or not     OTLP JSON
 * {"data":[{"spans":[…],"processes":{…}}]}                Jaeger JSON
 * [{"traceId":…}, …] or [[{"traceId":…}, …], …]           Zipkin JSON v2
 * bytes                                                   OTLP protobuf, one message or many with their lengths
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
    if (isSized && head[4] !== 0x0a) throw new CliError('it is neither JSON nor OTLP protobuf');
    for await (const request of isSized ? readSizedMessages(chunks) : readProtobufFields(chunks)) {
      yield { format: 'OTLP protobuf', request, rejectedSpans: 0, rejectionReason: '' };
    }
    return;
  }
  const first = String.fromCharCode(head.find((byte) => byte > 0x20 && !byteOrderMark.includes(byte)) ?? 0x20);
  if (first === '[') yield* readZipkin(chunks);
  else if (first === '{') yield* readObjects(chunks);
  else throw new CliError(`it is neither JSON nor OTLP protobuf: it begins with ${JSON.stringify(first)}`);
}

// A request in protobuf has bytes in its first hundred that text never has.
const headBytes = 4_096;
const byteOrderMark: readonly number[] = [0xef, 0xbb, 0xbf];

/** Text has no control characters but tab, line feed and carriage return. */
function isBinary(head: Uint8Array): boolean {
  return head.some((byte) => byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d);
}

async function* readZipkin(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ImportedSpans> {
  const batch = new ZipkinBatch(Date.now() * 1_000);
  for await (const element of readElements(chunks, [])) {
    const value = parseElement(element);
    batch.add(() => readZipkinJsonSpan(value), element.bytes.length);
    if (batch.bytes >= batchBytes) yield { format: 'Zipkin JSON', ...batch.take() };
  }
  yield { format: 'Zipkin JSON', ...batch.take() };
}

/** OTLP and Jaeger, which are told apart by the member that holds the spans. */
async function* readObjects(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ImportedSpans> {
  const builder = new TraceRequestBuilder();
  for await (const element of readElements(chunks, ['resourceSpans', 'data'])) {
    if (element.key === 'resourceSpans') {
      yield { format: 'OTLP JSON', request: convertResourceSpans(element), rejectedSpans: 0, rejectionReason: '' };
      continue;
    }
    const trace = parseElement(element);
    withLine(element, () => addJaegerJsonTrace(trace, builder));
    if (builder.bytes >= batchBytes) yield { format: 'Jaeger JSON', ...builder.take() };
  }
  const { acceptedSpans, rejectedSpans, ...rest } = builder.take();
  if (acceptedSpans + rejectedSpans > 0) yield { format: 'Jaeger JSON', rejectedSpans, ...rest };
}

function convertResourceSpans(element: JsonElement): Uint8Array {
  const request = Buffer.concat([Buffer.from('{"resourceSpans":['), element.bytes, Buffer.from(']}')]);
  return withLine(element, () => otlpJsonToProtobuf(request));
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

async function* readElements(chunks: AsyncIterable<Uint8Array>, keys: readonly string[]): AsyncGenerator<JsonElement> {
  const text = new JsonText();
  const iterator = chunks[Symbol.asyncIterator]();
  for (const element of readJsonElements(text, keys, maxElementBytes)) {
    if (element !== null) {
      yield element;
      continue;
    }
    const next = await iterator.next();
    if (next.done) text.isComplete = true;
    else text.append(next.value);
  }
}
