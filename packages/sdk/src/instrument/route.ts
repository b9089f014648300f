import type { IncomingMessage } from 'node:http';
import { reportFailure } from '../notice.ts';
import { expressRouteOf } from './express-route.ts';

/** Where a framework's hook leaves the route of a response, for the moment when the response closes. */
export const matchedRoute: unique symbol = Symbol('clew.matchedRoute');

/** A framework's own object, asked for the route only when it is needed. */
export interface RouteSource {
  readonly route: string | undefined;
}

/** A response as frameworks hand it around; with HTTP/2, its stream takes its place. */
export interface RoutedResponse {
  [matchedRoute]?: string | RouteSource;
  readonly stream?: RoutedResponse | null;
}

/** Leaves a route, or what will know it, on a response of HTTP/1 or HTTP/2. */
export function leaveRoute(response: RoutedResponse, route: string | RouteSource): void {
  (response.stream ?? response)[matchedRoute] = route;
}

/**
 * The pattern of the route that answered, as its framework has left it; undefined when none is known. The insides of a
 * framework may be other than we know them: that must not cost the span.
 */
export function routeOf(response: RoutedResponse, request?: IncomingMessage): string | undefined {
  try {
    const matched = response[matchedRoute];
    if (matched !== undefined) return typeof matched === 'string' ? matched : matched.route;
    return request === undefined ? undefined : expressRouteOf(request);
  } catch (error) {
    reportFailure('the look for the route', error);
    return undefined;
  }
}
