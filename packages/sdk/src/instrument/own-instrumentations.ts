import { writeNotice } from '../notice.ts';
import { noteInstrumentation } from './community-registry.ts';

/** What stands for one of ours, and what the app may enable itself in its place. */
const communityPackages: ReadonlyMap<string, string> = new Map([
  ['@opentelemetry/instrumentation-http', 'http'],
  ['@opentelemetry/instrumentation-undici', 'undici'],
]);

/** Our own instrumentations, each of which ends when the app enables that of the community for the same. */
export class OwnInstrumentations {
  private readonly running = new Map<string, readonly (() => void)[]>();

  /** @param shortName as the `OTEL_NODE_…_INSTRUMENTATIONS` variables have it. @param begin returns what stops it. */
  start(shortName: string, begin: () => readonly (() => void)[]): void {
    this.running.set(shortName, begin());
  }

  /**
   * The app has made an instrumentation of this package: two would make two spans of one request, and two traces of one.
   * Requests that are under way keep their spans.
   */
  leaveToApp(packageName: string): void {
    // The app may have asked for a tracer under anything, also what is not a text.
    const shortName = communityPackages.get(packageName);
    const stops = shortName === undefined ? undefined : this.running.get(shortName);
    if (shortName === undefined || stops === undefined) return;
    this.running.delete(shortName);
    for (const stop of stops) stop();
    noteInstrumentation({ name: shortName, package: packageName, state: 'off', reason: 'the app enables it itself' });
    writeNotice(
      'info',
      `the app enables ${packageName} itself, which traces ${shortName} from now on in the place of @clew/sdk. To have ` +
        `hooks without it, see the options http and fetch of startTracing`,
    );
  }

  stop(): void {
    for (const stops of this.running.values()) for (const stop of stops) stop();
    this.running.clear();
  }
}
