import { parseConfig, startServer } from '@clew/server';
import { tenantNames, tokenOf } from './tenants.ts';

// A server of two tenants in a process of its own: `node server-process.js DATA_DIR`; sends its addresses to its parent.

const freePorts = {
  httpPort: 0,
  otlpHttpPort: 0,
  otlpGrpcPort: 0,
  zipkinPort: 0,
  jaegerHttpPort: 0,
  jaegerGrpcPort: 0,
  healthPort: 0,
};
const tenants = tenantNames.map((name) => ({
  name,
  ingestTokens: [tokenOf(name, 'ingest')],
  queryTokens: [tokenOf(name, 'query')],
}));
const server = await startServer(
  parseConfig({}, { dataDir: process.argv[2], ...freePorts, tenants, logLevel: 'silent' }),
);
process.send?.({ otlpUrl: server.otlpUrl, otlpGrpcUrl: server.otlpGrpcUrl });
process.once('disconnect', () => void server.close().then(() => process.exit(0)));
