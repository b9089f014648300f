/** The environment of a server that runs beside others. */
export const freePorts = {
  CLEW_HTTP_PORT: '0',
  CLEW_OTLP_HTTP_PORT: '0',
  CLEW_OTLP_GRPC_PORT: '0',
  CLEW_ZIPKIN_PORT: '0',
  CLEW_JAEGER_HTTP_PORT: '0',
  CLEW_JAEGER_GRPC_PORT: '0',
  CLEW_HEALTH_PORT: '0',
} as const;
