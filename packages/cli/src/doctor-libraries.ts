/**
 * Libraries that talk to other systems, each with the package that traces it. Frameworks for HTTP servers are missing:
 * the SDK knows their routes itself.
 */
const instrumentationOf: Readonly<Record<string, string>> = {
  '@aws-sdk/client-dynamodb': 'aws-sdk',
  '@aws-sdk/client-s3': 'aws-sdk',
  '@aws-sdk/client-sqs': 'aws-sdk',
  '@grpc/grpc-js': 'grpc',
  '@redis/client': 'redis',
  amqplib: 'amqplib',
  'aws-sdk': 'aws-sdk',
  'cassandra-driver': 'cassandra-driver',
  dataloader: 'dataloader',
  graphql: 'graphql',
  ioredis: 'ioredis',
  kafkajs: 'kafkajs',
  knex: 'knex',
  memcached: 'memcached',
  mongodb: 'mongodb',
  mongoose: 'mongoose',
  mysql: 'mysql',
  mysql2: 'mysql2',
  openai: 'openai',
  oracledb: 'oracledb',
  pg: 'pg',
  redis: 'redis',
  'socket.io': 'socket.io',
  tedious: 'tedious',
};

/** The instrumentation package for a library; undefined when none is known, or needed. */
export function instrumentationFor(library: string): string | undefined {
  if (library === '@prisma/client') return '@prisma/instrumentation';
  const name = Object.hasOwn(instrumentationOf, library) ? instrumentationOf[library] : undefined;
  return name === undefined ? undefined : `@opentelemetry/instrumentation-${name}`;
}
