import { fleet, type Member } from './fleet.ts';
import { type LoadSummary, startLoad } from './load.ts';
import { type ProblemName, parseProblems } from './problems.ts';
import { type ServiceProcess, startServiceProcess } from './service-process.ts';

export { type ProblemName, problemNames } from './problems.ts';
export type { LoadSummary };

export interface ShopOptions {
  /** Base URL of the OTLP/HTTP receiver; default: what `OTEL_EXPORTER_OTLP_ENDPOINT` says, or the SDK's own default. */
  readonly otlpEndpoint?: string | undefined;
  /** The problems to build in; default: what `SHOP_PROBLEMS` says, or all. */
  readonly problems?: readonly ProblemName[] | undefined;
  /** False starts the services without the SDK. */
  readonly tracing?: boolean | undefined;
  /** Customers; none when left out. */
  readonly load?: { readonly requestsPerSecond: number; readonly seed: number } | undefined;
  /** True makes the services log what they do, not only warnings. */
  readonly verbose?: boolean | undefined;
  /** Takes each line that a service writes; default: to this process's standard output, with the service's name. */
  readonly onLine?: ((name: string, line: string) => void) | undefined;
}

export interface ShopProcess {
  readonly name: string;
  readonly pid: number;
  readonly url: string;
}

export interface Shop {
  /** Where customers go, such as `http://127.0.0.1:40123`. */
  readonly gatewayUrl: string;
  readonly processes: readonly ShopProcess[];
  /** Resolves, with what happened, when a process of the shop ends unasked; never rejects. */
  readonly died: Promise<string>;
  /** Ends the load, then the services; resolves when no process is left. Undefined without load. */
  stop(): Promise<LoadSummary | undefined>;
}

function printLine(name: string, line: string): void {
  console.log(`${name.padEnd(21)} | ${line}`);
}

function environmentOf(member: Member, options: ShopOptions, problems: readonly ProblemName[]): NodeJS.ProcessEnv {
  const attributes = {
    'service.namespace': 'shop',
    'service.version': member.version,
    'service.instance.id': member.name,
    'deployment.environment.name': 'demo',
  };
  return {
    ...process.env,
    ...(options.otlpEndpoint === undefined ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: options.otlpEndpoint }),
    OTEL_SERVICE_NAME: member.service,
    OTEL_RESOURCE_ATTRIBUTES: Object.entries(attributes)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
    CLEW_BAGGAGE_ATTRIBUTES: 'user-id',
    SHOP_VERSION: member.version,
    SHOP_PROBLEMS: problems.join(',') || 'none',
    ...(options.verbose ? { SHOP_LOG: 'info' } : {}),
    // Seven services that each say where their traces go would bury the shop's own lines; warnings are shown.
    OTEL_LOG_LEVEL: process.env.OTEL_LOG_LEVEL ?? (options.verbose ? 'info' : 'warn'),
  };
}

function preloadOf(member: Member, options: ShopOptions, problems: readonly ProblemName[]): string[] {
  const { preload } = member;
  return [
    ...(preload && problems.includes(preload.problem) ? [import.meta.resolve(preload.module)] : []),
    ...(options.tracing === false ? [] : [import.meta.resolve('@clew/sdk/register')]),
  ];
}

/**
 * Starts the services, each in its own process on a free port of 127.0.0.1, and the load if asked for.
 * @throws {Error} when a service does not come up; those that did are stopped first
 */
export async function startShop(options: ShopOptions = {}): Promise<Shop> {
  const problems = options.problems ?? parseProblems(process.env.SHOP_PROBLEMS);
  const started = new Map<string, ServiceProcess>();
  const stopAll = () => Promise.all([...started.values()].map((service) => service.stop()));

  const start = async (member: Member): Promise<void> => {
    const addresses = await Promise.all(
      Object.entries(member.addresses).map(async ([variable, names]) => {
        const urls = await Promise.all(names.map((name) => started.get(name)!.url));
        return [variable, urls.join(',')] as const;
      }),
    );
    started.set(
      member.name,
      startServiceProcess({
        name: member.name,
        module: new URL(`./services/${member.service}.js`, import.meta.url),
        preload: preloadOf(member, options, problems),
        environment: { ...environmentOf(member, options, problems), ...Object.fromEntries(addresses) },
        onLine: options.onLine ?? printLine,
      }),
    );
  };

  try {
    // In the fleet's order, where a member stands behind those whose addresses it takes.
    for (const member of fleet) await start(member);
    await started.get('gateway')!.url;
  } catch (error) {
    await stopAll();
    throw error;
  }

  let stopping = false;
  const died = new Promise<string>((resolve) => {
    for (const { name, ended } of started.values()) {
      void ended.then((how) => {
        if (!stopping) resolve(`${name} ended with ${how}`);
      });
    }
  });
  const processes = await Promise.all(
    [...started.values()].map(async ({ name, pid, url }) => ({ name, pid, url: await url })),
  );
  const gatewayUrl = await started.get('gateway')!.url;
  const load = options.load && startLoad({ gatewayUrl, ...options.load });

  return {
    gatewayUrl,
    processes,
    died,
    async stop() {
      stopping = true;
      const summary = await load?.stop();
      await stopAll();
      return summary;
    },
  };
}
