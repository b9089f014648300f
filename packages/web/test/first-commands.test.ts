import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf, listFirstCommands } from '#src/views/search/first-commands.js';

const receivers = [
  { receiver: 'otlp-http', url: 'https://0.0.0.0:4318' },
  { receiver: 'otlp-grpc', url: 'https://[::]:4317' },
];

test('a receiver has its own port and scheme, on the host of the page', () => {
  const response = { receivers, needsToken: false };
  assert.equal(addressOf(response, 'otlp-http', 'tools.example'), 'https://tools.example:4318');
  assert.equal(addressOf(response, 'otlp-grpc', '[::1]'), 'https://[::1]:4317');
  assert.equal(addressOf(response, 'zipkin', 'tools.example'), undefined);
  const https = { receivers: [{ receiver: 'otlp-http', url: 'https://0.0.0.0:443' }], needsToken: false };
  assert.equal(addressOf(https, 'otlp-http', 'tools.example'), 'https://tools.example:443');
});

test('commands name a token only where senders need one', () => {
  for (const needsToken of [false, true]) {
    for (const { label, text } of listFirstCommands({ receivers, needsToken }, 'tools.example')) {
      if (label !== 'OTLP/gRPC') assert.equal(text.includes('TOKEN'), needsToken, label);
    }
  }
});
