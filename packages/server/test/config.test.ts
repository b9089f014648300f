import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { loadConfig, parseConfig } from '@clew/server';
import { listSettings, nameSetting, resolveConfig, type SettingName, writeSettingsPage } from '#src/config.js';
import { ClewError, listErrorCodes } from '#src/errors.js';

describe('parseConfig', () => {
  test('without anything set, all that listens is on 127.0.0.1 and on the ports of the tools it replaces', () => {
    assert.deepEqual(parseConfig({}), {
      warnings: [],
      dataDir: '.clew',
      host: '127.0.0.1',
      httpPort: 16_686,
      otlpHttpPort: 4318,
      otlpGrpcPort: 4317,
      zipkinPort: 9411,
      jaegerHttpPort: 14_268,
      jaegerGrpcPort: 14_250,
      healthPort: undefined,
      clickhouseUrl: undefined,
      clickhouseCluster: undefined,
      ingestTokens: [],
      ingestTokensFile: undefined,
      queryTokens: [],
      queryTokensFile: undefined,
      adminTokens: [],
      adminTokensFile: undefined,
      metricsTokens: [],
      metricsTokensFile: undefined,
      tenants: [],
      ingestCorsOrigins: [],
      allowedHosts: [],
      tlsCert: undefined,
      tlsKey: undefined,
      tlsClientCa: undefined,
      logLevel: 'info',
      maxRequestBytes: 67_108_864,
      requestTimeoutMs: 60_000,
      queryTimeoutMs: 60_000,
      queryMaxMemoryBytes: 1024 * 1024 * 1024,
      dropSpans: [],
      tailSamplingAfter: undefined,
      tailSamplingKeep: undefined,
      spoolMaxBytes: 1_073_741_824,
      minFreeBytes: undefined,
      retentionAge: null,
      retentionMaxBytes: null,
      retentionDiskShare: undefined,
    });
  });

  test('a flag wins over a variable, a variable over the default, and an empty variable is none', () => {
    assert.equal(parseConfig({ CLEW_HTTP_PORT: '1' }, { httpPort: '2' }).httpPort, 2);
    assert.equal(parseConfig({ CLEW_HTTP_PORT: '1' }).httpPort, 1);
    assert.equal(parseConfig({ CLEW_HTTP_PORT: '' }).httpPort, 16_686);
    assert.equal(parseConfig({}, { httpPort: undefined }).httpPort, 16_686);
  });

  const limits: readonly [SettingName, accepted: string, refused: string][] = [
    ['httpPort', '0', '-1'],
    ['httpPort', '65535', '65536'],
    ['otlpHttpPort', '4318', '4318.5'],
    ['otlpHttpPort', '1', '0x1'],
    ['otlpGrpcPort', '65535', '65536'],
    ['zipkinPort', '65535', '65536'],
    ['jaegerHttpPort', '0', '-1'],
    ['jaegerGrpcPort', '0', '-1'],
    ['healthPort', '0', '-1'],
    ['healthPort', '65535', '65536'],
    ['allowedHosts', 'traces.example,clew', 'https://traces.example'],
    ['allowedHosts', 'clew', 'clew:4318'],
    [
      'allowedHosts',
      Array.from({ length: 100 }, (_, i) => `h${i}`).join(),
      Array.from({ length: 101 }, (_, i) => `h${i}`).join(),
    ],
    ['ingestCorsOrigins', '*', '*,https://shop.example'],
    ['ingestCorsOrigins', 'https://shop.example,http://localhost:3000', 'https://shop.example/'],
    ['ingestCorsOrigins', 'https://shop.example', 'https://shop.example:443'],
    ['ingestCorsOrigins', 'http://[::1]:3000', 'shop.example'],
    ['maxRequestBytes', '1024', '1023'],
    ['maxRequestBytes', '1073741824', '1073741825'],
    ['spoolMaxBytes', '1048576', '1048575'],
    ['spoolMaxBytes', '9007199254740991', '9007199254740992'],
    ['logLevel', 'silent', 'loud'],
    ['host', '::1', 'http://localhost'],
    ['host', '0.0.0.0', 'a b'],
    ['clickhouseUrl', 'https://user:word@clickhouse:8443/clew', 'tcp://clickhouse:9000'],
  ];
  for (const [name, accepted, refused] of limits) {
    test(`${name} can be ${accepted}, and not ${refused}`, () => {
      const { variable, flag } = nameSetting(name);
      assert.equal(String(parseConfig({ [variable]: accepted })[name]), accepted);
      assert.throws(
        () => parseConfig({ [variable]: refused }),
        (error: ClewError) =>
          error.code === 'CLEW_CONFIG_INVALID' &&
          error.message
            .replace(' (item 1)', '')
            .startsWith(`${variable} is ${JSON.stringify(refused)}, but it must be `),
      );
      assert.throws(
        () => parseConfig({}, { [name]: refused }),
        (error: ClewError) => /^--[a-z-]+( \(item 1\))? is /.test(error.message) && error.message.startsWith(flag),
      );
    });
  }

  const quantities: readonly [SettingName, text: string, value: number | null][] = [
    ['retentionAge', '1m', 60_000],
    ['retentionAge', '1.5d', 129_600_000],
    ['retentionAge', '5200w', 3_144_960_000_000],
    ['retentionAge', 'none', null],
    ['retentionMaxBytes', '1MiB', 1_048_576],
    ['retentionMaxBytes', '50 GB', 50_000_000_000],
    ['retentionMaxBytes', 'none', null],
    ['retentionDiskShare', '1', 1],
    ['retentionDiskShare', 'none', null],
    ['minFreeBytes', '0', 0],
    ['maxRequestBytes', '32MiB', 33_554_432],
    ['spoolMaxBytes', '10 GiB', 10_737_418_240],
    ['minFreeBytes', '0.5GiB', 536_870_912],
  ];
  for (const [name, text, value] of quantities) {
    test(`${name} as ${text} is ${value}`, () => {
      assert.equal(parseConfig({ [nameSetting(name).variable]: text })[name], value);
      assert.equal(parseConfig({}, { [name]: value ?? text })[name], value);
    });
  }

  for (const [name, text] of [
    ['retentionAge', '59s'],
    ['retentionAge', '0.9m'],
    ['retentionAge', '5201w'],
    ['retentionAge', '7'],
    ['retentionMaxBytes', '1048575'],
    ['retentionMaxBytes', '1 gib'],
    ['retentionMaxBytes', '9000TiB'],
    ['retentionDiskShare', '0'],
    ['retentionDiskShare', '80%'],
    ['retentionDiskShare', '1.01'],
    ['minFreeBytes', '-1'],
    ['maxRequestBytes', '1.1GiB'],
    ['spoolMaxBytes', '1MB'],
  ] as const) {
    test(`${name} as ${text} is refused`, () => {
      const { variable } = nameSetting(name);
      assert.throws(() => parseConfig({ [variable]: text }), {
        code: 'CLEW_CONFIG_INVALID',
        message: new RegExp(`^${variable} is ${JSON.stringify(text)}, but it must be .*such as`),
      });
    });
  }

  test('a setting that does not exist is refused with those that do', () => {
    assert.throws(() => parseConfig({}, { httpport: 1 } as object), /"httpport".*httpPort/);
  });
});

describe('the configuration file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'clew-config-'));
  const path = join(directory, 'clew.yaml');
  after(() => rmSync(directory, { recursive: true }));

  function load(text: string, sources: Partial<Parameters<typeof loadConfig>[0]> = {}) {
    writeFileSync(path, text);
    return loadConfig({ env: { CLEW_CONFIG: path }, ...sources });
  }

  function faultsOf(text: string): readonly string[] {
    writeFileSync(path, text);
    const { faults } = resolveConfig({ env: {}, flags: { config: path } });
    return faults.map(({ message }) => message.replaceAll(path, 'FILE'));
  }

  test('wins over defaults only, and has the flags as its keys', () => {
    const text = 'http-port: 1\notlp-http-port: "2"\nlog-level: error\nhost: ::1\n';
    const config = load(text, { env: { CLEW_CONFIG: path, CLEW_HTTP_PORT: '3' }, flags: { logLevel: 'fatal' } });
    assert.equal(config.httpPort, 3);
    assert.equal(config.otlpHttpPort, 2);
    assert.equal(config.logLevel, 'fatal');
    assert.equal(config.host, '::1');
    assert.equal(config.dataDir, '.clew');
  });

  test('the flag that names it wins over the variable; an empty variable names none', () => {
    assert.equal(load('http-port: 5', { env: { CLEW_CONFIG: '/no' }, flags: { config: path } }).httpPort, 5);
    assert.equal(load('http-port: 5', { env: { CLEW_CONFIG: '' } }).httpPort, 16_686);
  });

  test('may be empty, hold comments only, and keys without values, which are not set', () => {
    assert.equal(load('').httpPort, 16_686);
    assert.equal(load('# nothing\n').httpPort, 16_686);
    assert.equal(load('http-port:\n').httpPort, 16_686);
  });

  test('all faults are found at once, each with its line', () => {
    assert.deepEqual(faultsOf('httpPort: 1\n\nlog-level: loud\nhost: [1]\nzebra: 1\n'), [
      'FILE:1: there is no key "httpPort". Did you mean http-port?',
      'FILE:5: there is no key "zebra". "clew serve --help" lists them all.',
      'FILE:4: host is [1], but it must be a host name or an address, without scheme and port.',
      'FILE:3: log-level is "loud", but it must be one of fatal, error, warn, info, debug, trace, silent.',
    ]);
    assert.throws(() => load('a: 1\nb: 2'), { code: 'CLEW_CONFIG_FAULTS', message: /has 2 faults:\n.*:1: .*\n.*:2: / });
  });

  test('what is no YAML mapping is a fault with its line, and a file that is not there is one too', () => {
    assert.match(faultsOf('http-port: 1\nhost: "x\n')[0]!, /^The configuration file FILE:\d cannot be used: /);
    assert.match(faultsOf('http-port: 1\nhttp-port: 2\n')[0]!, /FILE:2 cannot be used: Map keys must be unique\.$/);
    assert.match(faultsOf('- http-port')[0]!, /FILE cannot be used: it must hold one setting a line/);
    assert.match(faultsOf(`#${'x'.repeat(2 ** 20)}`)[0]!, /it has 1048577 bytes; the limit is 1048576/);
    assert.equal(load(`#${'x'.repeat(2 ** 20 - 1)}`).httpPort, 16_686);
    const bomb = [
      'a: &a [x, x, x]',
      'b: &b [*a, *a, *a, *a, *a, *a]',
      'c: &c [*b, *b, *b, *b, *b, *b]',
      'd: [*c, *c, *c, *c]',
    ];
    assert.match(faultsOf(bomb.join('\n'))[0]!, /Excessive alias count/);
    assert.throws(() => loadConfig({ env: {}, flags: { config: join(directory, 'none') } }), {
      code: 'CLEW_CONFIG_FILE_UNUSABLE',
      message: /none cannot be used: ENOENT/,
    });
  });
});

describe('variables of the environment', () => {
  const warningsOf = (env: Record<string, string>) => parseConfig(env).warnings;

  test('one that begins with CLEW_ and that nothing reads is warned of, with the nearest', () => {
    assert.deepEqual(warningsOf({ CLEW_HTTPPORT: '1', CLEW_PORT: '1', CLEW_SAMPLING_RULE: '', CLEWLESS: '1' }), [
      'The variable CLEW_HTTPPORT is set, but nothing reads it. Did you mean CLEW_HTTP_PORT?',
      'The variable CLEW_PORT is set, but nothing reads it. "clew serve --help" lists them all.',
      'The variable CLEW_SAMPLING_RULE is set, but nothing reads it. Did you mean CLEW_SAMPLING_RULES?',
    ]);
    assert.deepEqual(warningsOf({ CLEWLESS: '1', OTEL_SERVICE_NAME: 'clew', CLEW_HTTP_PORT: '0' }), []);
  });

  test('one of a setting that Kubernetes sets for a service of that name is ignored, with a warning of how to stop that', () => {
    for (const scheme of ['tcp', 'udp', 'sctp']) {
      const value = `${scheme}://10.0.0.7:80`;
      const config = parseConfig({ CLEW_HTTP_PORT: value, CLEW_OTLP_HTTP_PORT: value, CLEW_ZIPKIN_PORT: '1' });
      assert.deepEqual([config.httpPort, config.otlpHttpPort, config.zipkinPort], [16_686, 4318, 1]);
      assert.deepEqual(
        config.warnings,
        [
          ['CLEW_HTTP_PORT', 'clew-http'],
          ['CLEW_OTLP_HTTP_PORT', 'clew-otlp-http'],
        ].map(
          ([name, service]) =>
            `The variable ${name} is ${JSON.stringify(value)}, which Kubernetes sets for a service named ${service}; it is ignored. Set enableServiceLinks: false in the pod, or rename the service.`,
        ),
      );
    }
    assert.throws(() => parseConfig({ CLEW_HTTP_PORT: 'http://10.0.0.7:80' }), { code: 'CLEW_CONFIG_INVALID' });
    assert.throws(() => parseConfig({ CLEW_CLICKHOUSE_URL: 'tcp://10.0.0.7:80' }), { code: 'CLEW_CONFIG_INVALID' });
    assert.throws(() => parseConfig({}, { httpPort: 'tcp://10.0.0.7:80' }), { code: 'CLEW_CONFIG_INVALID' });
  });

  test('those that Kubernetes sets for a service named clew are no mistakes', () => {
    const links = {
      CLEW_SERVICE_HOST: '10.0.0.7',
      CLEW_SERVICE_PORT: '4318',
      CLEW_SERVICE_PORT_OTLP_HTTP: '4318',
      CLEW_PORT: 'tcp://10.0.0.7:4318',
      CLEW_PORT_4318_TCP: 'tcp://10.0.0.7:4318',
      CLEW_PORT_4318_TCP_ADDR: '10.0.0.7',
    };
    assert.equal(parseConfig(links).httpPort, 16_686);
    assert.deepEqual(warningsOf(links), []);
  });

  test('those that the SDK and the command line read are no mistakes', () => {
    const read = new Set<string>();
    for (const folder of ['sdk', 'cli']) {
      const src = join(import.meta.dirname, '../..', folder, 'src');
      for (const name of readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((each) =>
        each.endsWith('.ts'),
      )) {
        const text = readFileSync(join(src, name), 'utf8');
        for (const [, variable] of text.matchAll(/['".](CLEW_[A-Z_]+)\b/g)) read.add(variable!);
      }
    }
    assert.ok(read.has('CLEW_SAMPLING_RULES') && read.has('CLEW_URL'), [...read].join());
    // Codes of errors have the same form.
    const env = Object.fromEntries(
      [...read].filter((name) => !/_(NOT_FOUND|INVALID|FULL|BAD_LIMIT)$/.test(name)).map((name) => [name, 'x']),
    );
    const { faults, warnings } = resolveConfig({ env: { ...env, CLEW_CONFIG: '' } });
    assert.deepEqual([faults, warnings], [[], []]);
  });
});

describe('tokens', () => {
  const token = (length: number): string => 'x'.repeat(length);

  test('are a list with commas, or a list of the file, of 16 to 512 letters, digits and signs', () => {
    assert.deepEqual(parseConfig({ CLEW_INGEST_TOKENS: `${token(16)}, ${token(512)},` }).ingestTokens, [
      token(16),
      token(512),
    ]);
    assert.deepEqual(parseConfig({}, { queryTokens: ['aA0-._~+/aaaaaaa=='] }).queryTokens, ['aA0-._~+/aaaaaaa==']);
    for (const bad of [token(15), token(513), `${token(16)} x`, `${token(16)},x`, `${token(16)}é`]) {
      for (const variable of ['CLEW_INGEST_TOKENS', 'CLEW_QUERY_TOKENS']) {
        assert.throws(() => parseConfig({ [variable]: bad }), { code: 'CLEW_CONFIG_INVALID' });
      }
    }
  });

  test('can be a hundred, and not one more', () => {
    const many = (count: number): string => Array.from({ length: count }, (_, i) => `${token(16)}${i}`).join();
    assert.equal(parseConfig({ CLEW_QUERY_TOKENS: many(100) }).queryTokens.length, 100);
    assert.throws(() => parseConfig({ CLEW_QUERY_TOKENS: many(101) }), /at most 100/);
  });
});

describe('TLS', () => {
  const files = { CLEW_TLS_CERT: 'a.pem', CLEW_TLS_KEY: 'b.pem', CLEW_TLS_CLIENT_CA: 'c.pem' };

  test('takes a certificate with its key, and authorities with both', () => {
    assert.equal(parseConfig(files).tlsClientCa, 'c.pem');
    assert.equal(parseConfig({ ...files, CLEW_TLS_CLIENT_CA: '' }).tlsKey, 'b.pem');
    for (const [missing, message] of [
      ['CLEW_TLS_KEY', /^CLEW_TLS_KEY, which CLEW_TLS_CERT needs, is not set/],
      ['CLEW_TLS_CERT', /CLEW_TLS_CERT, which CLEW_TLS_KEY needs, is not set/],
    ] as const) {
      assert.throws(() => parseConfig({ ...files, [missing]: '' }), { message });
    }
    assert.throws(() => parseConfig({ CLEW_TLS_CLIENT_CA: 'c.pem' }), {
      message: /^CLEW_TLS_CERT, which CLEW_TLS_CLIENT_CA needs, is not set/,
    });
  });
});

describe('secrets', () => {
  test('a token is in no message and in no listing', () => {
    const secret = 'enigma-enigma-enigma enigma';
    const masked = ({ message }: Error): boolean => /\*\*\*/.test(message) && !/enigma/.test(message);
    for (const name of ['ingestTokens', 'queryTokens', 'adminTokens', 'metricsTokens'] as const) {
      assert.throws(() => parseConfig({}, { [name]: secret }), masked);
      assert.throws(() => parseConfig({}, { [name]: [secret, 'x'] }), masked);
      const setting = listSettings().find((each) => each.name === name);
      assert.equal(setting?.show(['enigma', 'enigma']), '***, ***');
    }
  });

  test('the password of a URL is in no message, also when the URL is wrong', () => {
    for (const url of ['tcp://ada:enigma@db:1', 'ada:enigma@db', 'ftp://x/?password=enigma']) {
      assert.throws(
        () => parseConfig({ CLEW_CLICKHOUSE_URL: url }),
        ({ message }: Error) => /\*\*\*/.test(message) && !/enigma/.test(message),
        url,
      );
    }
  });
});

test('docs/configuration.md is what the table says: npm run build writes it', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/configuration.md'), 'utf8');
  assert.equal(page, writeSettingsPage(listSettings()));
});

describe('the table of errors', () => {
  test('a message names every detail', () => {
    const error = new ClewError('CLEW_PORT_TAKEN', { host: 'h', port: 1, flag: '--f', variable: 'V' });
    assert.equal(
      error.message,
      'Port 1 on h is taken by another program. Stop that program, or choose another port with --f or V.',
    );
  });

  test('what can be tried again later never has a status that tells clients to give up', () => {
    for (const code of listErrorCodes()) {
      assert.match(code, /^CLEW_[A-Z_]+$/);
      const { status, retryable } = new ClewError(code, {} as never);
      if (status === 503) assert.equal(retryable, true, code);
      if (status === 400 || status === 404) assert.equal(retryable, false, code);
    }
  });

  test('an unknown parameter of the address of ClickHouse is named, with the one that was meant', () => {
    const read = (query: string) => parseConfig({ CLEW_CLICKHOUSE_URL: `http://host:8123/db${query}` });
    for (const query of [
      '',
      '?request_timeout=1',
      '?ch_max_threads=2',
      '?http_header_x=1',
      '?clickhouse_setting_a=1',
    ]) {
      assert.ok(read(query).clickhouseUrl?.endsWith(query));
    }
    assert.throws(
      () => read('?request_timeot=1'),
      /CLEW_CLICKHOUSE_URL \(unknown parameter request_timeot; did you mean request_timeout\?\)/,
    );
    assert.throws(
      () => read('?password=secret'),
      (error: Error) => {
        assert.match(error.message, /unknown parameter password/);
        assert.doesNotMatch(error.message, /secret/);
        return true;
      },
    );
  });
});
