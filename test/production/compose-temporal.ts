import { parse } from 'yaml';
import { z } from 'zod';

/** What docker-compose.yml gives the Temporal server: its environment, and the settings file mounted for it. */
export type ComposedTemporal = {
  readonly environment: Readonly<Record<string, string>>;
  readonly dynamicConfig: string;
};

/** Where a program is here and not in a container: these stand in place of what the file says. */
export type Places = {
  readonly databasePort: number;
  readonly password: string;
  readonly dynamicConfigFile: string;
  /** Free ports, one for each of `PORT_NAMES`. */
  readonly ports: readonly number[];
};

/** The environment names of the server's ports; its image's own configuration reads them. */
export const PORT_NAMES = [
  'FRONTEND_GRPC_PORT',
  'FRONTEND_HTTP_PORT',
  'FRONTEND_MEMBERSHIP_PORT',
  'MATCHING_GRPC_PORT',
  'MATCHING_MEMBERSHIP_PORT',
  'HISTORY_GRPC_PORT',
  'HISTORY_MEMBERSHIP_PORT',
  'WORKER_GRPC_PORT',
  'WORKER_MEMBERSHIP_PORT',
] as const;

/** The settings of the service `temporal` in a compose file, so that the same server runs without containers. */
export function composedTemporal(compose: string): ComposedTemporal {
  const { services, configs } = ComposeFile.parse(parse(compose, { merge: true }));
  const { environment, configs: mounted } = services.temporal;
  const file = environment.DYNAMIC_CONFIG_FILE_PATH;
  const source = mounted.find(({ target }) => target === file)?.source;
  const content = source === undefined ? undefined : configs[source]?.content;
  if (content === undefined)
    throw new Error(`The compose file mounts nothing at ${file}, where the server looks for its settings.`);
  return { environment, dynamicConfig: content.replaceAll('$$', '$') };
}

/** The server's environment here: the compose file's, but for addresses, password and files. */
export function environmentHere({ environment }: ComposedTemporal, places: Places): Record<string, string> {
  const here: Record<string, string> = {
    ...environment,
    DB_PORT: String(places.databasePort),
    // The configuration of 1.29.1 reads another name for the second database's.
    VISIBILITY_DB_PORT: String(places.databasePort),
    POSTGRES_SEEDS: '127.0.0.1',
    POSTGRES_PWD: places.password,
    BIND_ON_IP: '127.0.0.1',
    // The servers of a ring find each other by it; left out, it is an address of the container.
    TEMPORAL_BROADCAST_ADDRESS: '127.0.0.1',
    DYNAMIC_CONFIG_FILE_PATH: places.dynamicConfigFile,
    ...Object.fromEntries(PORT_NAMES.map((name, index) => [name, String(places.ports[index])])),
  };
  const unknown = Object.entries(here).filter(([, value]) => value.includes('${'));
  if (unknown.length > 0)
    throw new Error(
      `The compose file takes ${unknown.map(([name]) => name).join(', ')} from outside; say here what it is.`,
    );
  return here;
}

const Text = z.union([z.string(), z.number(), z.boolean()]).transform(String);

const ComposeFile = z.object({
  services: z.object({
    temporal: z.object({
      environment: z.record(z.string(), Text),
      configs: z.array(z.object({ source: z.string(), target: z.string() })),
    }),
  }),
  configs: z.record(z.string(), z.object({ content: z.string().optional() })),
});
