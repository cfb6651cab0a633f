import { type Client, Connection } from '@temporalio/client';

/** What Temporal's API gave away, by where it was found: what whoever administers Temporal can read. */
export type Stored = { readonly where: string; readonly message: object };

/** Everything stored in a namespace, as it is stored: rows, descriptions, histories and schedules. */
export async function readStored({
  address,
  namespace,
}: {
  address: string;
  namespace: string;
}): Promise<Stored[]> {
  const connection = await Connection.connect({ address });
  try {
    return await readAll(connection.workflowService, namespace);
  } finally {
    await connection.close();
  }
}

type Service = Client['workflowService'];

async function readAll(service: Service, namespace: string): Promise<Stored[]> {
  const { executions } = await service.listWorkflowExecutions({ namespace, pageSize: 1_000 });
  const stored: Stored[] = [];
  for (const row of executions ?? []) {
    const { execution } = row;
    const id = execution?.workflowId ?? '';
    const described = await service.describeWorkflowExecution({ namespace, execution: execution ?? null });
    stored.push(
      { where: `row of ${id}`, message: row },
      { where: `description of ${id}`, message: described },
    );
    for (const event of await readHistory(service, namespace, execution))
      stored.push({ where: `${id}: event ${event.eventId}`, message: event });
  }
  const { schedules } = await service.listSchedules({ namespace, maximumPageSize: 100 });
  for (const row of schedules ?? []) {
    const id = row.scheduleId ?? '';
    const described = await service.describeSchedule({ namespace, scheduleId: id });
    stored.push(
      { where: `row of schedule ${id}`, message: row },
      { where: `description of schedule ${id}`, message: described },
    );
  }
  return stored;
}

type Execution = Parameters<Service['getWorkflowExecutionHistory']>[0]['execution'];

async function readHistory(service: Service, namespace: string, execution: Execution) {
  const events = [];
  let nextPageToken: Uint8Array | undefined;
  do {
    const page = await service.getWorkflowExecutionHistory({
      namespace,
      ...(execution && { execution }),
      ...(nextPageToken && { nextPageToken }),
    });
    events.push(...(page.history?.events ?? []));
    nextPageToken = page.nextPageToken?.length ? page.nextPageToken : undefined;
  } while (nextPageToken !== undefined);
  return events;
}

/** Each text and each payload within a message, with its path; bytes as the text they are. */
export function* textsIn(part: unknown, path: string): Generator<{ path: string; text: string }> {
  if (typeof part === 'string') yield { path, text: part };
  else if (part instanceof Uint8Array) yield { path, text: Buffer.from(part).toString('latin1') };
  else if (typeof part === 'object' && part !== null)
    for (const [name, inner] of Object.entries(part)) yield* textsIn(inner, `${path}.${name}`);
}

/** Paths of payloads that anybody can read, but for those under a name of `but`. */
export function* readablePayloads(
  part: unknown,
  path: string,
  but: readonly string[],
): Generator<{ path: string; text: string }> {
  if (typeof part !== 'object' || part === null || part instanceof Uint8Array) return;
  const encoding: unknown = Reflect.get(Reflect.get(part, 'metadata') ?? {}, 'encoding');
  if (encoding instanceof Uint8Array) {
    if (Buffer.from(encoding).toString() !== 'binary/encrypted')
      yield { path, text: Buffer.from(Reflect.get(part, 'data') ?? []).toString() };
    return;
  }
  for (const [name, inner] of Object.entries(part))
    if (!but.includes(name)) yield* readablePayloads(inner, `${path}.${name}`, but);
}
