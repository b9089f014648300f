// An app to be bundled with the SDK in it, and run where no node_modules is. It must run, trace, and write nothing on
// stderr but the SDK's first line; after a second, too, and what is left is sent when it calls process.exit().
import http from 'node:http';
import { startTracing } from '@clew/sdk';

startTracing();
const server = http.createServer((_request, response) => response.end('ok'));
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => console.log(`port=${server.address().port}`));
setTimeout(() => {
  console.log('ALIVE');
  process.exit(0);
}, 2500);
