import { basename, dirname, resolve } from 'node:path';
import { readList, readText } from '../environment.ts';

/**
 * Which libraries wake a community instrumentation, by its short name: what stands after `@opentelemetry/instrumentation-`.
 * One that is not listed is woken by the library of its short name, so that new ones are found without a change here.
 */
const librariesOfInstrumentation: Readonly<Record<string, readonly string[]>> = {
  'aws-sdk': [
    '@aws-sdk/middleware-stack',
    '@aws-sdk/smithy-client',
    '@smithy/core',
    '@smithy/middleware-stack',
    '@smithy/smithy-client',
    'aws-sdk',
  ],
  cucumber: ['@cucumber/cucumber'],
  grpc: ['@grpc/grpc-js'],
  hapi: ['@hapi/hapi'],
  'nestjs-core': ['@nestjs/core'],
  pg: ['pg', 'pg-pool'],
  // Prisma's stands in its own scope: @prisma/instrumentation.
  prisma: ['@prisma/client', '.prisma/client'],
  redis: ['redis', '@redis/client', '@node-redis/client'],
  'redis-4': ['redis', '@redis/client', '@node-redis/client'],
};

/** Instrumentations that are never loaded: ours take their place, or they are not about traces of a server. */
export const neverLoaded: ReadonlySet<string> = new Set([
  // Ours.
  'http',
  'undici',
  // Metrics only.
  'host-metrics',
  'perf-hooks',
  'runtime-node',
  // Browsers.
  'document-load',
  'fetch',
  'long-task',
  'user-interaction',
  'web-exception',
  'xml-http-request',
]);

/** Modules of Node itself, traced only when `OTEL_NODE_ENABLED_INSTRUMENTATIONS` names them: a span for every socket. */
export const builtinInstrumentations: ReadonlySet<string> = new Set(['dns', 'fs', 'net']);

/**
 * Package names whose loading wakes the instrumentation, or absolute paths of files. None when there is nothing here that
 * it could trace.
 */
export function librariesOf(shortName: string): readonly string[] {
  if (shortName === 'aws-lambda') return lambdaHandlerFiles();
  return Object.hasOwn(librariesOfInstrumentation, shortName) ? librariesOfInstrumentation[shortName]! : [shortName];
}

/** What AWS Lambda may load the app's handler by: its file, or its path without an extension. */
function lambdaHandlerFiles(): readonly string[] {
  const root = readText('LAMBDA_TASK_ROOT');
  const handler = readText('_HANDLER');
  if (root === undefined || handler === undefined) return [];
  const [module = ''] = basename(handler).split('.', 1);
  const path = resolve(root, dirname(handler), module);
  return [path, `${path}.js`, `${path}.mjs`, `${path}.cjs`];
}

/**
 * Whether an instrumentation is wanted, by its short name (`pg`, `http`, `undici`): the variables of
 * `@opentelemetry/auto-instrumentations-node`, read as it reads them. `OTEL_NODE_DISABLED_INSTRUMENTATIONS` wins; when
 * `OTEL_NODE_ENABLED_INSTRUMENTATIONS` is set, only what it names is wanted.
 */
export function isInstrumentationWanted(shortName: string): boolean {
  if (readList('OTEL_NODE_DISABLED_INSTRUMENTATIONS')?.includes(shortName) === true) return false;
  return readList('OTEL_NODE_ENABLED_INSTRUMENTATIONS')?.includes(shortName) ?? true;
}

/** What the community calls its instrumentations for Node. */
const communityNames =
  'amqplib aws-lambda aws-sdk bunyan cassandra-driver connect cucumber dataloader dns express fastify fs generic-pool graphql ' +
  'grpc hapi http ioredis kafkajs knex koa lru-memoizer memcached mongodb mongoose mysql mysql2 nestjs-core net openai ' +
  'oracledb pg pino prisma redis redis-4 restify router runtime-node sequelize socket.io tedious typeorm undici winston';

/**
 * Names of `OTEL_NODE_DISABLED_INSTRUMENTATIONS` that turn nothing off.
 *
 * @param found by short name, what the app has installed.
 */
export function unknownDisabledNames(found: ReadonlySet<string>): readonly string[] {
  const known = new Set([...communityNames.split(' '), ...neverLoaded, ...found]);
  return (readList('OTEL_NODE_DISABLED_INSTRUMENTATIONS') ?? []).filter((name) => !known.has(name));
}

/** Names that `OTEL_NODE_ENABLED_INSTRUMENTATIONS` lists. */
export function namedInstrumentations(): readonly string[] {
  return readList('OTEL_NODE_ENABLED_INSTRUMENTATIONS') ?? [];
}
