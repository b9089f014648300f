import { join } from 'node:path';
import { createRequire } from '../app-require.ts';
import { loadedModules } from '../loaded-modules.ts';
import { reportFailure, writeNotice } from '../notice.ts';
import { traceFastifyRoutes } from './fastify-route.ts';
import { subscribeGuarded } from './guarded-subscribe.ts';
import { type HapiRequestClass, traceHapiRoutes } from './hapi-route.ts';
import { type SmartRouterModule, traceHonoRoutes } from './hono-route.ts';
import { type KoaClass, traceKoaRoutes } from './koa-route.ts';

/** Files of frameworks, of whatever version and place, and what makes their exports tell routes. */
const hooks: readonly [file: RegExp, hook: (exports: never) => () => void][] = [
  [/[\\/]node_modules[\\/]koa[\\/]lib[\\/]application\.js$/, (exports: KoaClass) => traceKoaRoutes(exports)],
  [/[\\/]@hapi[\\/]hapi[\\/]lib[\\/]request\.js$/, (exports: HapiRequestClass) => traceHapiRoutes(exports)],
  [
    /[\\/]hono[\\/]dist[\\/]cjs[\\/]router[\\/]smart-router[\\/]router\.js$/,
    (exports: SmartRouterModule) => traceHonoRoutes(exports),
  ],
];

/**
 * Route names of frameworks that leave none on their request (Express and what is built on it do, see
 * `express-route.ts`). There is no loader and no hook on `require`: when a server begins to listen, its framework has
 * been loaded, as CommonJS or as an ES module. What is CommonJS, and Koa and hapi are, whoever imports them, stands in
 * the module cache; Hono's ES modules are asked for by the path at which the app finds them.
 *
 * @returns puts everything back.
 */
export function traceRoutes(): () => void {
  const stops: (() => void)[] = [traceFastifyRoutes()];
  const seen = new Set<unknown>();
  const hook = (exports: unknown, attach: (exports: never) => () => void): void => {
    if (seen.has(exports)) return;
    seen.add(exports);
    stops.push(attach(exports as never));
  };
  let hasLookedForHono = false;
  stops.push(
    subscribeGuarded('tracing:net.server.listen:asyncStart', () => {
      for (const [path, loaded] of Object.entries(loadedModules)) {
        for (const [file, attach] of hooks) if (file.test(path)) hook(loaded?.exports, attach);
      }
      if (hasLookedForHono) return;
      hasLookedForHono = true;
      const module = loadHonoRouter();
      if (module !== undefined) hook(module, traceHonoRoutes);
    }),
  );
  return () => {
    for (const stop of stops) stop();
  };
}

/**
 * The same instance of Hono's router as the app's ES modules have. It is one small file, so an app that has Hono
 * installed and does not use it hardly pays.
 */
function loadHonoRouter(): SmartRouterModule | undefined {
  const { path, found } = findHono() ?? {};
  if (path === undefined || found === undefined) return undefined;
  try {
    // Required from within node_modules, where Node does not warn of an ES module.
    return createRequire(path)(found) as SmartRouterModule;
  } catch (error) {
    // An app with Hono, imported as an ES module, cannot be told from one that has it installed and does not use it.
    if ((error as NodeJS.ErrnoException).code === 'ERR_REQUIRE_ESM') {
      writeNotice('debug', 'routes of Hono are not found under --no-experimental-require-module');
    } else reportFailure('the look for routes of Hono', error);
    return undefined;
  }
}

function findHono(): { path: string; found: string } | undefined {
  for (const from of [process.argv[1], join(process.cwd(), 'package.json')]) {
    try {
      const path = createRequire(from ?? '').resolve('hono');
      const match = /^(.*[\\/]hono[\\/]dist[\\/])cjs[\\/]index\.js$/.exec(path);
      if (match !== null) return { path, found: join(match[1]!, 'router', 'smart-router', 'router.js') };
    } catch {
      // Not installed there.
    }
  }
  return undefined;
}
