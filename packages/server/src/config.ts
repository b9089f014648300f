import { z } from 'zod';
import { ClewError } from './errors.ts';

const mib = 1024 * 1024;
const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

export type LogLevel = (typeof logLevels)[number];

/** A whole number, given as a number or in decimal digits. */
const integer = (min: number, max: number): z.ZodType<number> =>
  z
    .union([z.number(), z.string().regex(/^\d+$/).transform(Number)])
    .refine((value) => Number.isSafeInteger(value) && value >= min && value <= max);

const port = integer(0, 65_535);

/**
 * One row a setting: the variable and the flag that set it, what it must be (as messages and documentation say it), and
 * the schema that checks it. Empty variables count as not set.
 */
const settings: { readonly [Name in SettingName]: SettingEntry<Config[Name]> } = {
  dataDir: {
    variable: 'CLEW_DATA_DIR',
    flag: '--data-dir',
    expected: 'a path',
    schema: z.string().min(1).default('.clew'),
  },
  host: {
    variable: 'CLEW_HOST',
    flag: '--host',
    expected: 'a host name or an address, without scheme and port',
    schema: z
      .string()
      .regex(/^[\w.:-]+$/)
      .default('127.0.0.1'),
  },
  httpPort: {
    variable: 'CLEW_HTTP_PORT',
    flag: '--http-port',
    expected: 'a port from 0 (any free one) to 65535',
    schema: port.default(16_686),
  },
  otlpHttpPort: {
    variable: 'CLEW_OTLP_HTTP_PORT',
    flag: '--otlp-http-port',
    expected: 'a port from 0 (any free one) to 65535',
    schema: port.default(4318),
  },
  zipkinPort: {
    variable: 'CLEW_ZIPKIN_PORT',
    flag: '--zipkin-port',
    expected: 'a port from 0 (any free one) to 65535',
    schema: port.default(9411),
  },
  jaegerHttpPort: {
    variable: 'CLEW_JAEGER_HTTP_PORT',
    flag: '--jaeger-http-port',
    expected: 'a port from 0 (any free one) to 65535',
    schema: port.default(14_268),
  },
  clickhouseUrl: {
    variable: 'CLEW_CLICKHOUSE_URL',
    flag: '--clickhouse-url',
    expected: 'an http or https URL, such as http://user:password@clickhouse:8123/clew',
    schema: z.url({ protocol: /^https?$/ }).optional(),
  },
  logLevel: {
    variable: 'CLEW_LOG_LEVEL',
    flag: '--log-level',
    expected: `one of ${logLevels.join(', ')}`,
    schema: z.enum(logLevels).default('info'),
  },
  maxRequestBytes: {
    variable: 'CLEW_MAX_REQUEST_BYTES',
    flag: '--max-request-bytes',
    expected: 'a number of bytes from 1024 to 1073741824 (1 GiB)',
    schema: integer(1024, 1024 * mib).default(64 * mib),
  },
  spoolMaxBytes: {
    variable: 'CLEW_SPOOL_MAX_BYTES',
    flag: '--spool-max-bytes',
    expected: 'a number of bytes from 1048576 (1 MiB) to 9007199254740991',
    schema: integer(mib, Number.MAX_SAFE_INTEGER).default(1024 * mib),
  },
};

interface SettingEntry<Value> {
  readonly variable: `CLEW_${string}`;
  readonly flag: `--${string}`;
  readonly expected: string;
  readonly schema: z.ZodType<Value>;
}

/** How a server runs. */
export interface Config {
  /** Where engine and spool keep their files; relative paths are relative to the working directory. Default `.clew`. */
  readonly dataDir: string;
  /** The address that all ports are bound to. Default 127.0.0.1: nothing is reachable from outside. */
  readonly host: string;
  /** UI and HTTP API; 0 takes a free port. Default 16686. */
  readonly httpPort: number;
  /** OTLP over HTTP; 0 takes a free port. Default 4318. */
  readonly otlpHttpPort: number;
  /** Zipkin v2; 0 takes a free port. Default 9411. */
  readonly zipkinPort: number;
  /** Jaeger's Thrift over HTTP; 0 takes a free port. Default 14268. */
  readonly jaegerHttpPort: number;
  /** A ClickHouse to use in place of the embedded engine. */
  readonly clickhouseUrl: string | undefined;
  readonly logLevel: LogLevel;
  /** The largest request body, before and after decompression. Default 64 MiB. */
  readonly maxRequestBytes: number;
  /** What the spool may hold before clients are asked to wait. Default 1 GiB. */
  readonly spoolMaxBytes: number;
}

export type SettingName = keyof Config;

/**
 * Reads the configuration: `overrides` (flags), else the environment, else the default.
 * @throws ClewError CLEW_CONFIG_INVALID, which names the flag or variable, its value and what is allowed.
 */
export function parseConfig(
  env: Readonly<Record<string, string | undefined>>,
  overrides: { readonly [Name in SettingName]?: unknown } = {},
): Config {
  for (const name of Object.keys(overrides)) {
    if (!Object.hasOwn(settings, name)) {
      throw new ClewError('CLEW_CONFIG_INVALID', {
        name: 'A setting',
        value: JSON.stringify(name),
        expected: `one of ${Object.keys(settings).join(', ')}`,
      });
    }
  }
  const read = <Name extends SettingName>(name: Name): Config[Name] => {
    const { variable, flag, expected, schema } = settings[name];
    const override = overrides[name];
    const value = override ?? (env[variable] || undefined);
    const result = schema.safeParse(value);
    if (!result.success) {
      throw new ClewError('CLEW_CONFIG_INVALID', {
        name: override === undefined ? variable : flag,
        value: JSON.stringify(value),
        expected,
      });
    }
    return result.data;
  };
  return {
    dataDir: read('dataDir'),
    host: read('host'),
    httpPort: read('httpPort'),
    otlpHttpPort: read('otlpHttpPort'),
    zipkinPort: read('zipkinPort'),
    jaegerHttpPort: read('jaegerHttpPort'),
    clickhouseUrl: read('clickhouseUrl'),
    logLevel: read('logLevel'),
    maxRequestBytes: read('maxRequestBytes'),
    spoolMaxBytes: read('spoolMaxBytes'),
  };
}

/** The flag and the variable that set a value, for messages. */
export function nameSetting(name: SettingName): { readonly flag: string; readonly variable: string } {
  const { flag, variable } = settings[name];
  return { flag, variable };
}
