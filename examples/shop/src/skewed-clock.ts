/**
 * Puts the wall clock of this process 150 ms behind, as on a machine whose time synchronisation has stopped. Loaded with
 * `--import` before everything else, so that whatever asks for the time gets the wrong one. Durations stay right: the
 * monotonic clock (`performance.now()`, `process.hrtime`) is left alone, and only its anchor moves.
 */
const skewMs = -150;

const RealDate = Date;
const realNow = Date.now;

Date.now = () => realNow() + skewMs;
globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [Date.now()] : args, newTarget),
  apply: () => new RealDate(Date.now()).toString(),
});
Object.defineProperty(performance, 'timeOrigin', { value: performance.timeOrigin + skewMs });

export {};
