import { bytesSyntax, parseBytes } from '@clew/model/text';
import { z } from 'zod';
import { maxTokens, tokenPattern } from './access-tokens.ts';
import { ageSyntax, isAgeMs, parseAgeMs } from './age.ts';
import { readConfigFile } from './config/config-file.ts';
import { describeSettings, type SettingDescription } from './config/describe.ts';
import type { Environment } from './config/environment.ts';
import { maskUrl, maskWhole } from './config/mask.ts';
import { findNearestName } from './config/nearest-name.ts';
import { type Resolution, resolveSettings, type SettingSources } from './config/resolve.ts';
import type { SettingTable } from './config/setting.ts';
import { type DropRule, dropRuleSchema, maxDropRules } from './drop-rules.ts';
import { ClewError } from './errors.ts';
import { type KeepRule, keepRuleSchema, maxKeepRules } from './keep-rules.ts';
import { maxTenants, type Tenant, tenantsSchema } from './tenants.ts';

const mib = 1024 * 1024;
const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

export type LogLevel = (typeof logLevels)[number];

/** Parameters of a URL that `@clickhouse/client` knows; it throws at others, when it is first used. */
const clickhouseParameters = [
  'access_token',
  'application',
  'compression_request',
  'compression_response',
  'keep_alive_enabled',
  'keep_alive_idle_socket_ttl',
  'log_level',
  'max_open_connections',
  'pathname',
  'request_timeout',
  'session_id',
];

function refuseUnknownParameters(text: string, context: z.RefinementCtx): void {
  const parameters = URL.canParse(text) ? new URL(text).searchParams.keys() : [];
  for (const name of parameters) {
    if (clickhouseParameters.includes(name) || /^(ch_|clickhouse_setting_|http_header_)./.test(name)) continue;
    const nearest = findNearestName(name, clickhouseParameters);
    const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
    context.addIssue({ code: 'custom', path: [`unknown parameter ${name}${hint}`] });
  }
}

/** A whole number, given as a number or in decimal digits. */
const integer = (min: number, max: number): z.ZodType<number> =>
  z
    .union([z.number(), z.string().regex(/^\d+$/).transform(Number)])
    .refine((value) => Number.isSafeInteger(value) && value >= min && value <= max);

const port = integer(0, 65_535);

/** A list in a file, or items with commas between them. */
const list = (item: z.ZodType<string, string>, maxItems: number): z.ZodType<readonly string[]> =>
  z
    .union([
      z.array(z.string()),
      z.string().transform((text) =>
        text
          .split(',')
          .map((part) => part.trim())
          .filter((part) => part !== ''),
      ),
    ])
    .pipe(z.array(item).max(maxItems));

const tokens = list(z.string().regex(tokenPattern), maxTokens);

/** As browsers write it: scheme, host, and the port when it is not the scheme's own. */
const origin = z.string().refine((text) => URL.canParse(text) && new URL(text).origin === text);
const maxOrigins = 100;

/** In lower case, as a check compares it. */
const hostName: z.ZodType<string, string> = z
  .string()
  .toLowerCase()
  .regex(/^[\w-]+(\.[\w-]+)*$/);
const maxAllowedHosts = 100;

/** What is no JSON is none of what is expected. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A number, given as such or as a text that `parse` reads. */
const quantity = (
  parse: (text: string) => number | undefined,
  isAllowed: (value: number) => boolean,
): z.ZodType<number> =>
  z.union([z.number(), z.string().transform((text) => parse(text) ?? Number.NaN)]).refine(isAllowed);

/** A limit that can be taken away with the word none. */
const limit = (schema: z.ZodType<number>): z.ZodType<number | null> =>
  z.union([z.literal('none').transform(() => null), z.null(), schema]);

const bytes = (min: number, max: number = Number.MAX_SAFE_INTEGER): z.ZodType<number> =>
  quantity(parseBytes, (value) => Number.isSafeInteger(value) && value >= min && value <= max);

/**
 * One row a setting: the variable and the flag that set it, what it must be (as messages and documentation say it), and
 * the schema that checks it. Empty variables count as not set.
 */
const settings: SettingTable<Settings> = {
  dataDir: {
    variable: 'CLEW_DATA_DIR',
    flag: '--data-dir',
    expected: 'a path',
    group: 'Storage',
    description: 'where spans are kept',
    placeholder: 'path',
    schema: z.string().min(1).default('.clew'),
  },
  host: {
    variable: 'CLEW_HOST',
    flag: '--host',
    expected: 'a host name or an address, without scheme and port',
    group: 'Addresses',
    description: 'address that all ports are bound to; the default is reached from this machine only',
    placeholder: 'address',
    schema: z
      .string()
      .regex(/^[\w.:-]+$/)
      .default('127.0.0.1'),
  },
  httpPort: {
    variable: 'CLEW_HTTP_PORT',
    flag: '--http-port',
    expected: 'a port from 0 (any free one) to 65535',
    group: 'Addresses',
    description: 'port of UI and HTTP API',
    placeholder: 'port',
    schema: port.default(16_686),
  },
  otlpHttpPort: {
    variable: 'CLEW_OTLP_HTTP_PORT',
    flag: '--otlp-http-port',
    expected: 'a port from 0 (any free one) to 65535',
    group: 'Addresses',
    description: 'port of OTLP over HTTP',
    placeholder: 'port',
    schema: port.default(4318),
  },
  otlpGrpcPort: {
    variable: 'CLEW_OTLP_GRPC_PORT',
    flag: '--otlp-grpc-port',
    expected: 'a port from 0 (any free one) to 65535',
    group: 'Addresses',
    description: 'port of OTLP over gRPC',
    placeholder: 'port',
    schema: port.default(4317),
  },
  zipkinPort: {
    variable: 'CLEW_ZIPKIN_PORT',
    flag: '--zipkin-port',
    expected: 'a port from 0 (any free one) to 65535',
    group: 'Addresses',
    description: 'port of Zipkin v2; 0 takes a free one',
    placeholder: 'port',
    schema: port.default(9411),
  },
  jaegerHttpPort: {
    variable: 'CLEW_JAEGER_HTTP_PORT',
    flag: '--jaeger-http-port',
    expected: 'a port from 0 (any free one) to 65535',
    group: 'Addresses',
    description: 'port of Thrift of Jaeger over HTTP; 0 takes a free one',
    placeholder: 'port',
    schema: port.default(14_268),
  },
  jaegerGrpcPort: {
    variable: 'CLEW_JAEGER_GRPC_PORT',
    flag: '--jaeger-grpc-port',
    expected: 'a port from 0 (any free one) to 65535',
    group: 'Addresses',
    description: 'port of gRPC of Jaeger',
    placeholder: 'port',
    schema: port.default(14_250),
  },
  healthPort: {
    variable: 'CLEW_HEALTH_PORT',
    flag: '--health-port',
    expected: 'a port from 0 (any free one) to 65535',
    group: 'Addresses',
    description: 'port of health and readiness alone, for probes',
    placeholder: 'port',
    defaultText: '13133; when that is taken, none',
    schema: port.optional(),
  },
  clickhouseUrl: {
    variable: 'CLEW_CLICKHOUSE_URL',
    flag: '--clickhouse-url',
    expected:
      'an http or https URL, such as http://user:password@clickhouse:8123/clew, whose parameters are those of ' +
      "ClickHouse's client, such as ?request_timeout=60000, or settings, such as ?ch_max_threads=2",
    group: 'Storage',
    description: 'a ClickHouse to use in place of the embedded engine',
    placeholder: 'url',
    mask: maskUrl,
    schema: z
      .url({ protocol: /^https?$/ })
      .superRefine(refuseUnknownParameters)
      .optional(),
  },
  clickhouseCluster: {
    variable: 'CLEW_CLICKHOUSE_CLUSTER',
    flag: '--clickhouse-cluster',
    expected: 'a name of letters, digits, _ and -, as in remote_servers of ClickHouse',
    group: 'Storage',
    description: 'the cluster of that ClickHouse to spread spans over, replicated',
    placeholder: 'name',
    defaultText: 'none, one node',
    schema: z
      .string()
      .regex(/^[\w-]{1,64}$/)
      .optional(),
  },
  ingestTokens: {
    variable: 'CLEW_INGEST_TOKENS',
    flag: '--ingest-tokens',
    expected: 'tokens of 16 to 512 letters, digits and -._~+/, at most 100, with commas between them',
    group: 'Access',
    description: 'bearer tokens for sending spans; others on the machine can read a flag, so prefer the file',
    placeholder: 'tokens',
    mask: maskWhole,
    schema: tokens.default([]),
  },
  ingestTokensFile: {
    variable: 'CLEW_INGEST_TOKENS_FILE',
    flag: '--ingest-tokens-file',
    expected: 'a path',
    group: 'Access',
    description: 'file with bearer tokens for sending spans, one a line',
    placeholder: 'path',
    schema: z.string().min(1).optional(),
  },
  queryTokens: {
    variable: 'CLEW_QUERY_TOKENS',
    flag: '--query-tokens',
    expected: 'tokens of 16 to 512 letters, digits and -._~+/, at most 100, with commas between them',
    group: 'Access',
    description: 'bearer tokens for queries and the UI; others on the machine can read a flag, so prefer the file',
    placeholder: 'tokens',
    mask: maskWhole,
    schema: tokens.default([]),
  },
  queryTokensFile: {
    variable: 'CLEW_QUERY_TOKENS_FILE',
    flag: '--query-tokens-file',
    expected: 'a path',
    group: 'Access',
    description: 'file with bearer tokens for queries and the UI, one a line',
    placeholder: 'path',
    schema: z.string().min(1).optional(),
  },
  adminTokens: {
    variable: 'CLEW_ADMIN_TOKENS',
    flag: '--admin-tokens',
    expected: 'tokens of 16 to 512 letters, digits and -._~+/, at most 100, with commas between them',
    group: 'Access',
    description:
      'bearer tokens for changing and deleting what is stored; others on the machine can read a flag, so prefer the file',
    placeholder: 'tokens',
    mask: maskWhole,
    schema: tokens.default([]),
  },
  adminTokensFile: {
    variable: 'CLEW_ADMIN_TOKENS_FILE',
    flag: '--admin-tokens-file',
    expected: 'a path',
    group: 'Access',
    description: 'file with bearer tokens for changing and deleting what is stored, one a line',
    placeholder: 'path',
    schema: z.string().min(1).optional(),
  },
  metricsTokens: {
    variable: 'CLEW_METRICS_TOKENS',
    flag: '--metrics-tokens',
    expected: 'tokens of 16 to 512 letters, digits and -._~+/, at most 100, with commas between them',
    group: 'Access',
    description: 'bearer tokens for reading /metrics alone; others on the machine can read a flag, so prefer the file',
    placeholder: 'tokens',
    mask: maskWhole,
    schema: tokens.default([]),
  },
  metricsTokensFile: {
    variable: 'CLEW_METRICS_TOKENS_FILE',
    flag: '--metrics-tokens-file',
    expected: 'a path',
    group: 'Access',
    description: 'file with bearer tokens for reading /metrics alone, one a line',
    placeholder: 'path',
    schema: z.string().min(1).optional(),
  },
  tenants: {
    variable: 'CLEW_TENANTS',
    flag: '--tenants',
    expected: `a list of at most ${maxTenants} tenants such as [{"name":"team_a","ingestTokens":["…"],"queryTokens":["…"]}], with names of up to 32 a-z, 0-9 and _, and tokens of 16 to 512 letters, digits and -._~+/ that no other tenant has`,
    group: 'Access',
    description: 'teams that share the server and see their own spans alone; best in the configuration file',
    placeholder: 'tenants',
    mask: maskWhole,
    schema: z
      .union([z.array(z.unknown()), z.string().transform(parseJson)])
      .pipe(tenantsSchema)
      .default([]),
  },
  ingestCorsOrigins: {
    variable: 'CLEW_INGEST_CORS_ORIGINS',
    flag: '--ingest-cors-origins',
    expected: 'origins such as https://shop.example,http://localhost:3000, at most 100, or * alone',
    group: 'Access',
    description: 'origins of web pages that may send spans over OTLP/HTTP and Zipkin',
    placeholder: 'origins',
    schema: list(z.union([z.literal('*'), origin]), maxOrigins)
      .refine((origins) => !origins.includes('*') || origins.length === 1)
      .default([]),
  },
  allowedHosts: {
    variable: 'CLEW_ALLOWED_HOSTS',
    flag: '--allowed-hosts',
    expected: `host names such as traces.example.com, without scheme and port, at most ${maxAllowedHosts}, with commas between them`,
    group: 'Access',
    description: 'names that requests may have as their host, besides addresses and localhost',
    placeholder: 'names',
    defaultText: 'none bound to a loopback address, else any',
    schema: list(hostName, maxAllowedHosts).default([]),
  },
  tlsCert: {
    variable: 'CLEW_TLS_CERT',
    flag: '--tls-cert',
    expected: 'a path',
    group: 'Access',
    description: 'certificate of the server and its chain, PEM: all ports but that of health speak HTTPS',
    placeholder: 'path',
    schema: z.string().min(1).optional(),
  },
  tlsKey: {
    variable: 'CLEW_TLS_KEY',
    flag: '--tls-key',
    expected: 'a path',
    group: 'Access',
    description: 'private key of the certificate, PEM',
    placeholder: 'path',
    schema: z.string().min(1).optional(),
  },
  tlsClientCa: {
    variable: 'CLEW_TLS_CLIENT_CA',
    flag: '--tls-client-ca',
    expected: 'a path',
    group: 'Access',
    description: 'authorities whose certificates clients must have, PEM (mutual TLS)',
    placeholder: 'path',
    schema: z.string().min(1).optional(),
  },
  logLevel: {
    variable: 'CLEW_LOG_LEVEL',
    flag: '--log-level',
    expected: `one of ${logLevels.join(', ')}`,
    group: 'Log',
    description: 'the least severe messages of its own log that are written',
    placeholder: 'level',
    schema: z.enum(logLevels).default('info'),
  },
  maxRequestBytes: {
    variable: 'CLEW_MAX_REQUEST_BYTES',
    flag: '--max-request-bytes',
    expected: 'a number of bytes such as 500kB, 32MiB or 1048576, from 1KiB to 1GiB',
    group: 'Limits',
    description: 'largest body of a request, before and after decompression',
    placeholder: 'bytes',
    schema: bytes(1024, 1024 * mib).default(64 * mib),
  },
  requestTimeoutMs: {
    variable: 'CLEW_REQUEST_TIMEOUT_MS',
    flag: '--request-timeout-ms',
    expected: 'milliseconds from 1000 to 600000',
    group: 'Limits',
    description: 'how long a sender may take for one request',
    placeholder: 'ms',
    schema: integer(1000, 600_000).default(60_000),
  },
  queryTimeoutMs: {
    variable: 'CLEW_QUERY_TIMEOUT_MS',
    flag: '--query-timeout-ms',
    expected: 'milliseconds from 1000 to 600000',
    group: 'Limits',
    description: 'how long the store may take for one query, all of its statements and their wait for a turn together',
    placeholder: 'ms',
    schema: integer(1000, 600_000).default(60_000),
  },
  queryMaxMemoryBytes: {
    variable: 'CLEW_QUERY_MAX_MEMORY_BYTES',
    flag: '--query-max-memory-bytes',
    expected: `${bytesSyntax}, at least 64MiB`,
    group: 'Limits',
    description: 'memory that one statement of a query may take in the store',
    placeholder: 'bytes',
    schema: bytes(64 * mib).default(1024 * mib),
  },
  dropSpans: {
    variable: 'CLEW_DROP_SPANS',
    flag: '--drop-spans',
    expected: `a list of at most ${maxDropRules} rules such as [{"service":"shop","name":"GET /health*"}], each with service, name, kind or attributes`,
    group: 'Sampling',
    description: 'rules for spans that are not stored',
    placeholder: 'rules',
    schema: z
      .union([z.array(z.unknown()), z.string().transform(parseJson)])
      .pipe(z.array(dropRuleSchema).max(maxDropRules))
      .default([]),
  },
  tailSamplingAfter: {
    variable: 'CLEW_TAIL_SAMPLING_AFTER',
    flag: '--tail-sampling-after',
    expected: 'an age such as 10m, 1h or 1d, from 5m to 30d',
    group: 'Sampling',
    description: 'how long all traces are kept, before those go that no rule keeps',
    placeholder: 'age',
    defaultText: 'none, all traces stay',
    schema: quantity(
      parseAgeMs,
      (value) => isAgeMs(value) && value >= 5 * 60_000 && value <= 30 * 86_400_000,
    ).optional(),
  },
  tailSamplingKeep: {
    variable: 'CLEW_TAIL_SAMPLING_KEEP',
    flag: '--tail-sampling-keep',
    expected: `a list of 1 to ${maxKeepRules} rules such as [{"error":true},{"minDuration":"1s"},{"share":0.1}], each with error, minDuration, rarerThan, service, name, attributes or share`,
    group: 'Sampling',
    description: 'rules for traces that stay after that',
    placeholder: 'rules',
    schema: z
      .union([z.array(z.unknown()), z.string().transform(parseJson)])
      .pipe(z.array(keepRuleSchema).min(1).max(maxKeepRules))
      .optional(),
  },
  spoolMaxBytes: {
    variable: 'CLEW_SPOOL_MAX_BYTES',
    flag: '--spool-max-bytes',
    expected: `${bytesSyntax}, at least 1MiB`,
    group: 'Limits',
    description: 'spans that may wait for the engine before senders are asked to wait',
    placeholder: 'bytes',
    schema: bytes(mib).default(1024 * mib),
  },
  minFreeBytes: {
    variable: 'CLEW_MIN_FREE_BYTES',
    flag: '--min-free-bytes',
    expected: bytesSyntax,
    group: 'Retention',
    description: 'refuse spans while the disk has less free',
    placeholder: 'bytes',
    defaultText: '1 GiB or 5 % of the disk, whichever is less',
    schema: bytes(0).optional(),
  },
  retentionAge: {
    variable: 'CLEW_RETENTION_AGE',
    flag: '--retention-age',
    expected: `none or ${ageSyntax}`,
    group: 'Retention',
    description: 'remove spans that are older, such as 7d',
    placeholder: 'age',
    defaultText: 'none',
    schema: limit(quantity(parseAgeMs, isAgeMs)).default(null),
  },
  retentionMaxBytes: {
    variable: 'CLEW_RETENTION_MAX_BYTES',
    flag: '--retention-max-bytes',
    expected: `none or ${bytesSyntax}, at least 1MiB`,
    group: 'Retention',
    description: 'remove the oldest spans beyond this, such as 50GiB',
    placeholder: 'bytes',
    defaultText: 'none',
    schema: limit(bytes(mib)).default(null),
  },
  retentionDiskShare: {
    variable: 'CLEW_RETENTION_DISK_SHARE',
    flag: '--retention-disk-share',
    expected: 'none or a share above 0 up to 1, such as 0.8',
    group: 'Retention',
    description: 'remove the oldest spans beyond this share of the disk',
    placeholder: 'share',
    defaultText: '0.8 with the embedded engine, else none',
    schema: limit(quantity(Number, (value) => value > 0 && value <= 1)).optional(),
  },
};

/** The value of each setting. */
interface Settings {
  /** Where engine and spool keep their files; relative paths are relative to the working directory. Default `.clew`. */
  readonly dataDir: string;
  /** The address that all ports are bound to. Default 127.0.0.1: nothing is reachable from outside. */
  readonly host: string;
  /** UI and HTTP API; 0 takes a free port. Default 16686. */
  readonly httpPort: number;
  /** OTLP over HTTP; 0 takes a free port. Default 4318. */
  readonly otlpHttpPort: number;
  /** OTLP over gRPC; 0 takes a free port. Default 4317. */
  readonly otlpGrpcPort: number;
  /** Zipkin v2; 0 takes a free port. Default 9411. */
  readonly zipkinPort: number;
  /** Jaeger's Thrift over HTTP; 0 takes a free port. Default 14268. */
  readonly jaegerHttpPort: number;
  /** Jaeger's gRPC; 0 takes a free port. Default 14250. */
  readonly jaegerGrpcPort: number;
  /** Health and readiness; 0 takes a free port. Undefined: 13133, and none when another program has that. */
  readonly healthPort: number | undefined;
  /** A ClickHouse to use in place of the embedded engine. */
  readonly clickhouseUrl: string | undefined;
  /** The name of its cluster; undefined for one node. */
  readonly clickhouseCluster: string | undefined;
  /** Those who send spans must have one of these, or one of the file; without any, everyone may. */
  readonly ingestTokens: readonly string[];
  readonly ingestTokensFile: string | undefined;
  /** The same for queries and the UI. */
  readonly queryTokens: readonly string[];
  readonly queryTokensFile: string | undefined;
  readonly adminTokens: readonly string[];
  readonly adminTokensFile: string | undefined;
  readonly metricsTokens: readonly string[];
  readonly metricsTokensFile: string | undefined;
  /** Those who see their own spans alone. Default none. */
  readonly tenants: readonly Tenant[];
  /** Of web pages that may send spans over OTLP/HTTP and Zipkin, or `*` alone. Default none. */
  readonly ingestCorsOrigins: readonly string[];
  /** Names in lower case that requests may have as their host. Default none on a loopback address, else any. */
  readonly allowedHosts: readonly string[];
  /** PEM files. With certificate and key, ports speak HTTPS; with authorities, clients need a certificate of theirs. */
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly tlsClientCa: string | undefined;
  readonly logLevel: LogLevel;
  /** The largest request body, before and after decompression. Default 64 MiB. */
  readonly maxRequestBytes: number;
  /** How long a sender may take for one request, from its first byte to its last. Default 60,000. */
  readonly requestTimeoutMs: number;
  /** How long the store may take for one query. Default 60,000. */
  readonly queryTimeoutMs: number;
  /** Memory that one statement of a query may take in the store. Default 1 GiB. */
  readonly queryMaxMemoryBytes: number;
  /** Spans that are accepted and not stored. Default none. */
  readonly dropSpans: readonly DropRule[];
  /** All traces are kept for so long, then those that a rule keeps. Undefined: all stay. */
  readonly tailSamplingAfter: number | undefined;
  readonly tailSamplingKeep: readonly KeepRule[] | undefined;
  /** What the spool may hold before clients are asked to wait. Default 1 GiB. */
  readonly spoolMaxBytes: number;
  /** Ingest is refused while the disk has less free. Default 1 GiB or 5 % of the disk, whichever is smaller. */
  readonly minFreeBytes: number | undefined;
  /** Spans older than this are removed; null keeps them. Default null. */
  readonly retentionAge: number | null;
  /** The oldest spans are removed while the store takes more; null sets no limit. Default null. */
  readonly retentionMaxBytes: number | null;
  /** The share that the store may take of what it has and the disk has free. Default 0.8, on a remote store none. */
  readonly retentionDiskShare: number | null | undefined;
}

export type SettingName = keyof Settings;

/** How a server runs. */
export interface Config extends Settings {
  /** What may be a mistake in the environment; a server that starts logs it. */
  readonly warnings: readonly string[];
}

/** What {@link loadConfig} reads, in the order in which it wins. */
export interface ConfigSources {
  /** By setting, as a command line gives them; `config` names the configuration file. */
  readonly flags?: { readonly [Name in SettingName]?: unknown } & { readonly config?: string | undefined };
  readonly env: Environment;
}

/** The file's own place: it cannot stand in the file. */
export const configFileVariable = 'CLEW_CONFIG';

/**
 * Reads flags, environment and configuration file.
 * @throws ClewError: the only fault, or CLEW_CONFIG_FAULTS with all of them, one a line.
 */
export function loadConfig(sources: ConfigSources): Config {
  return toConfig(resolveConfig(sources));
}

/** The same, with where each value comes from and every fault. Never throws. */
export function resolveConfig({ flags: { config, ...flags } = {}, env }: ConfigSources): Resolution<Settings> {
  const path = config ?? (env[configFileVariable] || undefined);
  return resolve({ flags, env, file: path === undefined ? undefined : readConfigFile(path) });
}

/**
 * Reads the configuration without a file: `overrides` (flags), else the environment, else the default.
 * @throws ClewError as {@link loadConfig}.
 */
export function parseConfig(env: Environment, overrides: { readonly [Name in SettingName]?: unknown } = {}): Config {
  return toConfig(resolve({ flags: overrides, env, file: undefined }));
}

function resolve(sources: SettingSources): Resolution<Settings> {
  const resolution = resolveSettings(settings, sources, [configFileVariable]);
  return { ...resolution, faults: [...resolution.faults, ...findMissing(resolution.settings)] };
}

/** Settings that work only with another one. */
function findMissing(resolved: Resolution<Settings>['settings']): readonly ClewError[] {
  const needs: readonly (readonly [set: SettingName, needed: SettingName])[] = [
    ['tlsCert', 'tlsKey'],
    ['clickhouseCluster', 'clickhouseUrl'],
    ['tlsKey', 'tlsCert'],
    ['tlsClientCa', 'tlsCert'],
    ['tailSamplingAfter', 'tailSamplingKeep'],
    ['tailSamplingKeep', 'tailSamplingAfter'],
  ];
  return needs
    .filter(([set, needed]) => resolved[set]?.value !== undefined && resolved[needed]?.value === undefined)
    .map(([set, needed]) => {
      const { variable, expected } = settings[needed];
      const name = `${variable}, which ${settings[set].variable} needs,`;
      return new ClewError('CLEW_CONFIG_INVALID', { name, value: 'not set', expected });
    });
}

function toConfig({ settings: resolved, faults, warnings }: Resolution<Settings>): Config {
  if (faults.length > 0) throw joinFaults(faults);
  const read = <Name extends SettingName>(name: Name): Config[Name] => resolved[name]!.value as Config[Name];
  return {
    warnings,
    dataDir: read('dataDir'),
    host: read('host'),
    httpPort: read('httpPort'),
    otlpHttpPort: read('otlpHttpPort'),
    otlpGrpcPort: read('otlpGrpcPort'),
    zipkinPort: read('zipkinPort'),
    jaegerHttpPort: read('jaegerHttpPort'),
    jaegerGrpcPort: read('jaegerGrpcPort'),
    healthPort: read('healthPort'),
    clickhouseUrl: read('clickhouseUrl'),
    clickhouseCluster: read('clickhouseCluster'),
    ingestTokens: read('ingestTokens'),
    ingestTokensFile: read('ingestTokensFile'),
    queryTokens: read('queryTokens'),
    queryTokensFile: read('queryTokensFile'),
    adminTokens: read('adminTokens'),
    adminTokensFile: read('adminTokensFile'),
    metricsTokens: read('metricsTokens'),
    metricsTokensFile: read('metricsTokensFile'),
    tenants: read('tenants'),
    ingestCorsOrigins: read('ingestCorsOrigins'),
    allowedHosts: read('allowedHosts'),
    tlsCert: read('tlsCert'),
    tlsKey: read('tlsKey'),
    tlsClientCa: read('tlsClientCa'),
    logLevel: read('logLevel'),
    maxRequestBytes: read('maxRequestBytes'),
    requestTimeoutMs: read('requestTimeoutMs'),
    queryTimeoutMs: read('queryTimeoutMs'),
    queryMaxMemoryBytes: read('queryMaxMemoryBytes'),
    dropSpans: read('dropSpans'),
    tailSamplingAfter: read('tailSamplingAfter'),
    tailSamplingKeep: read('tailSamplingKeep'),
    spoolMaxBytes: read('spoolMaxBytes'),
    minFreeBytes: read('minFreeBytes'),
    retentionAge: read('retentionAge'),
    retentionMaxBytes: read('retentionMaxBytes'),
    retentionDiskShare: read('retentionDiskShare'),
  };
}

function joinFaults(faults: readonly ClewError[]): ClewError {
  if (faults.length === 1) return faults[0]!;
  const lines = faults.map(({ message }) => `  ${message}`).join('\n');
  return new ClewError('CLEW_CONFIG_FAULTS', { count: faults.length, faults: lines });
}

/** Every setting as help and documentation show it. */
export function listSettings(): readonly SettingDescription[] {
  return describeSettings(settings);
}

/** The flag and the variable that set a value, for messages. */
export function nameSetting(name: SettingName): { readonly flag: string; readonly variable: string } {
  const { flag, variable } = settings[name];
  return { flag, variable };
}

export type { SettingDescription } from './config/describe.ts';
export { writeSettingsPage } from './config/page.ts';
export type { Origin } from './config/resolve.ts';
