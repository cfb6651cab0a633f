import {
  Client,
  type ClientInterceptors,
  Connection,
  isGrpcCancelledError,
  isGrpcDeadlineError,
  isGrpcServiceError,
} from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection, type NativeConnectionOptions } from '@temporalio/worker';
import { readSecretFiles } from '../secret-files.ts';
import { dataConverterOf } from './data-converter.ts';
import { PayloadKeys } from './payload-keys.ts';
import { errorText, untilDeadline } from './waiting.ts';

/** Where our own sessions live, when neither the caller nor `TEMPORAL_NAMESPACE` says otherwise. */
export const DEFAULT_NAMESPACE = 'leash';
const DEFAULT_ADDRESS = '127.0.0.1:7233';

export interface TemporalTarget {
  /** `host:port`. Absent: Temporal's own configuration (`TEMPORAL_ADDRESS`, profile), else this machine. */
  address?: string;
  /** Absent: Temporal's own configuration (`TEMPORAL_NAMESPACE`, profile), else `leash`. */
  namespace?: string;
  /** Around calls to workflows; nothing is, when absent. */
  interceptors?: ClientInterceptors | undefined;
  /** What payloads are encrypted with; absent: with nothing, and encrypted ones cannot be read. */
  payloadKeys?: PayloadKeys | undefined;
  /** How long to go on trying while the server refuses, ms. */
  connectTimeoutMs?: number;
}

export interface TemporalClient {
  address: string;
  namespace: string;
  connection: Connection;
  client: Client;
  close(): Promise<void>;
}

export interface TemporalWorkerConnection {
  address: string;
  namespace: string;
  connection: NativeConnection;
  close(): Promise<void>;
}

/** A connection for callers of workflows. Long-lived: one per process, shared. */
export async function connectClient(target: TemporalTarget = {}): Promise<TemporalClient> {
  const { address, namespace, options } = resolveTarget(target);
  const connectTimeoutMs = target.connectTimeoutMs ?? 10_000;
  const connection = await connectWithin(connectTimeoutMs, address, () =>
    Connection.connect({ ...options, address, connectTimeout: connectTimeoutMs }),
  );
  const { interceptors = {}, payloadKeys = new PayloadKeys() } = target;
  const dataConverter = dataConverterOf(payloadKeys);
  const client = new Client({ connection, namespace, interceptors, dataConverter });
  return { address, namespace, connection, client, close: () => connection.close() };
}

/**
 * A connection for workers.
 *
 * `NativeConnection.connect` gives up at the first refusal (measured), and a worker is often started
 * beside its server: so it is tried until the deadline.
 */
export async function connectWorker(target: TemporalTarget = {}): Promise<TemporalWorkerConnection> {
  const { address, namespace, options } = resolveTarget(target);
  const connection = await connectWithin(target.connectTimeoutMs ?? 30_000, address, () =>
    NativeConnection.connect({ ...options, address }),
  );
  return { address, namespace, connection, close: () => connection.close() };
}

/**
 * Runs client calls that must have answered within `timeoutMs`; they throw when they have not.
 *
 * Both means are needed: without a deadline a call to a workflow without a worker hangs for ever, and
 * with one alone the client's own retries overran it (6 s became 10 s on a dead server), so that the
 * signal is what ends the wait on time.
 */
export async function withDeadline<R>(client: Client, timeoutMs: number, call: () => Promise<R>): Promise<R> {
  return client.withDeadline(Date.now() + timeoutMs, () =>
    client.withAbortSignal(AbortSignal.timeout(timeoutMs), call),
  );
}

const GRPC_UNAVAILABLE = 14;

/** Whether `error` means that Temporal did not answer (in time), rather than that it said no. */
export function isTemporalSilent(error: unknown): boolean {
  if (isGrpcDeadlineError(error) || isGrpcCancelledError(error)) return true;
  if (isGrpcServiceError(error)) return error.code === GRPC_UNAVAILABLE;
  return error instanceof Error && error.cause !== undefined && isTemporalSilent(error.cause);
}

interface ResolvedTarget {
  address: string;
  namespace: string;
  options: NativeConnectionOptions;
}

/** Keys and certificates of the environment go only to the server that the environment names. */
function resolveTarget(target: TemporalTarget): ResolvedTarget {
  const configured = loadClientConnectConfig({ overrideEnvVars: withKeyFile(process.env) });
  const configuredAddress = configured.connectionOptions.address;
  const address = target.address ?? configuredAddress ?? DEFAULT_ADDRESS;
  const isConfigured = target.address === undefined || target.address === configuredAddress;
  return {
    address,
    namespace: target.namespace ?? configured.namespace ?? DEFAULT_NAMESPACE,
    options: isConfigured ? configured.connectionOptions : {},
  };
}

/** The environment, with the key of TEMPORAL_API_KEY_FILE as Temporal's own client reads it. */
function withKeyFile(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const { values, problems } = readSecretFiles(environment, ['TEMPORAL_API_KEY']);
  if (problems.length > 0) throw new Error(`Cannot reach Temporal. ${problems.join(' ')}`);
  const set = Object.entries(environment).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return { ...Object.fromEntries(set), ...values };
}

async function connectWithin<C>(timeoutMs: number, address: string, connect: () => Promise<C>): Promise<C> {
  const outcome = await untilDeadline(timeoutMs, connect);
  if (outcome.kind === 'done') return outcome.value;
  throw new Error(
    `Cannot reach Temporal at ${address} within ${timeoutMs / 1_000} s: ${reasonText(outcome.lastError)}. ` +
      'Start it (`npm start` brings one of its own), or set TEMPORAL_ADDRESS to where it is. One that asks for a key or ' +
      'certificates is given them by TEMPORAL_API_KEY or TEMPORAL_TLS_*.',
    { cause: outcome.lastError },
  );
}

/** The client says that it failed, and only the error below it why. */
function reasonText(error: unknown): string {
  const why = error instanceof Error && error.cause !== undefined ? reasonText(error.cause) : null;
  return why === null ? errorText(error) : `${errorText(error)} (${why})`;
}
