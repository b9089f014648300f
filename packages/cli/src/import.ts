import { escapeControls } from '@clew/model/text';
import {
  MalformedJsonError,
  MalformedProtobufError,
  RefusedSpansError,
  splitTraceRequest,
  TooManyElementsError,
} from '@clew/wire';
import { CliError } from './cli-error.ts';
import { countOf } from './count.ts';
import { type ImportFormat, readSpans } from './import-format.ts';
import { batchBytes } from './import-limits.ts';
import { ImportProgress } from './import-progress.ts';
import { type SendResult, SpanSender, sumResults } from './import-sender.ts';
import { checkReadable, type ImportSource, openSource } from './import-source.ts';
import { print, printJson } from './output.ts';

/** The options of `clew import`, as parsed. */
export interface ImportOptions {
  readonly url: string;
  readonly token?: string;
  readonly json?: boolean;
}

interface ImportedFile {
  readonly file: string;
  readonly format: ImportFormat | undefined;
  readonly spans: number;
  readonly rejectedSpans: number;
  readonly rejectionReason: string;
}

/** Sends the spans of the files to a server, in batches, and prints what became of them. */
export async function runImport(paths: readonly string[], options: ImportOptions): Promise<void> {
  await checkReadable(paths);
  const sender = new SpanSender(options);
  const progress = new ImportProgress(process.stderr);
  const files: ImportedFile[] = [];
  try {
    for (const path of paths) files.push(await importFile(await openSource(path), sender, progress));
    const nothing = files.find(({ spans }) => spans === 0);
    if (nothing !== undefined) throw new CliError(explainNothing(nothing));
  } finally {
    progress.end();
    // Also when a later one fails: whoever imports these again has their spans twice.
    if (files.length > 0) {
      if (options.json) printJson(summaryOf(files));
      else print(describe(files));
    }
  }
}

async function importFile(source: ImportSource, sender: SpanSender, progress: ImportProgress): Promise<ImportedFile> {
  const results: SendResult[] = [];
  let format: ImportFormat | undefined;
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  let pendingSpans = 0;
  const sendPending = async (): Promise<void> => {
    if (pendingSpans === 0) return;
    // Requests one behind the other are one request: all of their fields may stand many times.
    const result = await sender.send(Buffer.concat(pending, pendingBytes), pendingSpans);
    results.push(result);
    progress.add(source, result.acceptedSpans);
    pending = [];
    pendingBytes = 0;
    pendingSpans = 0;
  };
  try {
    for await (const { request, rejectedSpans, rejectionReason, ...piece } of readSpans(source.chunks)) {
      format = piece.format;
      if (rejectedSpans > 0) results.push({ acceptedSpans: 0, rejectedSpans, rejectionReason });
      for (const part of splitTraceRequest(request, batchBytes)) {
        if (pendingBytes + part.bytes.length > batchBytes) await sendPending();
        pending.push(part.bytes);
        pendingBytes += part.bytes.length;
        pendingSpans += part.spanCount;
      }
    }
    await sendPending();
  } catch (error) {
    throw explainFailure(error, source, sumResults(results).acceptedSpans);
  }
  const { acceptedSpans, ...rejections } = sumResults(results);
  return { file: source.name, format, spans: acceptedSpans, ...rejections };
}

function explainNothing({ file, rejectedSpans, rejectionReason }: ImportedFile): string {
  if (rejectedSpans === 0) return `${file}: there are no spans in it`;
  return `${file}: none of its ${countOf(rejectedSpans, 'span')} could be imported: ${rejectionReason}`;
}

/** Names the file, and says how much of it the server has by now. */
function explainFailure(error: unknown, source: ImportSource, sentSpans: number): unknown {
  const { message, code = '', syscall } = error as NodeJS.ErrnoException;
  const isOfFile =
    error instanceof CliError ||
    error instanceof MalformedJsonError ||
    error instanceof MalformedProtobufError ||
    error instanceof RefusedSpansError ||
    error instanceof TooManyElementsError ||
    code.startsWith('Z_') ||
    syscall === 'read';
  if (!isOfFile) return error;
  const sent = sentSpans === 0 ? '' : `; ${sentSpans} spans of it were imported before`;
  return new CliError(`${escapeControls(source.name)}: ${escapeControls(message)}${sent}`);
}

function summaryOf(files: readonly ImportedFile[]): object {
  return {
    spans: files.reduce((sum, { spans }) => sum + spans, 0),
    rejectedSpans: files.reduce((sum, { rejectedSpans }) => sum + rejectedSpans, 0),
    files,
  };
}

function describe(files: readonly ImportedFile[]): string {
  const lines = files.map(({ file, format, spans, rejectedSpans, rejectionReason }) => {
    const rejected = rejectedSpans === 0 ? '' : `, ${rejectedSpans} rejected: ${escapeControls(rejectionReason)}`;
    return `${escapeControls(file)}: ${countOf(spans, 'span')}${format === undefined ? '' : ` (${format})`}${rejected}\n`;
  });
  return lines.join('');
}
