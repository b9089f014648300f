import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { reportFailure } from '../notice.ts';

/**
 * Listens to one of Node's diagnostics channels. A failure of the listener is reported once and goes no further: Node
 * would raise it as an uncaught exception of the app.
 *
 * @returns stops listening.
 */
export function subscribeGuarded<Message>(channel: string, listener: (message: Message) => void): () => void {
  const guarded = (message: unknown): void => {
    try {
      listener(message as Message);
    } catch (error) {
      reportFailure(channel, error);
    }
  };
  subscribe(channel, guarded);
  return () => {
    unsubscribe(channel, guarded);
  };
}
