import { context, propagation, ROOT_CONTEXT } from '@opentelemetry/api';

/**
 * One end of a channel between threads: a `Worker`, its `parentPort`, or a `MessagePort`, of `node:worker_threads`.
 */
export interface MessageEnd<TransferList> {
  postMessage(value: unknown, transferList?: TransferList): void;
  on(event: 'message', listener: (value: unknown) => void): unknown;
  off(event: 'message', listener: (value: unknown) => void): unknown;
}

/** Marks a message that has a context; a string, as symbols are not cloned. */
const contextKey = '@clew/sdk context';

interface Envelope {
  readonly [contextKey]: Record<string, string>;
  readonly value: unknown;
}

/**
 * `end.postMessage(value, transferList)`, with the active trace context and baggage. The other thread takes it with
 * {@link onMessageWithContext}.
 *
 * This is not done for every message: a message belongs to the app and may be of any shape, its receiver may be code
 * that knows nothing of us, and ports between threads carry other libraries' messages too.
 */
export function postWithContext<TransferList>(
  end: Pick<MessageEnd<TransferList>, 'postMessage'>,
  value: unknown,
  transferList?: TransferList,
): void {
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier);
  end.postMessage({ [contextKey]: carrier, value } satisfies Envelope, transferList);
}

/**
 * Calls `listener` with the value of each message, in the context that it was posted in. A message that was posted
 * without one is passed on as it is, with no span active.
 *
 * @returns stops listening.
 */
export function onMessageWithContext(
  end: Pick<MessageEnd<never>, 'on' | 'off'>,
  listener: (value: unknown) => void,
): () => void {
  const onMessage = (message: unknown): void => {
    const envelope = isEnvelope(message) ? message : { [contextKey]: {}, value: message };
    context.with(propagation.extract(ROOT_CONTEXT, envelope[contextKey]), listener, undefined, envelope.value);
  };
  end.on('message', onMessage);
  return () => {
    end.off('message', onMessage);
  };
}

function isEnvelope(message: unknown): message is Envelope {
  return typeof message === 'object' && message !== null && Object.hasOwn(message, contextKey);
}
