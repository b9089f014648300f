import type { ReceiversResponse } from '@clew/model';

/** A way to send spans, and what to type for it. */
export interface FirstCommand {
  readonly label: string;
  readonly text: string;
}

/** The address of a receiver as whoever reads this page reaches it: its port, on the host of the page. */
export function addressOf({ receivers }: ReceiversResponse, receiver: string, host: string): string | undefined {
  const found = receivers.find((one) => one.receiver === receiver);
  if (found === undefined) return undefined;
  const { protocol, port } = new URL(found.url);
  return `${protocol}//${host}:${port === '' ? (protocol === 'https:' ? 443 : 80) : port}`;
}

/** What to type to send the first spans to this server. All of it works with what is published today. */
export function listFirstCommands(response: ReceiversResponse, host: string): readonly FirstCommand[] {
  const http = addressOf(response, 'otlp-http', host);
  if (http === undefined) return [];
  const grpc = addressOf(response, 'otlp-grpc', host) ?? http;
  const header = response.needsToken ? 'Authorization=Bearer%20TOKEN' : undefined;
  const variables = [
    'OTEL_SERVICE_NAME=my-service',
    `OTEL_EXPORTER_OTLP_ENDPOINT=${http}`,
    'OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf',
    ...(header === undefined ? [] : [`OTEL_EXPORTER_OTLP_HEADERS=${header}`]),
  ];
  const run = (command: string): string => [...variables, command].join(' \\\n  ');
  return [
    { label: 'Node.js', text: run('node --import /path/to/clew/packages/sdk/bundle/register.js app.js') },
    {
      label: 'Python',
      text: `pip install opentelemetry-distro opentelemetry-exporter-otlp\nopentelemetry-bootstrap -a install\n${run('opentelemetry-instrument python app.py')}`,
    },
    { label: 'Java', text: run('java -javaagent:opentelemetry-javaagent.jar -jar app.jar') },
    { label: 'Go', text: run('go run .') },
    { label: 'Collector', text: describeExporter(http, response.needsToken) },
    { label: 'curl', text: describeTestSpan(http, response.needsToken) },
    { label: 'OTLP/gRPC', text: grpc },
  ];
}

function describeExporter(endpoint: string, needsToken: boolean): string {
  const headers = needsToken ? '\n    headers:\n      authorization: Bearer TOKEN' : '';
  return `exporters:\n  otlphttp/clew:\n    endpoint: ${endpoint}${headers}\nservice:\n  pipelines:\n    traces:\n      exporters: [otlphttp/clew]`;
}

/** One span that starts now and takes 100 ms. */
function describeTestSpan(endpoint: string, needsToken: boolean): string {
  const authorization = needsToken ? ` -H 'authorization: Bearer TOKEN'` : '';
  const resource = `{"attributes":[{"key":"service.name","value":{"stringValue":"test"}}]}`;
  const span = `{"traceId":"'$(openssl rand -hex 16)'","spanId":"'$(openssl rand -hex 8)'","name":"test span","kind":1,"startTimeUnixNano":"'$(date +%s)'000000000","endTimeUnixNano":"'$(date +%s)'100000000"}`;
  return `curl ${endpoint}/v1/traces -H 'content-type: application/json'${authorization} -d '{"resourceSpans":[{"resource":${resource},"scopeSpans":[{"spans":[${span}]}]}]}'`;
}
