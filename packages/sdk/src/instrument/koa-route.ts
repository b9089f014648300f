import { replaceMethod } from '../replace-method.ts';
import { leaveRoute, type RoutedResponse, type RouteSource } from './route.ts';

/** The class that `require('koa')` gives. */
export interface KoaClass {
  readonly prototype: { createContext(request: unknown, response: RoutedResponse): KoaContext };
}

interface KoaContext {
  readonly method: string;
  /** What @koa/router and koa-router have found for the path, in the order in which they run. */
  readonly matched?: readonly KoaLayer[];
}

interface KoaLayer {
  readonly path: string | RegExp;
  /** Empty for middleware. */
  readonly methods: readonly string[];
}

/** Makes a Koa app leave its context on each response; the routers keep what they matched there. */
export function traceKoaRoutes(koa: KoaClass): () => void {
  return replaceMethod(koa.prototype, 'createContext', (createContext) => {
    return function (this: KoaClass['prototype'], request, response) {
      const context = createContext.call(this, request, response);
      leaveRoute(response, new KoaRoute(context));
      return context;
    };
  });
}

class KoaRoute implements RouteSource {
  private readonly context: KoaContext;

  constructor(context: KoaContext) {
    this.context = context;
  }

  /**
   * The last layer that takes the method. `_matchedRoute`, which the routers set too, is that of middleware when one
   * has answered.
   */
  get route(): string | undefined {
    const { matched, method } = this.context;
    const layer = matched?.findLast((candidate) => candidate.methods.includes(method));
    return layer === undefined ? undefined : String(layer.path);
  }
}
