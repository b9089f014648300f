import { parseConfig, startServer } from '@clew/server';

// The server in a process of its own: `node server-process.js DATA_DIR`; sends its addresses to its parent.

const freePorts = {
  httpPort: 0,
  otlpHttpPort: 0,
  otlpGrpcPort: 0,
  zipkinPort: 0,
  jaegerHttpPort: 0,
  jaegerGrpcPort: 0,
};
const server = await startServer(
  parseConfig({}, { dataDir: process.argv[2], ...freePorts, logLevel: 'warn', spoolMaxBytes: 8 * 2 ** 30 }),
);
process.send?.({ uiUrl: server.uiUrl, otlpUrl: server.otlpUrl });
process.once('disconnect', () => void server.close().then(() => process.exit(0)));
