/** Settings of a server that runs beside others. */
export const freePorts = {
  httpPort: 0,
  otlpHttpPort: 0,
  otlpGrpcPort: 0,
  zipkinPort: 0,
  jaegerHttpPort: 0,
  jaegerGrpcPort: 0,
} as const;
