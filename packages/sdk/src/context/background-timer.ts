import { guard } from '../notice.ts';
import { contextStorage, suppressedContext } from './context-manager.ts';

/**
 * Calls back once, after `delayMs`; the timer does not keep the process alive. It is outside of the request that is under
 * way: a timer would hold its context, and what the callback does is not part of it. A failure is reported as one of `place`.
 */
export function startBackgroundTimer(place: string, callback: () => void, delayMs: number): NodeJS.Timeout {
  return contextStorage.run(suppressedContext, () => setTimeout(guard(place, callback), delayMs)).unref();
}
