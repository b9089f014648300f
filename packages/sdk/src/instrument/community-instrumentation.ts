import { createRequire } from 'node:module';
import type { TracerProvider } from '@opentelemetry/api';
import { writeNotice } from '../notice.ts';
import type { LibraryHook } from './community-load-hook.ts';
import type { InstrumentationPackage } from './community-packages.ts';
import { noteInstrumentation } from './community-registry.ts';

/** What `@opentelemetry/instrumentation` says of one module that it patches; filled in when that is loaded. */
interface ModuleDefinition {
  readonly name?: string;
  readonly supportedVersions?: readonly string[];
  readonly moduleVersion?: string;
  readonly moduleExports?: unknown;
  readonly files?: readonly { readonly moduleExports?: unknown }[];
}

interface Instrumentation {
  setTracerProvider(provider: TracerProvider): void;
  disable(): void;
  readonly _modules?: readonly ModuleDefinition[];
}

type InstrumentationClass = new (config: object) => Instrumentation;

/**
 * An instrumentation package of the community. It is loaded when the app loads the first of its libraries, a moment
 * before that is evaluated, and patches it on its own.
 */
export class CommunityInstrumentation implements LibraryHook {
  private readonly package: InstrumentationPackage;
  private readonly provider: TracerProvider;
  private instances: Instrumentation[] = [];
  private isSettled = false;

  constructor(found: InstrumentationPackage, provider: TracerProvider) {
    this.package = found;
    this.provider = provider;
    this.note('waiting');
  }

  beforeLoad(): void {
    if (this.isSettled) return;
    this.isSettled = true;
    try {
      this.enable();
      this.note('enabled');
      // Once the library is loaded it is known whether the instrumentation took it.
      queueMicrotask(() => this.checkVersions());
    } catch (error) {
      this.fail(`it cannot be loaded: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** The app loads the package by itself, and so will enable it by itself: twice would make two spans of one. */
  leaveToApp(): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.note('off', 'the app enables it itself');
  }

  /** What is loaded before tracing starts is not patched any more. */
  comeTooLate(library: string): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.fail(`the app loaded ${library} before tracing started. Start with --import @clew/sdk/register`);
  }

  disable(): void {
    for (const instance of this.instances) instance.disable();
    this.instances = [];
  }

  private enable(): void {
    const load = createRequire(this.package.from);
    const exports = load(this.package.name) as Record<string, unknown>;
    const classes = new Set(Object.values(exports).filter(isInstrumentationClass));
    if (classes.size === 0) throw new Error('it exports no instrumentation');
    for (const Instrumentation of classes) {
      const instance = new Instrumentation(configOf(this.package.shortName));
      this.instances.push(instance);
      instance.setTracerProvider(this.provider);
    }
  }

  /** Instrumentations leave a version that they do not know alone, without a word. */
  private checkVersions(): void {
    const seen = this.instances.flatMap(modulesOf).filter(({ moduleVersion }) => moduleVersion !== undefined);
    if (seen.length === 0 || seen.some(isPatched)) return;
    const versions = seen.map(
      ({ name, moduleVersion, supportedVersions = [] }) =>
        `${name} is ${moduleVersion}, and it knows ${supportedVersions.join(' || ') || 'some files of others'}`,
    );
    this.fail(`${versions.join('; ')}. Another version of it may know more`);
  }

  /** Says that the library is not traced, and why. */
  private fail(reason: string): void {
    this.note('failed', reason);
    writeNotice('warn', `${this.package.name} does not trace ${this.package.shortName}: ${reason}`);
  }

  private note(state: 'waiting' | 'enabled' | 'off' | 'failed', reason?: string): void {
    const { shortName, name } = this.package;
    noteInstrumentation({ name: shortName, package: name, state, ...(reason !== undefined && { reason }) });
  }
}

/** The definitions of an instrumentation, and of those that it consists of, as the one for redis does. */
function modulesOf(instrumentation: Instrumentation): readonly ModuleDefinition[] {
  const parts = Object.values(instrumentation).flatMap(
    (value) => (value as Partial<Instrumentation> | null | undefined)?._modules ?? [],
  );
  return [...(instrumentation._modules ?? []), ...parts];
}

function isPatched({ moduleExports, files = [] }: ModuleDefinition): boolean {
  return moduleExports !== undefined || files.some((file) => file.moduleExports !== undefined);
}

function isInstrumentationClass(value: unknown): value is InstrumentationClass {
  if (typeof value !== 'function' || !value.name.endsWith('Instrumentation')) return false;
  const prototype = value.prototype as Partial<Record<'setTracerProvider' | 'disable', unknown>> | undefined;
  return typeof prototype?.setTracerProvider === 'function' && typeof prototype.disable === 'function';
}

const loggers: ReadonlySet<string> = new Set(['bunyan', 'pino', 'winston']);

/** Defaults, but for loggers: sending each line to a logs SDK costs, and is for nothing when there is none. */
function configOf(shortName: string): object {
  return loggers.has(shortName) && !hasLogsSdk() ? { disableLogSending: true } : {};
}

/** Whether something has registered with OpenTelemetry's logs api. */
function hasLogsSdk(): boolean {
  const api = (globalThis as Record<symbol, unknown>)[Symbol.for('opentelemetry.js.api.1')] as { logs?: unknown };
  return Symbol.for('io.opentelemetry.js.api.logs') in globalThis || api?.logs !== undefined;
}
