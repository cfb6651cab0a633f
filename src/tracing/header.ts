/** The header of Temporal's own interceptors for OpenTelemetry: the clients' are those. */
export const HEADER = '_tracer-data';
