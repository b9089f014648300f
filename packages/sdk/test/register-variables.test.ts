import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..', '..', '..');
const source = join(root, 'packages', 'sdk', 'src');
const guide = readFileSync(join(root, 'docs', 'sdk.md'), 'utf8');

const code = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(join(source, name), 'utf8'))
  .join('\n');

/** `OTEL_EXPORTER_OTLP_TRACES_X` and its like stand for many; a variable ends with a letter. */
const variable = /\b(?:OTEL|CLEW)_[A-Z0-9_]*[A-WYZ0-9]\b/g;

/** Variables that the code reads, or makes from these parts. */
const suffixes = [...code.matchAll(/(?:readSpecific|readPem)\('([A-Z_]+)'/g)].map(([, suffix]) => suffix!);
const read = new Set([...(code.match(variable) ?? []), ...suffixes.map((suffix) => `OTEL_EXPORTER_OTLP_${suffix}`)]);

/** Those that the guide has in a table, or in a sentence of their own. */
const documented = new Set([...guide.matchAll(/`((?:OTEL|CLEW)_[A-Z0-9_]*[A-WYZ0-9])`/g)].map(([, name]) => name!));

test('every variable that the SDK reads is in docs/sdk.md', () => {
  assert.ok(read.size > 30, 'the source was not found');
  assert.deepEqual(
    [...read].filter((name) => !documented.has(name)),
    [],
  );
});

test('every variable in docs/sdk.md is one that the SDK reads', () => {
  assert.deepEqual(
    [...documented].filter((name) => !read.has(name)),
    [],
  );
});

/** Optional properties of an exported interface. */
function optionsOf(file: string, name: string): string[] {
  const text = readFileSync(join(source, file), 'utf8');
  const body = new RegExp(`export interface ${name}\\b[^{]*\\{([\\s\\S]*?)\\n\\}`).exec(text)?.[1];
  assert.ok(body !== undefined, `${name} is not in ${file}`);
  return [...body.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, option]) => option!);
}

test('every option is in docs/sdk.md', () => {
  const options = [
    ...optionsOf('start.ts', 'TracingOptions'),
    ...optionsOf('tracer-provider.ts', 'ClewTracerProviderOptions'),
    ...optionsOf('export/export-options.ts', 'ExportOptions'),
  ];
  assert.ok(options.length > 15);
  assert.deepEqual(
    options.filter((option) => !guide.includes(`\`${option}\``)),
    [],
  );
});
