import net from 'node:net';
import { guard, reportFailure } from '../notice.ts';
import { replaceMethod } from '../replace-method.ts';

type Http2Module = typeof import('node:http2');
type Connect = (this: net.Socket, ...to: unknown[]) => net.Socket;

/**
 * Calls back with `node:http2` when the app has loaded it, before its first session can send a request: loading it for
 * all apps would cost 6 to 15 ms of each start, and most never do.
 *
 * Node does not tell of it, and a hook in the way of every import would cost each file of an app 15 to 35 us. So whether
 * it is loaded is looked at when the app has started, and whenever a connection is made, which a session does first; one
 * over a stream that is not a socket, made while the app's modules are evaluated, is not seen.
 *
 * @returns stops waiting.
 */
export function whenHttp2Loads(onLoad: (http2: Http2Module) => void): () => void {
  if (isLoaded()) {
    callBack(onLoad);
    return () => {};
  }
  const look = (): void => {
    if (!isLoaded()) return;
    stop();
    callBack(onLoad);
  };
  const timer = setImmediate(guard('http2 client', look)).unref();
  // Through it pass `net.connect` and `tls.connect`; Node's channel is for the first of them alone.
  const restore = replaceMethod(net.Socket.prototype as { connect: Connect }, 'connect', (original) => {
    return function connect(...to) {
      look();
      return original.apply(this, to);
    };
  });
  const stop = (): void => {
    clearImmediate(timer);
    restore();
  };
  return stop;
}

function callBack(onLoad: (http2: Http2Module) => void): void {
  try {
    onLoad(process.getBuiltinModule('node:http2'));
  } catch (error) {
    reportFailure('http2 client', error);
  }
}

function isLoaded(): boolean {
  const { moduleLoadList = [] } = process as { moduleLoadList?: readonly string[] };
  return moduleLoadList.includes('NativeModule http2');
}
