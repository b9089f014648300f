import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createRequire } from './app-require.ts';
import { reportFailure } from './notice.ts';

/** Where `@clew/sdk/register` is, for each of the two options that load it. */
export interface RegisterFiles {
  /** An absolute path, for `--require`. */
  readonly path: string;
  /** A `file:` URL, for `--import`. */
  readonly url: string;
}

const registerName = '@clew/sdk/register';
const optionNames = ['--import', '--require', '-r'];

/**
 * Puts the absolute place of `@clew/sdk/register` where this process was told its name: Node looks a bare name up from the
 * working directory, so a child that is started elsewhere, by `fork(file, { cwd: '/' })` say, would not find it and die.
 */
export function pinRegistrationForChildren(): void {
  const { NODE_OPTIONS: options } = process.env;
  if (!process.execArgv.some((argument) => argument.endsWith(registerName)) && !options?.includes(registerName)) return;
  try {
    // As Node has found it: from the working directory, which an app cannot have changed yet.
    const path = createRequire(join(process.cwd(), 'noop.js')).resolve(registerName);
    const files = { path, url: pathToFileURL(join(dirname(path), 'register.js')).href };
    process.execArgv.splice(0, Number.POSITIVE_INFINITY, ...pinArguments(process.execArgv, files));
    if (options !== undefined) process.env.NODE_OPTIONS = pinNodeOptions(options, files);
  } catch (error) {
    // A link or a hook has led Node elsewhere than this: children find what they find.
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') reportFailure('the options of children', error);
  }
}

/** @param args of Node: `['--import', '@clew/sdk/register']`, or with `=` in one. */
export function pinArguments(args: readonly string[], files: RegisterFiles): string[] {
  return args.map((argument, index) => {
    const previous = args[index - 1] ?? '';
    if (argument === registerName && optionNames.includes(previous)) return fileFor(previous, files);
    const option = optionNames.find((name) => argument === `${name}=${registerName}`);
    return option === undefined ? argument : `${option}=${fileFor(option, files)}`;
  });
}

const unquotedOption = /(?<=^|\s)(--import|--require|-r)(=|\s+)("?)@clew\/sdk\/register\3(?=\s|$)/g;
const quotedOption = /(?<=^|\s)"(--import|--require|-r)(=)@clew\/sdk\/register"(?=\s|$)/g;

/** @param options the variable NODE_OPTIONS: split at spaces, with quotes around what has some. */
export function pinNodeOptions(options: string, files: RegisterFiles): string {
  const pin = (_match: string, option: string, separator: string): string =>
    `${option}${separator}${quote(fileFor(option, files))}`;
  return options.replace(unquotedOption, pin).replace(quotedOption, pin);
}

function fileFor(option: string, { path, url }: RegisterFiles): string {
  return option === '--import' ? url : path;
}

function quote(value: string): string {
  return /[\s"\\]/.test(value) ? `"${value.replace(/["\\]/g, '\\$&')}"` : value;
}
