import { type AnyRouter, createRootRoute, createRoute, createRouter, redirect } from '@tanstack/react-router';
import { addressOf } from '../fetch/search-address.ts';
import { App } from './app.tsx';
import { NotFoundPage } from './not-found-page.tsx';
import { SearchPage } from './search/search-page.tsx';
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
    validateSearch: addressOf,
    component: function SearchRoute() {
      return <SearchPage address={search.useSearch()} />;
    },
  });
  const trace = createRoute({
    getParentRoute: () => root,
    path: '/trace/$traceId',
    validateSearch: (query: Record<string, unknown>): { span?: string } =>
      typeof query.span === 'string' ? { span: query.span } : {},
    component: function TraceRoute() {
      const { traceId } = trace.useParams();
      return <TracePage key={traceId} traceId={traceId.toLowerCase()} spanId={trace.useSearch().span} />;
    },
  });
  return createRouter({
    routeTree: root.addChildren([home, search, trace]),
    // Values are text and stay so: read as JSON, a span id of digits only would lose some of them.
    parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
    stringifySearch: (query) => {
      const text = new URLSearchParams(query as Record<string, string>).toString();
      return text === '' ? '' : `?${text}`;
    },
  });
}
