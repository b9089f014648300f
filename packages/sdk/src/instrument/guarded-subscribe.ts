import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { guard } from '../notice.ts';

/**
 * Listens to one of Node's diagnostics channels. A failure of the listener is reported once and goes no further: Node
 * would raise it as an uncaught exception of the app.
 *
 * @returns stops listening.
 */
export function subscribeGuarded<Message>(channel: string, listener: (message: Message) => void): () => void {
  const guarded = guard(channel, (message: unknown) => listener(message as Message));
  subscribe(channel, guarded);
  return () => {
    unsubscribe(channel, guarded);
  };
}
