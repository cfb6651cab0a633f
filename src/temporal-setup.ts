import { namespaceOf, parseConfig } from './config.ts';
import { connectClient } from './temporal/connection.ts';
import { ensureNamespace } from './temporal/namespace.ts';
import { lookAtNamespace, type NamespaceLook, namespaceReport } from './temporal/namespace-report.ts';

type Place = { readonly address?: string | undefined; readonly namespace: string };

/**
 * Makes the namespace of an installation ready, and says line by line what was done and what was there. Safe to
 * repeat. Throws where the namespace cannot be used, with what has to be made by hand.
 */
export async function setUpTemporal({ address, namespace }: Place): Promise<readonly string[]> {
  const target = address === undefined ? { namespace } : { address, namespace };
  const { connection, close } = await connectClient({ ...target, connectTimeoutMs: 60_000 });
  try {
    const before: NamespaceLook = await lookAtNamespace(connection, namespace);
    await ensureNamespace(connection, namespace);
    return namespaceReport(namespace, before, await lookAtNamespace(connection, namespace));
  } finally {
    await close();
  }
}

/** As a process that ends when it is done: `node src/temporal-setup.ts`. */
async function main(): Promise<void> {
  const config = parseConfig(process.env);
  const lines = await setUpTemporal({ address: config.TEMPORAL_ADDRESS, namespace: namespaceOf(config) });
  process.stdout.write(`${lines.join('\n')}\n`);
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
