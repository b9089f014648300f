import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import Module from 'node:module';
import { reportFailure } from '../notice.ts';

type Http2Module = typeof import('node:http2');
type Resolve = (specifier: string, context: unknown) => unknown;

/** From Node 22.15: hooks in the way of every `import` and `require`, in this thread. The types do not know them yet. */
interface ModuleHooks {
  registerHooks?(hooks: { resolve(specifier: string, context: unknown, nextResolve: Resolve): unknown }): {
    deregister(): void;
  };
}

/**
 * Calls back with `node:http2` when the app loads it, before it makes its first session: loading it for all apps would
 * cost 6 to 15 ms of each start, and most never do.
 *
 * Node 20 cannot tell of it. There, whether it is loaded is looked at when the app has started, and whenever a connection
 * is made; a session over TLS that an app makes while its modules are evaluated is not seen.
 *
 * @returns stops waiting.
 */
export function whenHttp2Loads(onLoad: (http2: Http2Module) => void): () => void {
  let isWaiting = true;
  const load = (): void => {
    if (!isWaiting) return;
    isWaiting = false;
    try {
      onLoad(process.getBuiltinModule('node:http2'));
    } catch (error) {
      reportFailure('http2 client', error);
    }
  };
  if (isLoaded()) {
    load();
    return () => {};
  }
  const { registerHooks } = Module as ModuleHooks;
  const stop =
    registerHooks === undefined
      ? watchConnections(() => {
          if (isWaiting && isLoaded()) load();
        })
      : watchResolutions(registerHooks, load);
  return () => {
    isWaiting = false;
    stop();
  };
}

function watchResolutions(registerHooks: NonNullable<ModuleHooks['registerHooks']>, load: () => void): () => void {
  const hooks = registerHooks({
    resolve(specifier, context, nextResolve) {
      if (specifier === 'node:http2' || specifier === 'http2') load();
      return nextResolve(specifier, context);
    },
  });
  return () => hooks.deregister();
}

function watchConnections(look: () => void): () => void {
  subscribe('net.client.socket', look);
  const timer = setImmediate(look).unref();
  return () => {
    unsubscribe('net.client.socket', look);
    clearImmediate(timer);
  };
}

function isLoaded(): boolean {
  const { moduleLoadList = [] } = process as { moduleLoadList?: readonly string[] };
  return moduleLoadList.includes('NativeModule http2');
}
