import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LibraryApp, loadStatements, waysToStart } from './library-app.js';
import { type LibraryServer, startRabbit } from './library-servers.js';
import { kind } from './otlp-decoding.js';
import { OtlpSink } from './otlp-sink.js';
import { runNode } from './run-app.js';

let rabbit: LibraryServer;

before(async () => {
  rabbit = await startRabbit();
});

after(async () => {
  await rabbit?.stop();
});

/** Publishes one order for every request. */
const shop = `
async function main() {
  const connection = await amqplib.connect('amqp://127.0.0.1:' + process.env.RABBIT_PORT);
  const channel = await connection.createChannel();
  await channel.assertQueue(process.env.QUEUE, { autoDelete: true });
  const server = http.createServer((request, response) => {
    channel.sendToQueue(process.env.QUEUE, Buffer.from('order'));
    response.end('ordered');
  });
  server.listen(0, '127.0.0.1', () => console.log('port=' + server.address().port));
  process.on('SIGTERM', () => { server.close(); connection.close(); });
}
main();
`;

/** Takes one order, with a span for the work, and ends. */
const warehouse = `
async function main() {
  const connection = await amqplib.connect('amqp://127.0.0.1:' + process.env.RABBIT_PORT);
  const channel = await connection.createChannel();
  await channel.assertQueue(process.env.QUEUE, { autoDelete: true });
  await channel.consume(process.env.QUEUE, (message) => {
    trace.getTracer('warehouse').startSpan('pack').end();
    channel.ack(message);
    channel.close().then(() => connection.close());
  });
  console.log('consuming');
}
main();
`;

for (const { flag, form, extension } of waysToStart) {
  test(`a trace runs from the request through RabbitMQ to the consumer's work in ${form} under ${flag}`, async (t) => {
    const sink = await OtlpSink.start();
    t.after(() => sink.close());
    const app = await LibraryApp.create(t, ['amqplib', '@opentelemetry/instrumentation-amqplib']);
    const amqplib = loadStatements(extension, { amqplib: 'amqplib', http: 'node:http' });
    const api = loadStatements(extension, { api: '@opentelemetry/api' });
    const shopPath = await app.write(`shop.${extension}`, `${amqplib}\n${shop}`);
    const warehousePath = await app.write(
      `warehouse.${extension}`,
      `${amqplib}\n${api}\nconst { trace } = api;\n${warehouse}`,
    );
    const env = (service: string): Record<string, string> => ({
      OTEL_SERVICE_NAME: service,
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.endpoint,
      RABBIT_PORT: String(rabbit.port),
      QUEUE: `orders-${flag}-${extension}`,
    });
    const consumer = runNode(t, [flag, '@clew/sdk/register', warehousePath], env('warehouse'), app.folder);
    await consumer.waitForText(/consuming/);
    const producer = runNode(t, [flag, '@clew/sdk/register', shopPath], env('shop'), app.folder);
    await (await fetch(await producer.url())).text();
    assert.deepEqual(await consumer.exit(), { code: 0, signal: null });
    producer.child.kill('SIGTERM');
    assert.deepEqual(await producer.exit(), { code: 0, signal: null });

    const request = sink.spans.find((span) => span.kind === kind.server)!;
    const publish = sink.spans.find((span) => span.kind === kind.producer)!;
    const process = sink.spans.find((span) => span.kind === kind.consumer)!;
    const pack = sink.spans.find((span) => span.name === 'pack')!;
    assert.deepEqual(
      [publish, process, pack].map((span) => [span.traceId, span.parentSpanId, span.resource['service.name']]),
      [
        [request.traceId, request.spanId, 'shop'],
        [request.traceId, publish.spanId, 'warehouse'],
        [request.traceId, process.spanId, 'warehouse'],
      ],
    );
  });
}
