import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConfig } from '@clew/server';
import { createProgram } from '#src/program.js';

function commandOf(name: string) {
  const command = createProgram().commands.find((each) => each.name() === name);
  assert.ok(command !== undefined, `no command ${name}`);
  return command;
}

describe('clew serve', () => {
  it("has one flag a setting of the server, by the server's name, and names the variable in its help", () => {
    const settings = Object.keys(parseConfig({})).sort();
    assert.ok(settings.length >= 8);
    assert.deepEqual(
      commandOf('serve')
        .options.map((option) => option.attributeName())
        .sort(),
      settings,
    );
    for (const option of commandOf('serve').options) {
      const variable = `CLEW_${option.name().replaceAll('-', '_').toUpperCase()}`;
      assert.ok(option.description.includes(`(${variable}`), `${option.flags} does not name ${variable}`);
    }
  });

  it('names flags in its messages the way the command line has them', () => {
    for (const option of commandOf('serve').options) {
      if (option.attributeName() === 'dataDir') continue;
      assert.throws(
        () => parseConfig({}, { [option.attributeName()]: '\n' }),
        (error: Error) => error.message.startsWith(`${option.long} is `),
        option.flags,
      );
    }
  });

  it('says in its help the defaults that the server has', () => {
    const help = commandOf('serve').helpInformation();
    const config = parseConfig({});
    const { dataDir, host, httpPort, otlpHttpPort, zipkinPort, jaegerHttpPort, logLevel } = config;
    for (const value of [dataDir, host, httpPort, otlpHttpPort, zipkinPort, jaegerHttpPort, logLevel]) {
      assert.ok(help.replace(/\s+/g, ' ').includes(`default ${value}`), `${value}`);
    }
    assert.match(help.replace(/\s+/g, ' '), /default 64 MiB\).*default 1 GiB\)/);
    assert.equal(config.maxRequestBytes, 64 * 2 ** 20);
    assert.equal(config.spoolMaxBytes, 2 ** 30);
  });
});
