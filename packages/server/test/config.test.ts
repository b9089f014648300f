import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseConfig } from '@clew/server';
import { nameSetting, type SettingName } from '#src/config.js';
import { ClewError, listErrorCodes } from '#src/errors.js';

describe('parseConfig', () => {
  test('without anything set, all that listens is on 127.0.0.1 and on the ports of the tools it replaces', () => {
    assert.deepEqual(parseConfig({}), {
      dataDir: '.clew',
      host: '127.0.0.1',
      httpPort: 16_686,
      otlpHttpPort: 4318,
      zipkinPort: 9411,
      jaegerHttpPort: 14_268,
      clickhouseUrl: undefined,
      logLevel: 'info',
      maxRequestBytes: 67_108_864,
      spoolMaxBytes: 1_073_741_824,
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
    ['zipkinPort', '65535', '65536'],
    ['jaegerHttpPort', '0', '-1'],
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
          error.message.startsWith(`${variable} is ${JSON.stringify(refused)}, but it must be `),
      );
      assert.throws(
        () => parseConfig({}, { [name]: refused }),
        (error: ClewError) => error.message.startsWith(`${flag} is `),
      );
    });
  }

  test('a setting that does not exist is refused with those that do', () => {
    assert.throws(() => parseConfig({}, { httpport: 1 } as object), /"httpport".*httpPort/);
  });
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
});
