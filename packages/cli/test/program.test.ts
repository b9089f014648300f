import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConfig } from '@clew/server';
import { listSettings } from '@clew/server/config';
import { createProgram } from '#src/program.js';

function commandOf(name: string) {
  const command = createProgram(listSettings()).commands.find((each) => each.name() === name);
  assert.ok(command !== undefined, `no command ${name}`);
  return command;
}

describe('clew serve', () => {
  it("has one flag a setting of the server, by the server's name, and names the variable in its help", () => {
    const { warnings: _, ...values } = parseConfig({});
    const settings = Object.keys(values);
    assert.ok(settings.length >= 8);
    const options = commandOf('serve').options;
    assert.deepEqual(options.map((option) => option.attributeName()).sort(), ['config', ...settings].sort());
    for (const option of options) {
      const variable = `CLEW_${option.name().replaceAll('-', '_').toUpperCase()}`;
      assert.ok(option.description.includes(`(${variable}`), `${option.flags} does not name ${variable}`);
    }
  });

  it('names flags in its messages the way the command line has them', () => {
    const checked = commandOf('serve').options.filter((option) => {
      // A path may be anything.
      return option.attributeName() !== 'config' && !/^<(path|file)>$/.test(option.flags.split(' ')[1] ?? '');
    });
    assert.ok(checked.length >= 7);
    for (const option of checked) {
      assert.throws(
        () => parseConfig({}, { [option.attributeName()]: '\n!' }),
        (error: Error) => new RegExp(`^${option.long}( \\(item 1\\))? is `).test(error.message),
        option.flags,
      );
    }
  });

  it('says in its help the defaults that the server has, by group', () => {
    const help = commandOf('serve').helpInformation().replace(/\s+/g, ' ');
    const config = parseConfig({});
    const {
      dataDir,
      host,
      httpPort,
      otlpHttpPort,
      otlpGrpcPort,
      zipkinPort,
      jaegerHttpPort,
      jaegerGrpcPort,
      logLevel,
    } = config;
    for (const value of [
      dataDir,
      host,
      httpPort,
      otlpHttpPort,
      otlpGrpcPort,
      zipkinPort,
      jaegerHttpPort,
      jaegerGrpcPort,
      logLevel,
    ]) {
      assert.ok(help.includes(`default ${value}`), `${value}`);
    }
    assert.match(help, /default 67108864 \(64 MiB\)\).*default 1073741824 \(1 GiB\)\)/);
    assert.match(help, /Storage: --data-dir.*Addresses: --host.*--http-port.*Limits: .*Log: --log-level/);
  });
});
