import { replaceMethod } from '../replace-method.ts';
import { leaveRoute, type RoutedResponse, type RouteSource } from './route.ts';

/** The class in `@hapi/hapi/lib/request.js`, from which each server derives its own. */
export interface HapiRequestClass {
  generate(server: unknown, request: unknown, response: RoutedResponse, options: unknown): HapiRequest;
}

interface HapiRequest {
  readonly route: { readonly path: string; readonly method: string };
}

/** Makes hapi leave its request on each response: its `route` is known once it has been matched. */
export function traceHapiRoutes(requests: HapiRequestClass): () => void {
  return replaceMethod(requests, 'generate', (generate) => {
    return function (this: HapiRequestClass, server, raw, response, options) {
      const request = generate.call(this, server, raw, response, options);
      leaveRoute(response, new HapiRoute(request));
      return request;
    };
  });
}

class HapiRoute implements RouteSource {
  private readonly request: HapiRequest;

  constructor(request: HapiRequest) {
    this.request = request;
  }

  get route(): string | undefined {
    const { method, path } = this.request.route;
    // hapi's own routes for what is not found or cannot be parsed.
    return method === '_special' ? undefined : path;
  }
}
