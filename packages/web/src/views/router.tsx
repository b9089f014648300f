import { parseTraceId } from '@clew/model';
import { type AnyRouter, createRootRoute, createRoute, createRouter, redirect } from '@tanstack/react-router';
import { basePath } from '../fetch/base-path.ts';
import { type PageQuery, readSearchAddress } from '../fetch/search-address.ts';
import { App } from './app.tsx';
import { ComparePage, MissingPage } from './missing-page.tsx';
import { NotFoundPage } from './not-found-page.tsx';
import { SearchPage } from './search/search-page.tsx';
import { readTraceAddress } from './trace/trace-address.ts';
import { TracePage } from './trace/trace-page.tsx';

/** The addresses are Jaeger's: `/search?…` and `/trace/<id>?span=<id>`. */
export function createAppRouter(): AnyRouter {
  const root = createRootRoute({ component: App, notFoundComponent: NotFoundPage });
  const home = createRoute({
    getParentRoute: () => root,
    path: '/',
    beforeLoad: () => {
      throw redirect({ to: '/search', search: {}, replace: true });
    },
  });
  const search = createRoute({
    getParentRoute: () => root,
    path: '/search',
    beforeLoad: ({ location }) => ({ visit: location.state.__TSR_key ?? '' }),
    component: function SearchRoute() {
      const reading = readSearchAddress(search.useSearch() as PageQuery);
      return <SearchPage reading={reading} visit={search.useRouteContext().visit} />;
    },
  });
  const trace = createRoute({
    getParentRoute: () => root,
    path: '/trace/$traceId',
    beforeLoad: ({ params, search: query }) => {
      const traceId = parseTraceId(params.traceId);
      if (traceId === undefined || traceId === params.traceId) return;
      throw redirect({ to: '/trace/$traceId', params: { traceId }, search: query, replace: true });
    },
    component: function TraceRoute() {
      const { traceId } = trace.useParams();
      const address = readTraceAddress(trace.useSearch() as PageQuery);
      if (traceId.includes('...')) return <ComparePage traceIds={traceId.split('...')} />;
      return <TracePage key={traceId} traceId={traceId} address={address} />;
    },
  });
  const dependencies = ['dependencies', 'deep-dependencies'].map((path) =>
    createRoute({
      getParentRoute: () => root,
      path,
      component: () => <MissingPage about="missing.dependencies" command="clew graph" />,
    }),
  );
  const monitor = ['monitor', 'quality-metrics'].map((path) =>
    createRoute({
      getParentRoute: () => root,
      path,
      component: () => <MissingPage about="missing.monitor" command="clew services" />,
    }),
  );
  const compare = ['compare', 'compare/$', 'trace-diff/$'].map((path) =>
    createRoute({ getParentRoute: () => root, path, component: () => <ComparePage traceIds={[]} /> }),
  );
  return createRouter({
    routeTree: root.addChildren([home, search, trace, ...dependencies, ...monitor, ...compare]),
    basepath: basePath,
    parseSearch: parseQuery,
    stringifySearch: formatQuery,
  });
}

/** Values are text and stay so: read as JSON, a span id of digits only would lose some of them. */
function parseQuery(text: string): PageQuery {
  const query: Record<string, string | string[]> = {};
  const parameters = new URLSearchParams(text);
  for (const name of new Set(parameters.keys())) {
    const values = parameters.getAll(name);
    query[name] = values.length === 1 ? values[0]! : values;
  }
  return query;
}

function formatQuery(query: object): string {
  const parameters = Object.entries(query as PageQuery).flatMap(([name, value]) =>
    [value].flat().map((one) => [name, one] as [string, string]),
  );
  const text = new URLSearchParams(parameters.filter(([, value]) => value !== undefined)).toString();
  return text === '' ? '' : `?${text}`;
}
