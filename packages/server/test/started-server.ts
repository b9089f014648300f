import { parseConfig, startServer } from '@clew/server';

// A server in a process of its own, with the settings of its argument: it prints its addresses, and ends by SIGTERM.
const server = await startServer(parseConfig({}, JSON.parse(process.argv[2]!)));
process.once('SIGTERM', () => void server.close());
console.log(JSON.stringify(server));
