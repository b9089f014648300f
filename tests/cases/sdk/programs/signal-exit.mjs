// A server beside signal-exit, which many CLI libraries load. SIGTERM and SIGINT must end it by that signal, as without the SDK.
import http from 'node:http';
import { onExit } from 'signal-exit';

onExit(() => {});
const server = http.createServer((_request, response) => response.end('x'));
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => console.log(`port=${server.address().port}`));
