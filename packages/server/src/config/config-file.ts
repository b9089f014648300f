import { readFileSync } from 'node:fs';
import { isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import { ClewError } from '../errors.ts';

/** A configuration is a page of text; anything larger is another file. */
const maxFileBytes = 1024 * 1024;

export interface FileValue {
  readonly key: string;
  /** A scalar or a list of scalars; null where the key has no value. */
  readonly value: unknown;
  /** Counted from 1. */
  readonly line: number;
}

export interface ConfigFile {
  /** As it was given. */
  readonly path: string;
  readonly values: readonly FileValue[];
  /** What is wrong with the file as YAML. */
  readonly faults: readonly ClewError[];
}

/** Reads a configuration file: one YAML mapping of keys to scalars or lists. Never throws: the faults are in the answer. */
export function readConfigFile(path: string): ConfigFile {
  try {
    const text = readFileSync(path, 'utf8');
    if (text.length > maxFileBytes) throw new Error(`it has ${text.length} bytes; the limit is ${maxFileBytes}`);
    return parseConfigFile(path, text);
  } catch (error) {
    return { path, values: [], faults: [unusable(path, (error as Error).message)] };
  }
}

function parseConfigFile(path: string, text: string): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const lineOf = (offset: number): number => lines.linePos(offset).line;
  const faults = [...document.errors, ...document.warnings].map(({ pos, message }) =>
    unusable(`${path}:${lineOf(pos[0])}`, message),
  );
  if (faults.length > 0 || document.contents === null) return { path, values: [], faults };
  if (!isMap(document.contents)) throw new Error('it must hold one setting a line, as "key: value"');
  const values = document.contents.items.map((pair): FileValue => {
    const key = pair.key as Node;
    const value = pair.value as Node | null;
    return {
      key: isScalar(key) ? String(key.value) : String(key),
      // Anchors that refer to each other many times would take the memory of the process.
      value: value === null ? null : value.toJS(document, { maxAliasCount: 100 }),
      line: lineOf(key.range?.[0] ?? 0),
    };
  });
  return { path, values, faults };
}

function unusable(place: string, reason: string): ClewError {
  return new ClewError('CLEW_CONFIG_FILE_UNUSABLE', { place, reason: reason.replace(/\.$/, '') });
}
