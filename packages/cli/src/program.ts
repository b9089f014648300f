import { readFileSync } from 'node:fs';
import {
  ConditionError,
  durationSyntax,
  formatCondition,
  parseCondition,
  parseDurationNs,
  parseTraceId,
  spanKindNames,
  spanStatusNames,
  traceIdSyntax,
} from '@clew/model/text';
import type { SettingDescription } from '@clew/server/config';
import { Command, InvalidArgumentError, Option } from 'commander';
import { print } from './output.ts';
import { parseEndTime, parseSince, parseTime, timeSyntax } from './time-range.ts';

/**
 * The command line of `clew`. What a command does is loaded when it runs: `--help` and a search must not wait for the
 * server's code.
 *
 * @param settings The server's settings, which are the flags of `serve` and `config print`; only these commands need them.
 */
export function createProgram(settings: readonly SettingDescription[] = []): Command {
  const program = new Command('clew')
    .description('Distributed tracing for microservices: store, search and show traces.')
    .version(readVersion(), '--version')
    .showHelpAfterError('(add --help for the options)')
    .configureOutput({ writeOut: (text) => print(text), writeErr: (text) => print(text, process.stderr) });
  addServeCommand(program, settings);
  addTraceCommand(program);
  addSearchCommand(program);
  addServicesCommand(program);
  addGraphCommand(program);
  addExportCommand(program);
  addImportCommand(program);
  addStatsCommand(program);
  addRetentionCommand(program);
  addDeleteCommand(program);
  addRedactCommand(program);
  addDoctorCommand(program);
  addConfigCommand(program, settings);
  return program;
}

function addServeCommand(program: Command, settings: readonly SettingDescription[]): void {
  const command = program
    .command('serve')
    .description(
      'Run the server: takes spans over OTLP, Zipkin and Jaeger, keeps them, answers queries and shows the UI.',
    );
  addSettingOptions(command, settings)
    .addHelpText(
      'after',
      `
A flag wins over a variable, a variable over the configuration file, the file over the default.

Examples:
  $ clew serve --data-dir /var/lib/clew --host 0.0.0.0
  $ clew serve --config clew.yaml`,
    )
    .action(async (options) => (await import('./serve.ts')).runServe(options));
}

function addConfigCommand(program: Command, settings: readonly SettingDescription[]): void {
  const config = program.command('config').description('Show or check the settings of the server.');
  const print = config
    .command('print')
    .description('Print every setting with its value and where that comes from; secrets are masked.')
    .option('--json', 'print as JSON');
  addSettingOptions(print, settings)
    .addHelpText('after', '\nExample:\n  $ clew config print --config clew.yaml')
    .action(async (options) => (await import('./config.ts')).printConfig(options));
  config
    .command('check')
    .description(
      'Check the configuration file and the environment; prints every fault and ends with 1 when there is one.',
    )
    .argument('[file]', 'configuration file (CLEW_CONFIG)')
    .addHelpText('after', '\nExample:\n  $ clew config check clew.yaml')
    .action(async (file) => (await import('./config.ts')).checkConfig(file));
}

/** One flag a setting; the server checks the values. */
function addSettingOptions(command: Command, settings: readonly SettingDescription[]): Command {
  command.option('--config <file>', 'configuration file, YAML with the names of the flags as its keys (CLEW_CONFIG)');
  for (const { flag, placeholder, description, variable, defaultText, group } of settings) {
    const origin = defaultText === undefined ? variable : `${variable}, default ${defaultText}`;
    command.addOption(new Option(`${flag} <${placeholder}>`, `${description} (${origin})`).helpGroup(`${group}:`));
  }
  return command;
}

function addTraceCommand(program: Command): void {
  program
    .command('trace')
    .description('Show one trace as a waterfall: its tree, and where its time went.')
    .argument('<id>', 'trace id, up to 32 hex digits', readTraceId)
    .addOption(serverOption())
    .addOption(tokenOption())
    .option('--limit <spans>', 'spans to show at most; 0 shows all', parseCount, 500)
    .option('--json', 'print the trace as JSON, with every attribute')
    .addHelpText('after', '\nExample:\n  $ clew trace 5b8aa5a2d2c872e8321cf37308d69df2')
    .action(async (id, options) => (await import('./trace.ts')).runTrace(id, options));
}

function addSearchCommand(program: Command): void {
  const command = program
    .command('search')
    .description('List the newest traces with a span that meets all conditions.');
  addSearchConditions(command).option('--limit <traces>', 'traces to list at most (default: 20)', parseCount);
  addAnswerOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  $ clew search --service gateway --min-duration 500ms --since 15m
  $ clew search --status error --attribute http.response.status_code=500 --attribute user-id=42 --json`,
    )
    .action(async (options) => (await import('./search.ts')).runSearch(options));
}

function addServicesCommand(program: Command): void {
  const command = program
    .command('services')
    .description('Show how often services were called, with what outcome; with a name, the operations of that service.')
    .argument('[service]', 'name of a service');
  addAnswerOptions(addWindow(command))
    .addHelpText(
      'after',
      `
Examples:
  $ clew services --since 24h
  $ clew services gateway`,
    )
    .action(async (service, options) => (await import('./services.ts')).runServices(service, options));
}

function addGraphCommand(program: Command): void {
  const command = program.command('graph').description('Show which service calls which, and the databases they use.');
  addAnswerOptions(addWindow(command))
    .addHelpText('after', '\nExample:\n  $ clew graph --since 15m')
    .action(async (options) => (await import('./services.ts')).runGraph(options));
}

function addExportCommand(program: Command): void {
  const command = program
    .command('export')
    .description('Write traces to standard output as OTLP/JSON, one request a line and a trace.')
    .argument('[ids...]', 'trace ids; without any: all traces with a span that meets all conditions', collectTraceId)
    .option('--limit <traces>', 'traces to write at most (default: all)', parseCount);
  addSearchConditions(command)
    .addOption(serverOption())
    .addOption(tokenOption())
    .addHelpText(
      'after',
      `
Examples:
  $ clew export 5b8aa5a2d2c872e8321cf37308d69df2 > trace.jsonl
  $ clew export --service gateway --since 24h | gzip > gateway.jsonl.gz`,
    )
    .action(async (ids, options) => (await import('./export.ts')).runExport(ids, options));
}

/** Conditions on one span, all to be met, and the window of time. */
function addSearchConditions(command: Command): Command {
  command
    .option('--service <name>', 'service of the span')
    .option('--operation <name>', 'name of the span')
    .addOption(new Option('--kind <kind>', 'kind of the span').choices(spanKindNames))
    .addOption(new Option('--status <status>', 'status of the span').choices(spanStatusNames))
    .option(
      '--attribute <key=value>',
      'attribute of the span or its resource; repeatable; a key with "=" or other signs in double quotes: \'"a=b"=1\'',
      collectAttribute,
    )
    .option('--min-duration <duration>', 'shortest duration of the span, such as 200ms or 1.5s', readDuration)
    .option('--max-duration <duration>', 'longest duration of the span', readDuration);
  return addWindow(command);
}

/** Of which server, and in which form. */
function addAnswerOptions(command: Command): Command {
  return command
    .addOption(serverOption())
    .addOption(tokenOption())
    .option('--json', "print the server's answer as JSON");
}

function addWindow(command: Command): Command {
  return command
    .addOption(
      new Option('--since <time>', 'how far back, such as 15m, 1h or 7d (default: the last hour)')
        .argParser(parseSince)
        .conflicts('start'),
    )
    .option('--start <time>', `from this time: ${timeSyntax}`, parseTime)
    .option('--end <time>', 'up to this time, included (default: now)', parseEndTime);
}

function addImportCommand(program: Command): void {
  program
    .command('import')
    .description('Send the spans of files to a server: OTLP JSON or protobuf, Jaeger JSON, Zipkin JSON; gzip too.')
    .argument('<file...>', 'files in any of these formats, which are told by their content; - is standard input')
    .option('--url <url>', 'address of the server for OTLP over HTTP', 'http://localhost:4318')
    .addOption(tokenOption())
    .option('--json', 'print what was imported as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ clew import trace-from-jaeger.json spans.jsonl.gz
  $ curl -s 'http://zipkin:9411/api/v2/traces?limit=100' | clew import -`,
    )
    .action(async (files, options) => (await import('./import.ts')).runImport(files, options));
}

function addStatsCommand(program: Command): void {
  const command = program
    .command('stats')
    .description('Show what the server received, refused and rejected, what waits in its spool and what is stored.');
  addAnswerOptions(command)
    .addHelpText('after', '\nExample:\n  $ clew stats --server http://clew.example:16686')
    .action(async (options) => (await import('./stats.ts')).runStats(options));
}

function addRetentionCommand(program: Command): void {
  const retention = program
    .command('retention')
    .description('Show how long spans are kept, what is stored and what was removed.');
  addAnswerOptions(retention).action(async (options) => (await import('./retention.ts')).showRetention(options));
  retention
    .command('set')
    .description('Change the limits; they hold at once, and after a restart of the server.')
    .option('--age <age>', 'such as 12h or 7d; none; or default, as the server was started')
    .option('--max-bytes <bytes>', 'such as 50GiB; none; or default')
    .option('--disk-share <share>', 'above 0 up to 1; none; or default', parseShare)
    .addHelpText('after', '\nExample:\n  $ clew retention set --age 3d --max-bytes 10GiB')
    .action(async (change, command: Command) =>
      (await import('./retention.ts')).setRetention(change, command.optsWithGlobals()),
    );
}

function addDeleteCommand(program: Command): void {
  program
    .command('delete')
    .description('Delete a trace from the store.')
    .argument('<id>', 'trace id, up to 32 hex digits', readTraceId)
    .addOption(serverOption())
    .addOption(tokenOption())
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', '\nExample:\n  $ clew delete 5b8aa5a2d2c872e8321cf37308d69df2')
    .action(async (id, options) => (await import('./delete.ts')).runDelete(id, options));
}

function addRedactCommand(program: Command): void {
  program
    .command('redact')
    .description('Replace the values of an attribute in all that is stored; without a key, list what was replaced.')
    .argument('[key]', 'key of the attribute')
    .option('--value <value>', 'only where it has this value')
    .option('--start <time>', `only in spans from this time: ${timeSyntax}`, parseTime)
    .option('--end <time>', 'only in spans up to this time, included', parseEndTime)
    .addOption(serverOption())
    .addOption(tokenOption())
    .option('-y, --yes', 'do not ask')
    .option('--json', "print the server's answer as JSON")
    .addHelpText('after', '\nExample:\n  $ clew redact user.email')
    .action(async (key, options) => (await import('./redact.ts')).runRedact(key, options));
}

function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('Run an app and tell what of it is traced, what is not and why.')
    .argument('<command...>', 'the command that starts the app, after --')
    .option(
      '--for <duration>',
      'end the app after this time, such as 10s (default: when it ends, or on Ctrl-C)',
      parseMs,
    )
    .option('--url <url>', 'ask this address of the app, then end it; repeatable', collectUrl)
    .option('--json', 'print the report as JSON; what the app prints goes to stderr')
    .addOption(new Option('--fail-on <what>', 'exit with code 1 when there are any').choices(['problems']))
    .addHelpText(
      'after',
      `
Examples:
  $ clew doctor -- node app.js
  $ clew doctor --url http://localhost:3000/ --fail-on problems -- npm start`,
    )
    .action(async (command, options) => (await import('./doctor.ts')).runDoctor(command, options));
}

function readVersion(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

function serverOption(): Option {
  return new Option('--server <url>', 'address of the Clew server').env('CLEW_URL').default('http://localhost:16686');
}

function tokenOption(): Option {
  return new Option('--token <token>', 'bearer token of a server that asks for one; prefer the variable').env(
    'CLEW_TOKEN',
  );
}

function readTraceId(text: string): string {
  const traceId = parseTraceId(text);
  if (traceId === undefined) throw new InvalidArgumentError(`Give ${traceIdSyntax}, as "clew search" lists them.`);
  return traceId;
}

function collectTraceId(text: string, previous: readonly string[] = []): string[] {
  return [...previous, readTraceId(text)];
}

function parseCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Give a whole number, 0 or more.');
  return Number(text);
}

/** The server knows what a share may be. */
function parseShare(text: string): number | string {
  return /^\d*\.?\d+$/.test(text) ? Number(text) : text;
}

function parseMs(text: string): number {
  const durationNs = parseDurationNs(text);
  if (durationNs === undefined) throw new InvalidArgumentError(`Give ${durationSyntax}.`);
  return durationNs / 1e6;
}

function collectUrl(text: string, previous: readonly string[] = []): string[] {
  if (!/^https?:/.test(text) || !URL.canParse(text)) throw new InvalidArgumentError('Give an http:// or https:// URL.');
  return [...previous, text];
}

function collectAttribute(text: string, previous: readonly string[] = []): string[] {
  try {
    return [...previous, formatCondition(parseCondition(text))];
  } catch (error) {
    if (error instanceof ConditionError) throw new InvalidArgumentError(`Give ${error.message}.`);
    throw error;
  }
}

/** As it was given: the server and the links that are printed take the same. */
function readDuration(text: string): string {
  if (parseDurationNs(text) === undefined) throw new InvalidArgumentError(`Give ${durationSyntax}.`);
  return text;
}
