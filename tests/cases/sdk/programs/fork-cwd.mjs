// A child of Node's own that runs in another directory. It must run, and be traced.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { trace } from '@opentelemetry/api';

if (process.argv[2] === 'child') {
  trace.getTracer('child').startSpan('in the child').end();
  process.disconnect();
  console.log('CHILD RAN');
} else
  fork(fileURLToPath(import.meta.url), ['child'], { cwd: '/' }).on('exit', (code) => console.log('CHILD EXIT', code));
