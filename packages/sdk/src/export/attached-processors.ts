import type { AttributeValue } from '@clew/wire';
import { type Attributes, type Context, trace } from '@opentelemetry/api';
import { contextStorage, suppressedContext } from '../context/context-manager.ts';
import { reportFailure } from '../notice.ts';
import type { RecordingSpan } from '../record/recording-span.ts';
import type { ReadableResource, ReadableScope, SpanProcessor } from './official-interfaces.ts';
import { SpanView } from './span-view.ts';

/** Calls the processors that the app has attached, in their order. What they throw is reported, and goes no further. */
export class AttachedProcessors {
  private readonly processors: readonly SpanProcessor[];
  private readonly resource: ReadableResource;
  private readonly views = new WeakMap<RecordingSpan, SpanView>();
  private hasNews = false;

  constructor(processors: readonly SpanProcessor[], resource: ReadableResource) {
    this.processors = processors;
    this.resource = resource;
  }

  /** Whether nothing ended since the last flush. */
  get isIdle(): boolean {
    return !this.hasNews;
  }

  start(span: RecordingSpan, scope: ReadableScope, context: Context): void {
    const hasParent = span.parentSpanId0 !== 0 || span.parentSpanId1 !== 0;
    const view = new SpanView(span, hasParent ? trace.getSpanContext(context) : undefined, this.resource, scope);
    this.views.set(span, view);
    for (const processor of this.processors) {
      try {
        processor.onStart(view, context);
      } catch (error) {
        reportFailure('onStart of a span processor', error);
      }
    }
  }

  end(span: RecordingSpan): void {
    const view = this.views.get(span);
    if (view === undefined) return;
    this.hasNews = true;
    for (const processor of this.processors) {
      try {
        processor.onEnd(view);
      } catch (error) {
        reportFailure('onEnd of a span processor', error);
      }
    }
  }

  /** Resolves when all have flushed, or after `timeoutMs`. Never rejects. */
  forceFlush(timeoutMs: number): Promise<void> {
    this.hasNews = false;
    return this.callAll('forceFlush', timeoutMs);
  }

  shutdown(timeoutMs: number): Promise<void> {
    this.hasNews = false;
    return this.callAll('shutdown', timeoutMs);
  }

  private async callAll(method: 'forceFlush' | 'shutdown', timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    const all = Promise.all(
      this.processors.map(async (processor) => {
        try {
          await contextStorage.run(suppressedContext, () => processor[method]());
        } catch (error) {
          reportFailure(`${method} of a span processor`, error);
        }
      }),
    );
    await Promise.race([all, deadline]);
    clearTimeout(timer);
  }
}

/** The process's resource as the official interface has it. @param complete resolves to more attributes, later. */
export function readableResource(
  attributes: Readonly<Record<string, AttributeValue>>,
  complete: Promise<Readonly<Record<string, AttributeValue>>> | undefined,
  schemaUrl?: string,
): ReadableResource {
  const resource: { -readonly [Key in keyof ReadableResource]: ReadableResource[Key] } = {
    attributes: attributes as Attributes,
    asyncAttributesPending: complete !== undefined,
    ...(schemaUrl !== undefined && { schemaUrl }),
    merge: (other) => readableResource({ ...resource.attributes, ...other?.attributes } as never, undefined, schemaUrl),
    getRawAttributes: () => Object.entries(resource.attributes),
  };
  const completion = complete?.then((found) => {
    resource.attributes = found as Attributes;
    resource.asyncAttributesPending = false;
  });
  if (completion !== undefined) resource.waitForAsyncAttributes = () => completion;
  return resource;
}
