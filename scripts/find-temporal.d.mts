export type Environment = Record<string, string | undefined>;

export type TemporalCliFound =
  | { kind: 'cli'; path: string; from: 'LEASH_TEMPORAL_CLI' | 'PATH' | 'cache' }
  | { kind: 'missing'; why: string };

export type TemporalFound = { kind: 'address'; address: string } | TemporalCliFound;

/** The Temporal server to use: the one at `TEMPORAL_ADDRESS`, else the program that can start one. */
export function findTemporal(environment?: Environment): TemporalFound;

/** The `temporal` program, whatever `TEMPORAL_ADDRESS` says: tests always start a server of their own. */
export function findTemporalCli(environment?: Environment): TemporalCliFound;

/** The server that skips time, for workflow tests; `null` where set-up could not prepare one. */
export function findTimeSkippingServer(environment?: Environment): string | null;

/** Where set-up puts the `temporal` program. */
export function cachedTemporalCli(environment?: Environment): string;

/** Where set-up puts the server that skips time: a program, or a script that starts one with Java. */
export function cachedTimeSkippingServer(environment?: Environment): string;

/** What is kept between checkouts of this project: programs, prepared bundles. */
export function cacheDirectory(environment?: Environment): string;

export function findOnPath(name: string, environment?: Environment): string | null;

export function isProgram(path: string): boolean;

/** The server of a deployment, which set-up builds. */
export const TEMPORAL_SERVER_VERSION: string;

/** Where set-up puts it: `bin`, with its schema tool, `config` and `schema` beside it. */
export function cachedTemporalServer(environment?: Environment): string;
