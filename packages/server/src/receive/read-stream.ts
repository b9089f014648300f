import type { Readable } from 'node:stream';

/**
 * Hands over the pieces of a stream until its end.
 *
 * @param take what it throws ends the reading
 * @param stop ends the reading when it rejects
 * @throws what `take` threw, what `stop` rejects with, or that the sender broke off. What still comes is then dropped
 */
export function readToEnd(stream: Readable, take: (chunk: Buffer) => void, stop: Promise<never>): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: unknown): void => {
      stream.off('data', onData).off('end', onEnd).off('error', settle).off('close', onClose);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onData = (chunk: Buffer): void => {
      try {
        take(chunk);
      } catch (error) {
        settle(error);
      }
    };
    const onEnd = (): void => settle();
    const onClose = (): void => settle(new Error('the sender broke off'));
    stop.catch(settle);
    if (stream.destroyed) onClose();
    else stream.on('end', onEnd).on('error', settle).on('close', onClose).on('data', onData);
  });
}
