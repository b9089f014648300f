import { metrics, type TracerProvider } from '@opentelemetry/api';
import { guard, reportFailure, writeNotice } from '../notice.ts';
import {
  createInstrumentations,
  definitionsOf,
  type Instrumentation,
  type ModuleDefinition,
} from './community-definitions.ts';
import type { LibraryHook } from './community-load-hook.ts';
import type { InstrumentationPackage } from './community-packages.ts';
import { guardPatches } from './community-patch.ts';
import { noteInstrumentation } from './community-registry.ts';
import { findModulesToWrap, type ModulesToWrap } from './import-in-the-middle.ts';

/**
 * An instrumentation package of the community. It is loaded when the app loads the first of its libraries, a moment
 * before that is evaluated, and patches it on its own.
 */
export class CommunityInstrumentation implements LibraryHook {
  private readonly package: InstrumentationPackage;
  private readonly provider: TracerProvider;
  private instances: readonly Instrumentation[] = [];
  private modules: readonly ModulesToWrap[] | undefined;
  private isSettled = false;
  private isJudged = false;

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
      this.judgeSoon();
    } catch (error) {
      this.fail(`it cannot be loaded: ${textOf(error)}`);
    }
  }

  modulesToWrap(): readonly ModulesToWrap[] {
    if (this.instances.length === 0) return [];
    this.modules ??= [findModulesToWrap(this.package, this.instances) ?? []].flat();
    return this.modules;
  }

  afterImport(): void {
    this.judgeSoon();
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
    for (const instance of this.instances) {
      try {
        instance.disable();
      } catch (error) {
        reportFailure(`${this.package.name}, when it was disabled`, error);
      }
    }
    this.instances = [];
  }

  private enable(): void {
    this.instances = createInstrumentations(this.package, configOf(this.package.shortName));
    guardPatches(definitionsOf(this.instances), (error) => this.fail(`its patch failed: ${textOf(error)}`));
    for (const instance of this.instances) {
      instance.setTracerProvider(this.provider);
      // Some make what they count with here alone, and fail without.
      instance.setMeterProvider?.(metrics.getMeterProvider());
    }
  }

  /** Once the library is loaded it is known whether the instrumentation took it. */
  private judgeSoon(): void {
    queueMicrotask(guard(this.package.name, () => this.checkVersions()));
  }

  /** Instrumentations leave a version that they do not know alone, without a word. */
  private checkVersions(): void {
    const seen = definitionsOf(this.instances).filter(({ moduleVersion }) => moduleVersion !== undefined);
    if (this.isJudged || seen.length === 0) return;
    this.isJudged = true;
    if (seen.some(isPatched)) return;
    const versions = seen.map(
      ({ name, moduleVersion, supportedVersions = [] }) =>
        `${name} is ${moduleVersion}, and it knows ${supportedVersions.join(' || ') || 'some files of others'}`,
    );
    this.fail(`${versions.join('; ')}. Another version of it may know more`);
  }

  /** Says that the library is not traced, and why. */
  private fail(reason: string): void {
    this.isJudged = true;
    this.note('failed', reason);
    writeNotice('warn', `${this.package.name} does not trace ${this.package.shortName}: ${reason}`);
  }

  private note(state: 'waiting' | 'enabled' | 'off' | 'failed', reason?: string): void {
    const { shortName, name } = this.package;
    noteInstrumentation({ name: shortName, package: name, state, ...(reason !== undefined && { reason }) });
  }
}

function isPatched({ moduleExports, files = [] }: ModuleDefinition): boolean {
  return moduleExports !== undefined || files.some((file) => file.moduleExports !== undefined);
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

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
