import type { CollectorAnswer } from './doctor-collector.ts';
import { findLostContext } from './doctor-context.ts';
import { instrumentationFor } from './doctor-libraries.ts';
import type { Problem } from './doctor-problem.ts';
import type { DoctorSpan } from './doctor-spans.ts';

/** What the SDK writes for each process of the app; its own definition is `ProcessDiagnosis` of `@clew/sdk/doctor`. */
export interface ProcessDiagnosis {
  readonly pid: number;
  readonly node: string;
  readonly entry: string;
  readonly notices: readonly { readonly kind: string; readonly text: string }[];
  readonly packages: readonly string[];
  readonly instrumentations: readonly {
    readonly name: string;
    readonly package: string;
    readonly state: 'waiting' | 'enabled' | 'off' | 'failed';
    readonly reason?: string;
  }[];
  readonly apiCopies: readonly { readonly version: string; readonly folder: string }[];
}

/** What `clew doctor --json` prints. */
export interface DoctorReport {
  readonly command: readonly string[];
  /** How the app ended. */
  readonly exit: { readonly code: number | null; readonly signal: string | null };
  /** Where the SDK came from. */
  readonly sdk: 'app' | 'clew';
  readonly processes: readonly { readonly pid: number; readonly node: string; readonly entry: string }[];
  readonly spans: {
    readonly total: number;
    readonly traces: number;
    readonly byKind: Readonly<Record<string, number>>;
    /** By service, then by instrumentation. */
    readonly byService: Readonly<Record<string, Readonly<Record<string, number>>>>;
  };
  /** Libraries that are traced through a package of the community. */
  readonly instrumented: readonly string[];
  readonly collector: CollectorAnswer;
  readonly problems: readonly Problem[];
}

export interface DoctorFindings {
  readonly command: readonly string[];
  readonly exit: DoctorReport['exit'];
  readonly sdk: DoctorReport['sdk'];
  readonly processes: readonly ProcessDiagnosis[];
  /** Dependencies that the app's package.json names. */
  readonly declared: readonly string[];
  readonly spans: readonly DoctorSpan[];
  readonly collector: CollectorAnswer;
}

export function makeReport(findings: DoctorFindings): DoctorReport {
  const { command, exit, sdk, processes, spans, collector } = findings;
  const instrumentations = processes.flatMap((each) => each.instrumentations);
  return {
    command,
    exit,
    sdk,
    processes: processes.map(({ pid, node, entry }) => ({ pid, node, entry })),
    spans: {
      total: spans.length,
      traces: new Set(spans.map(({ traceId }) => traceId)).size,
      byKind: count(spans.map(({ kind }) => kind)),
      byService: Object.fromEntries(
        [...new Set(spans.map(({ service }) => service))].map((service) => [
          service,
          count(spans.filter((span) => span.service === service).map(({ scope }) => scope)),
        ]),
      ),
    },
    instrumented: [
      ...new Set(instrumentations.filter(({ state }) => state === 'enabled').map(({ name }) => name)),
    ].sort(),
    collector,
    problems: [
      ...findSilence(findings),
      ...findUntracedLibraries(findings),
      ...findLostContext(spans),
      ...findCollectorProblems(collector),
      ...findApiCopies(findings),
      ...findNotices(processes),
    ],
  };
}

function findSilence({ processes, spans }: DoctorFindings): Problem[] {
  if (processes.length === 0) {
    return [
      {
        code: 'no-node-process',
        message: 'no Node process of this command has loaded the SDK',
        advice:
          'Give the command that starts Node, such as "clew doctor -- node app.js", and see that it keeps NODE_OPTIONS',
        examples: [],
      },
    ];
  }
  if (spans.length > 0) return [];
  return [
    {
      code: 'no-spans',
      message: 'the SDK was loaded, but no span was made',
      advice: 'Use the app while the doctor watches, or let it send a request with --url; and see that sampling is on',
      examples: [],
    },
  ];
}

function findUntracedLibraries({ processes, declared }: DoctorFindings): Problem[] {
  const instrumentations = processes.flatMap((each) => each.instrumentations);
  const problems: Problem[] = [];
  const failed = new Map(
    instrumentations.filter(({ state }) => state === 'failed').map((each) => [each.package, each]),
  );
  for (const { name, package: packageName, reason = 'it does not say why' } of failed.values()) {
    problems.push({
      code: 'instrumentation-failed',
      message: `${name} is not traced: ${reason}`,
      advice: `Load the SDK first (node --import @clew/sdk/register), and take a version of ${packageName} that knows yours`,
      examples: [],
    });
  }
  const found = new Set(instrumentations.map((each) => each.package));
  const libraries = new Set([...processes.flatMap(({ packages }) => packages), ...declared]);
  const missing = new Map<string, string[]>();
  for (const library of libraries) {
    const packageName = instrumentationFor(library);
    if (packageName === undefined || found.has(packageName)) continue;
    missing.set(packageName, [...(missing.get(packageName) ?? []), library]);
  }
  for (const [packageName, names] of missing) {
    problems.push({
      code: 'library-not-traced',
      message: `${names.join(', ')} is not traced: the package that does it is not installed`,
      advice: `npm install ${packageName}`,
      examples: [],
    });
  }
  return problems;
}

function findCollectorProblems({ url, status, error }: CollectorAnswer): Problem[] {
  if (error !== undefined) {
    return [
      {
        code: 'collector-silent',
        message: `no collector answers at ${url} (${error})`,
        advice: 'Start one there ("clew serve" does), or set OTEL_EXPORTER_OTLP_ENDPOINT to where it is',
        examples: [],
      },
    ];
  }
  if (status === undefined || (status >= 200 && status <= 299)) return [];
  return [
    {
      code: 'collector-refuses',
      message: `the collector at ${url} refuses the spans: HTTP ${status}`,
      advice: 'Check its address, OTEL_EXPORTER_OTLP_HEADERS, and the log of the collector',
      examples: [],
    },
  ];
}

function findApiCopies({ processes, sdk }: DoctorFindings): Problem[] {
  const copies = new Map(processes.flatMap(({ apiCopies }) => apiCopies).map((copy) => [copy.folder, copy]));
  // An SDK that came with this command brings its own copy: that is no problem of the app.
  const expected = sdk === 'clew' ? 2 : 1;
  if (copies.size <= expected) return [];
  return [
    {
      code: 'duplicate-api',
      message: `${copies.size} copies of @opentelemetry/api are loaded; spans made through one may not reach the SDK`,
      advice: 'Have one: npm dedupe, or the same version in every package.json',
      examples: [...copies.values()].map(({ version, folder }) => `${version} in ${folder}`),
    },
  ];
}

// Said in a finding of its own, or about the collector of the doctor.
const coveredElsewhere = /copies of @opentelemetry\/api|does not trace|collector/;

/** What the SDK warned of: invalid variables, a second SDK, failures. */
function findNotices(processes: readonly ProcessDiagnosis[]): Problem[] {
  const texts = processes
    .flatMap(({ notices }) => notices)
    .filter(({ kind, text }) => (kind === 'warn' || kind === 'error') && !coveredElsewhere.test(text))
    .map(({ text }) => text);
  return [...new Set(texts)].map((text) => ({
    code: 'sdk-notice',
    message: text,
    advice: 'The SDK says so on stderr when it starts',
    examples: [],
  }));
}

function count(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}
