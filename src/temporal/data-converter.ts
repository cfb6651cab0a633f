import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import type { DataConverter, Payload } from '@temporalio/common';
import { EncryptionCodec, isEncrypted } from './payload-codec.ts';
import type { PayloadKeys } from './payload-keys.ts';

const FAILURE_CONVERTER = fileURLToPath(new URL('./failure-converter.ts', import.meta.url));

/**
 * What clients and workers pass every payload through. Where no key is known it encrypts nothing, and what is
 * encrypted is refused by the name of its key.
 */
export function dataConverterOf(keys: PayloadKeys): DataConverter {
  return {
    payloadCodecs: [new EncryptionCodec(keys)],
    ...(keys.isOn && { failureConverterPath: FAILURE_CONVERTER }),
  };
}

/**
 * Decrypts, in its place, whatever is encrypted in a message that the client hands out as Temporal sent it: a
 * history, a raw description, a page of visibility. Throws a `PayloadUnreadable`.
 */
export async function decodeMessage<Message extends object>(
  client: Pick<Client, 'options'>,
  message: Message,
): Promise<Message> {
  const payloads: Payload[] = [];
  const failures: Failure[] = [];
  collect(message, { payloads, failures });
  let decoded = payloads;
  for (const codec of client.options.loadedDataConverter.payloadCodecs.toReversed())
    decoded = await codec.decode(decoded);
  for (const [index, payload] of payloads.entries()) Object.assign(payload, decoded[index]);
  for (const failure of failures) tellFailure(failure);
  return message;
}

type Failure = { message?: string | null; stackTrace?: string | null; encodedAttributes: Payload };

/** Every encrypted payload and every encoded failure within `part`, however deep. */
function collect(part: object, found: { payloads: Payload[]; failures: Failure[] }): void {
  if (part instanceof Uint8Array) return;
  if (isPayload(part)) {
    if (isEncrypted(part)) found.payloads.push(part);
    return;
  }
  if (isEncodedFailure(part)) found.failures.push(part);
  for (const inner of Object.values(part))
    if (typeof inner === 'object' && inner !== null) collect(inner, found);
}

function isPayload(part: object): part is Payload {
  return 'metadata' in part && 'data' in part;
}

function isEncodedFailure(part: object): part is Failure {
  return (
    'encodedAttributes' in part &&
    typeof part.encodedAttributes === 'object' &&
    part.encodedAttributes !== null
  );
}

/** Where its words were before they were encoded. */
function tellFailure(failure: Failure): void {
  const said = findJson(failure.encodedAttributes);
  if (typeof said !== 'object' || said === null) return;
  const [message, stackTrace] = [Reflect.get(said, 'message'), Reflect.get(said, 'stack_trace')] as unknown[];
  if (typeof message === 'string') failure.message = message;
  if (typeof stackTrace === 'string') failure.stackTrace = stackTrace;
}

function findJson({ data }: Payload): unknown {
  try {
    return JSON.parse(Buffer.from(data ?? []).toString());
  } catch {
    return null;
  }
}
