import { spanOf } from '../context/clew-context.ts';
import { activeContext } from '../context/context-manager.ts';
import { reportFailure } from '../notice.ts';
import { RecordingSpan } from '../record/recording-span.ts';
import { replaceMethod } from '../replace-method.ts';
import { httpAttribute } from './http-conventions.ts';

/** The module `hono/dist/router/smart-router/router.js`: the router of Hono's default and its `quick` preset. */
export interface SmartRouterModule {
  readonly SmartRouter: { readonly prototype: SmartRouter };
}

interface SmartRouter {
  match(method: string, path: string): HonoMatch;
}

/** The handlers that a request will run through, each with its route: `[[[handler, route], parameters], …]`, … */
type HonoMatch = readonly [
  handlers: readonly (readonly [readonly [handler: HonoHandler, route: HonoRoute], unknown])[],
  ...unknown[],
];

interface HonoHandler {
  readonly length: number;
  /** The handler inside, when its app has an error handler of its own. */
  readonly __COMPOSED_HANDLER?: HonoHandler;
}

interface HonoRoute {
  readonly path: string;
  readonly method: string;
}

/** Makes Hono's router tell the server span of the request, whose context it runs in, which route it found. */
export function traceHonoRoutes({ SmartRouter }: SmartRouterModule): () => void {
  return replaceMethod(SmartRouter.prototype, 'match', (match) => {
    return function (this: SmartRouter, method, path) {
      const result = match.call(this, method, path);
      // Its first match has chosen a router, and put that one's in its own place.
      if (Object.hasOwn(this, 'match')) {
        const chosen = this.match;
        this.match = (...request) => noteRoute(chosen(...request));
      }
      return noteRoute(result);
    };
  });
}

const serverKind = 2;

function noteRoute(match: HonoMatch): HonoMatch {
  try {
    const span = spanOf(activeContext());
    if (span instanceof RecordingSpan && span.kind === serverKind) {
      const route = match[0].findLast(([[handler, { method }]]) => method !== 'ALL' || !isMiddleware(handler))?.[0][1];
      if (route !== undefined) span.setAttribute(httpAttribute.route, route.path);
    }
  } catch (error) {
    reportFailure('hono', error);
  }
  return match;
}

/** As Hono itself tells them apart: middleware takes `next`. */
function isMiddleware(handler: HonoHandler): boolean {
  return (handler.__COMPOSED_HANDLER ?? handler).length > 1;
}
