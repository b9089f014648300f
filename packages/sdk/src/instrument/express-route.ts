import type { IncomingMessage } from 'node:http';

/**
 * The route of a request that Express 4 or 5 (or NestJS on it) has handled, read from what they leave on the request.
 *
 * `req.route.path` is what stands in the router; the path at which that router is mounted stands nowhere: `req.baseUrl`
 * holds the part of the URL that it matched, `/orgs/42` for `/orgs/:org`, and is empty again when an error handler
 * answers. So the stack of layers is walked from the app down to the route, once for each route, and what is found is
 * kept on the route.
 */
export function expressRouteOf(request: IncomingMessage): string | undefined {
  const { route, baseUrl, originalUrl = '', app } = request as ExpressRequest;
  if (route === undefined) {
    if (baseUrl === undefined || baseUrl === '' || app === undefined) return undefined;
    return findMount(app, pathOf(originalUrl), baseUrl);
  }
  const own = patternText(route.path);
  if (own === undefined) return undefined;
  const path = pathOf(originalUrl);
  const mount = knownMount(route, path) ?? learnMount(route, app, path) ?? baseUrl ?? '';
  return mount !== '' && own === '/' ? mount : mount + own;
}

interface ExpressRequest extends IncomingMessage {
  readonly route?: Route;
  readonly baseUrl?: string;
  readonly originalUrl?: string;
  readonly app?: ExpressApp;
}

interface ExpressApp {
  /** Where the app itself is mounted, as a pattern; empty when it is the outermost. */
  path(): string;
  /** Express 4 keeps its router here; its `router` throws. */
  readonly _router?: Router;
  readonly router?: Router;
}

interface Router {
  readonly stack?: readonly Layer[];
}

/** What a router holds: middleware, a route, or a router within. */
interface Layer {
  readonly route?: Route;
  readonly handle: Router;
  readonly slash?: boolean;
  readonly regexp?: { readonly fast_slash?: boolean };
  /** What was matched; Express 4 and the first of Express 5 leave it on the layer and return true. */
  match(path: string): boolean | Matched;
}

interface Matched {
  /** The part of the path that matched. */
  readonly path?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  /** As the app has written it; newer versions of Express 5 only. */
  readonly pattern?: unknown;
}

/** A router that is used in several places makes its routes known in each. */
const mounts = Symbol('clew.mounts');
/** More places than this are not kept; they are walked to again. */
const maxMounts = 16;

interface Route {
  readonly path?: unknown;
  [mounts]?: Mount[];
}

interface Mount {
  readonly pattern: string;
  readonly matches: RegExp;
}

function knownMount(route: Route, path: string): string | undefined {
  const known = route[mounts];
  if (known === undefined) return undefined;
  for (const mount of known) if (mount.pattern === '' || mount.matches.test(path)) return mount.pattern;
  return undefined;
}

function learnMount(route: Route, app: ExpressApp | undefined, path: string): string | undefined {
  if (app === undefined) return undefined;
  const above = app.path();
  const rest = cutSegments(path, above);
  const below = rest === undefined ? undefined : walkTo(stackOf(app), rest, (layer) => layer.route === route);
  if (below === undefined) return undefined;
  const pattern = above + below;
  route[mounts] ??= [];
  if (route[mounts].length < maxMounts) route[mounts].push({ pattern, matches: expressionFor(pattern) });
  return pattern;
}

/** The pattern of an `app.use` that answered itself, without a route. */
function findMount(app: ExpressApp, path: string, baseUrl: string): string | undefined {
  const above = app.path();
  const rest = cutSegments(path, above);
  const base = cutSegments(baseUrl, above);
  if (rest === undefined || base === undefined) return undefined;
  if (base === '') return above;
  const below = walkTo(
    stackOf(app),
    rest,
    (layer, matched) => layer.route === undefined && !isRoot(layer) && matched.path === base,
  );
  return below === undefined ? undefined : above + below;
}

/** The patterns of the mounts on the way to a layer; that of the layer itself too, unless it holds a route. */
function walkTo(
  stack: readonly Layer[] | undefined,
  path: string,
  isGoal: (layer: Layer, matched: Matched) => boolean,
): string | undefined {
  for (const layer of stack ?? []) {
    const result = layer.match(path);
    const matched = result === true ? (layer as Matched) : result;
    if (matched === false) continue;
    if (isGoal(layer, matched)) return layer.route === undefined ? patternOf(layer, matched) : '';
    const inner = layer.handle?.stack;
    if (layer.route !== undefined || inner === undefined) continue;
    const pattern = patternOf(layer, matched);
    const rest = isRoot(layer) ? path : path.slice(matched.path?.length ?? 0);
    const below = walkTo(inner, rest.startsWith('/') ? rest : `/${rest}`, isGoal);
    if (below !== undefined) return pattern + below;
  }
  return undefined;
}

function stackOf(app: ExpressApp): readonly Layer[] | undefined {
  return (app._router ?? app.router)?.stack;
}

function isRoot(layer: Layer): boolean {
  return layer.slash === true || layer.regexp?.fast_slash === true;
}

/** `/orgs/:org` from a mount that has just matched `/orgs/42`. */
function patternOf(layer: Layer, { path = '', params = {}, pattern }: Matched): string {
  if (isRoot(layer)) return '';
  if (typeof pattern === 'string') return pattern.replace(/\/$/, '');
  const names = Object.entries(params);
  const segments = path.split('/').map((segment) => {
    const index = segment === '' ? -1 : names.findIndex(([, value]) => value === decode(segment));
    return index < 0 ? segment : `:${names.splice(index, 1)[0]![0]}`;
  });
  return segments.join('/').replace(/\/$/, '');
}

/** What `path` has below the segments that `pattern` covers. */
function cutSegments(path: string, pattern: string): string | undefined {
  if (pattern === '') return path;
  const match = expressionFor(pattern).exec(path);
  return match === null ? undefined : path.slice(match[0].length);
}

/** Matches the beginning of the paths that a mount takes, up to the end of a segment. */
function expressionFor(pattern: string): RegExp {
  const segments = pattern.split('/').map((segment) => {
    if (/[:*{}()]/.test(segment)) return '[^/]+';
    return segment.replace(/[.+?^$|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${segments.join('/')}(?=/|$)`, 'i');
}

function patternText(path: unknown): string | undefined {
  if (Array.isArray(path)) return path.map(String).join(',');
  return typeof path === 'string' || path instanceof RegExp ? String(path) : undefined;
}

function pathOf(url: string): string {
  const mark = url.indexOf('?');
  return mark < 0 ? url : url.slice(0, mark);
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
